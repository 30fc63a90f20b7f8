// The verb for tasks with right answers.
//
//     const TaskSet set = load_task(*find_task("piqa"), {.file = "valid.jsonl"}, 200);
//     const auto runs = answer_task(model, sides, tokenizer, set, ctx);   // one per side, from one pass
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "core/engine/engine.h"
#include "core/io/task_file.h"
#include "core/result/task_run.h"

namespace graticule {

/// One run a side, whenever an item has been answered by all of them, and not in their order. They go on growing: who
/// wants to keep one copies it.
using TaskCallback = std::function<void(std::span<const std::shared_ptr<const TaskRun>> so_far)>;

/// Throws as answer_task would, before any recipe is quantized for it.
void check_task(const TaskSet& set, const Tokenizer& tokenizer, const Model& model, JobContext& ctx);

/// A choice's score is the sum of the log-probabilities of its tokens, which are those of context and choice tokenized
/// together but for the first so many that the context alone has; no special tokens but those the tokenizer adds. A
/// request that is longer than the model's positions loses its beginning. Throws Error{bad_input} naming the item for a
/// choice without tokens of its own.
[[nodiscard]] std::vector<std::shared_ptr<const TaskRun>>
answer_task(std::shared_ptr<const Model> model, std::span<const EvaluationSide> sides, const Tokenizer& tokenizer,
            const TaskSet& set, JobContext& ctx, const TaskCallback& on_answer = {});

} // namespace graticule
