// The verb for tasks with right answers.
//
//     const TaskSet set = load_task(*find_task("piqa"), {.file = "valid.jsonl"}, 200);
//     const auto runs = answer_task(model, sides, tokenizer, set, ctx);   // one per side, from one pass
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "core/engine/engine.h"
#include "core/io/task_file.h"
#include "core/result/task_run.h"

namespace graticule {

/// A choice's score is the sum of the log-probabilities of its tokens, which are those of context and choice tokenized
/// together but for the first so many that the context alone has; no special tokens but those the tokenizer adds. A
/// request that is longer than the model's positions loses its beginning. Throws Error{bad_input} naming the item for a
/// choice without tokens of its own.
[[nodiscard]] std::vector<std::shared_ptr<const TaskRun>> answer_task(std::shared_ptr<const Model> model,
                                                                      std::span<const EvaluationSide> sides,
                                                                      const Tokenizer& tokenizer, const TaskSet& set,
                                                                      JobContext& ctx);

} // namespace graticule
