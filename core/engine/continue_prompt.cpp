#include "core/engine/continue_prompt.h"

#include <algorithm>
#include <optional>

#include "core/base/hold.h"
#include "core/engine/run_provenance.h"
#include "core/runtime/model_runner.h"

namespace graticule {

namespace {

std::int32_t most_likely(const HostTensor& logits) {
    const std::vector<float> values = to_floats(logits);
    return static_cast<std::int32_t>(std::ranges::max_element(values) - values.begin());
}

} // namespace

std::vector<std::int32_t> prompt_tokens(const Model& model, const Tokenizer& tokenizer, const std::string& prompt,
                                        std::int64_t tokens) {
    std::vector<std::int32_t> start = tokenizer.encode(prompt);
    if (start.empty()) throw Error(ErrorKind::bad_input, "the prompt has no tokens; give a text to go on from");
    if (const std::int64_t most = model.config().max_positions; most > 0 && std::ssize(start) + tokens > most)
        throw Error(ErrorKind::bad_input, "a prompt of " + std::to_string(start.size()) + " tokens and " +
                                              std::to_string(tokens) + " after it do not fit the model's " +
                                              std::to_string(most) + " positions; ask for fewer");
    check_token_ids(model, {start});
    return start;
}

std::vector<Continuation> continue_prompt(std::shared_ptr<const Model> model, std::span<const EvaluationSide> sides,
                                          const Tokenizer& tokenizer, const std::string& prompt, std::int64_t tokens,
                                          JobContext& ctx) {
    const std::vector<std::int32_t> start = prompt_tokens(*model, tokenizer, prompt, tokens);
    ctx.progress.begin("Continuing the prompt", std::ssize(sides) * tokens);
    std::vector<Continuation> continuations;
    for (const EvaluationSide& side : sides) {
        RunnerOptions options;
        options.execution = ctx.execution;
        options.weight_budget = ctx.weight_budget;
        ModelRunner runner(model, side.quantized, open_device(ctx.device), options);
        Continuation& continuation = continuations.emplace_back();
        continuation.run_name = side_name(side, *model);
        std::optional<WorkClock> since_second;
        std::vector<std::int32_t> text = start;
        runner.grow(start, std::ssize(start) + tokens, ctx, [&](const HostTensor& logits) {
            const std::int32_t token = most_likely(logits);
            if (since_second)
                continuation.seconds = since_second->seconds();
            else if (!continuation.tokens.empty())
                since_second.emplace();
            text.push_back(token);
            continuation.tokens.push_back(token);
            ctx.advance();
            const bool ended = tokenizer.eos() && token == *tokenizer.eos();
            return ended ? std::nullopt : std::optional(token);
        });
        const std::string before = tokenizer.decode(start), all = tokenizer.decode(text);
        continuation.text = all.starts_with(before) ? all.substr(before.size()) : tokenizer.decode(continuation.tokens);
    }
    return continuations;
}

std::optional<std::size_t> first_parting(const Continuation& a, const Continuation& b) {
    const auto [one, other] = std::ranges::mismatch(a.tokens, b.tokens);
    if (one == a.tokens.end() && other == b.tokens.end()) return std::nullopt;
    return static_cast<std::size_t>(one - a.tokens.begin());
}

std::optional<std::size_t> text_before(const Continuation& continuation, std::size_t tokens,
                                       const Tokenizer& tokenizer) {
    const std::span<const std::int32_t> ids(continuation.tokens);
    const std::string start = tokenizer.decode(ids.first(tokens)), all = tokenizer.decode(ids);
    if (!all.starts_with(start)) return std::nullopt;
    // decode() may leave out the blank in front: what comes after is what both texts end with.
    const std::size_t after = all.size() - start.size();
    return continuation.text.size() - std::min(after, continuation.text.size());
}

} // namespace graticule
