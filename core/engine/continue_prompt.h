// The verb for before and after: a prompt continued greedily by several sides.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/engine/engine.h"

namespace graticule {

struct Continuation {
    std::string run_name;
    std::vector<std::int32_t> tokens; ///< after the prompt; it ends early behind the tokenizer's end of text
    std::string text;                 ///< what they add to the prompt
    /// From the second token on: until the first, weights are loaded and the prompt is read; the second is the first of
    /// its kind of pass, for which workers and code are made ready.
    double seconds = 0;
    [[nodiscard]] double tokens_per_second() const { ///< 0: not known
        return seconds > 0 ? static_cast<double>(tokens.size() - 2) / seconds : 0;
    }
};

/// The prompt's tokens. Throws as continue_prompt would for one that the model cannot go on from, before any recipe is
/// quantized for it.
[[nodiscard]] std::vector<std::int32_t> prompt_tokens(const Model& model, const Tokenizer& tokenizer,
                                                      const std::string& prompt, std::int64_t tokens);

/// Each token is the most likely one. Keys and values of the text so far are kept, except where a recipe rounds over
/// several tokens at once (ModelRunner::grow). Throws Error{bad_input} for a prompt without tokens, or where prompt and
/// tokens do not fit the model's positions.
[[nodiscard]] std::vector<Continuation> continue_prompt(std::shared_ptr<const Model> model,
                                                        std::span<const EvaluationSide> sides,
                                                        const Tokenizer& tokenizer, const std::string& prompt,
                                                        std::int64_t tokens, JobContext& ctx);

/// Index of the first token where the two differ, or where one has ended; absent: they are the same.
[[nodiscard]] std::optional<std::size_t> first_parting(const Continuation& a, const Continuation& b);

/// How many bytes of its text the first `tokens` tokens make; absent where the text does not fall apart there: within a
/// letter of several bytes.
[[nodiscard]] std::optional<std::size_t> text_before(const Continuation& continuation, std::size_t tokens,
                                                     const Tokenizer& tokenizer);

} // namespace graticule
