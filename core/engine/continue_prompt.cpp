#include "core/engine/continue_prompt.h"

#include <algorithm>
#include <chrono>

#include "core/engine/run_provenance.h"
#include "core/runtime/model_runner.h"

namespace graticule {

std::vector<Continuation> continue_prompt(std::shared_ptr<const Model> model, std::span<const EvaluationSide> sides,
                                          const Tokenizer& tokenizer, const std::string& prompt, std::int64_t tokens,
                                          JobContext& ctx) {
    using Clock = std::chrono::steady_clock;
    const std::vector<std::int32_t> start = tokenizer.encode(prompt);
    if (start.empty()) throw Error(ErrorKind::bad_input, "the prompt has no tokens; give a text to go on from");
    if (const std::int64_t most = model->config().max_positions; most > 0 && std::ssize(start) + tokens > most)
        throw Error(ErrorKind::bad_input, "a prompt of " + std::to_string(start.size()) + " tokens and " +
                                              std::to_string(tokens) + " after it do not fit the model's " +
                                              std::to_string(most) + " positions; ask for fewer");
    check_token_ids(*model, {start});
    ctx.progress.begin("Continuing the prompt", std::ssize(sides) * tokens);
    std::vector<Continuation> continuations;
    for (const EvaluationSide& side : sides) {
        RunnerOptions options;
        options.execution = ctx.execution;
        options.weight_budget = ctx.weight_budget;
        ModelRunner runner(model, side.quantized, open_device(ctx.device), options);
        Continuation& continuation = continuations.emplace_back();
        continuation.run_name = side_name(side, *model);
        const Clock::time_point begin = Clock::now();
        ScoreRequest request{start, 0};
        while (std::ssize(continuation.tokens) < tokens) {
            request.first = std::ssize(request.tokens);
            request.tokens.push_back(0); // whose place is asked about: nothing reads it
            runner.score(std::span(&request, 1), ctx, [&](std::size_t, std::span<const TokenPredictions> predictions) {
                request.tokens.back() = predictions.front().front().choice;
            });
            continuation.tokens.push_back(request.tokens.back());
            ctx.advance();
            if (tokenizer.eos() && continuation.tokens.back() == *tokenizer.eos()) break;
        }
        continuation.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
        const std::string before = tokenizer.decode(start), all = tokenizer.decode(request.tokens);
        continuation.text = all.starts_with(before) ? all.substr(before.size()) : tokenizer.decode(continuation.tokens);
    }
    return continuations;
}

std::optional<std::size_t> first_parting(const Continuation& a, const Continuation& b) {
    const auto [one, other] = std::ranges::mismatch(a.tokens, b.tokens);
    if (one == a.tokens.end() && other == b.tokens.end()) return std::nullopt;
    return static_cast<std::size_t>(one - a.tokens.begin());
}

} // namespace graticule
