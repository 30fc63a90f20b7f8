// Perplexity: the whole text tokenized once, windows that do not overlap, the mean over windows of each window's mean
// cross entropy. What of a window is scored, and how it begins, is the protocol's affair (all_protocols).
#include <algorithm>
#include <cmath>

#include "core/base/hold.h"
#include "core/base/mapping_guard.h"
#include "core/engine/engine.h"
#include "core/engine/run_provenance.h"
#include "core/runtime/model_runner.h"
#include "core/runtime/settle_execution.h"

namespace graticule {

namespace {

std::vector<std::span<const std::int32_t>> windows_of(const std::vector<std::int32_t>& ids, const Corpus& corpus,
                                                      const EvaluationSpec& spec) {
    const std::int64_t least = protocol_named(spec.protocol).second_half ? 4 : 2;
    if (spec.window < least)
        throw Error(ErrorKind::bad_input, "a window of " + std::to_string(spec.window) +
                                              " tokens predicts nothing; it needs at least " + std::to_string(least));
    std::vector<std::span<const std::int32_t>> windows = cut_windows(ids, spec.window);
    if (windows.empty())
        throw Error(ErrorKind::bad_input, "\"" + corpus.name + "\" has " + std::to_string(ids.size()) +
                                              " tokens, fewer than one window of " + std::to_string(spec.window) +
                                              "; take a longer text or a shorter window");
    return windows;
}

/// The losses of a stopped evaluation that this one may take over.
std::vector<double> known_losses(const Evaluation* stopped, const Evaluation& evaluation, const Model& model,
                                 JobContext& ctx) {
    if (stopped == nullptr || stopped->window_losses.empty()) return {};
    const Provenance &was = stopped->provenance, &is = evaluation.provenance;
    const bool same = stopped->protocol == evaluation.protocol && was.device == is.device && was.host == is.host &&
                      was.recipe_hash == is.recipe_hash && was.served_as == is.served_as && was.backend == is.backend &&
                      !was.model_hash.empty() && std::ssize(stopped->window_losses) < evaluation.protocol.windows_used;
    return same && was.model_hash == model.hash(ctx) ? stopped->window_losses : std::vector<double>();
}

/// Norms of states whose squares leave the range are 0, and then every token is as likely as any other: nothing that is
/// not finite is seen, and nothing that is measured means anything. Evaluation::meaningless.
std::string states_out_of_range(const Evaluation& evaluation, bool behind_the_last) {
    const auto beyond =
        std::ranges::find_if(evaluation.state_errors, [](double error) { return !std::isfinite(error); });
    if (beyond == evaluation.state_errors.end() && !behind_the_last) return {};
    const std::string block =
        behind_the_last ? "the last block" : "block " + std::to_string(beyond - evaluation.state_errors.begin());
    return "the hidden states behind " + block + " are too large for their squares in " +
           std::string(to_text(evaluation.protocol.execution.compute)) +
           ": what is measured there says nothing; use float64";
}

/// Of the side, before its first window; `common`: what all sides have of the provenance.
std::shared_ptr<Evaluation> begin_side(const EvaluationSide& side, const Model& model, const Protocol& protocol,
                                       const Provenance& common) {
    auto evaluation = std::make_shared<Evaluation>();
    evaluation->protocol = protocol;
    evaluation->complete = false;
    evaluation->provenance = common;
    describe_recipe(evaluation->provenance, side.quantized.get());
    evaluation->run_name = side_name(side, model);
    return evaluation;
}

} // namespace

std::vector<std::shared_ptr<const Evaluation>>
evaluate_together(std::shared_ptr<const Model> model, std::span<const EvaluationSide> sides, const Tokenizer& tokenizer,
                  const Corpus& corpus, const EvaluationSpec& spec, JobContext& ctx, const SideCallback& on_window) {
    const WorkClock clock;
    model->start_hashing();
    ctx.progress.begin("Tokenizing " + corpus.name, 0);
    if (corpus.text.find("\r\n") != std::string::npos)
        ctx.log("warning: the lines of " + corpus.name + " end as on Windows (CR LF) and the rule " + corpus.rule +
                " keeps that: a copy with LF has other tokens. Convert the file, or use the rule gptq");
    std::vector<std::int32_t> ids = tokenize(tokenizer, corpus);
    std::vector<std::span<const std::int32_t>> windows = windows_of(ids, corpus, spec);
    ctx.check_cancelled();

    Protocol protocol = evaluation_protocol(spec, tokenizer, ids, corpus, static_cast<std::int64_t>(windows.size()));
    if (protocol.bos == "each window")
        for (std::size_t first = 0; first < ids.size(); first += static_cast<std::size_t>(spec.window))
            ids[first] = ids.front(); // windows are views of them
    windows.resize(static_cast<std::size_t>(protocol.windows_used));
    const Device device = open_device(ctx.device);
    protocol.execution = settle_execution(ctx.execution, ctx.device, *model);
    Provenance common = run_provenance(device, protocol.execution, corpus, windows);
    protocol.data_hash = common.data_hash;
    common.protocol = protocol.text();
    std::vector<std::shared_ptr<Evaluation>> evaluations;
    for (const EvaluationSide& side : sides) evaluations.push_back(begin_side(side, *model, protocol, common));

    std::size_t known = windows.size();
    for (std::size_t side = 0; side < sides.size(); ++side) {
        std::vector<double>& losses = evaluations[side]->window_losses;
        if (!spec.predictions) losses = known_losses(sides[side].resume.get(), *evaluations[side], *model, ctx);
        if (!losses.empty()) // as far as they went
            evaluations[side]->provenance.product_tokens = sides[side].resume->provenance.product_tokens;
        known = std::min(known, losses.size());
    }
    for (const auto& evaluation : evaluations) evaluation->window_losses.resize(known);
    if (known > 0) ctx.log("going on after window " + std::to_string(known) + " of " + std::to_string(windows.size()));
    ctx.check_cancelled();
    ctx.progress.begin(sides.size() == 1 ? "Evaluating" : "Evaluating " + std::to_string(sides.size()) + " runs",
                       std::ssize(windows), static_cast<std::int64_t>(known), Progress::Counted::windows);
    RunnerOptions options;
    options.execution = protocol.execution;
    options.weight_budget = ctx.weight_budget;
    std::vector<std::shared_ptr<const QuantizedModel>> weights;
    for (const EvaluationSide& side : sides) weights.push_back(side.quantized);
    ModelRunner runner(model, weights, device, options);
    std::vector<bool> stopped(sides.size());
    const auto leaves = [&](std::size_t side) {
        const CancelToken* stop = sides[side].stop;
        if (stop == nullptr || !stop->due()) return false;
        stopped[side] = true;
        if (std::ranges::find(stopped, false) == stopped.end()) throw Cancelled();
        return true;
    };
    if (!spec.predictions) runner.leave_out(leaves);
    const auto take_losses = [&](std::span<const double> losses) {
        verify_mappings(); // windows are shown and kept one by one
        for (std::size_t side = 0; side < losses.size(); ++side) {
            if (stopped[side]) continue;
            Evaluation& evaluation = *evaluations[side];
            evaluation.window_losses.push_back(losses[side]);
            summarize(evaluation);
            evaluation.seconds = clock.seconds();
            evaluation.kernels = runner.kernels(side);
            if (const std::int64_t smaller = runner.smaller_products(); smaller > 0)
                evaluation.provenance.product_tokens = smaller;
            // What a stopped one is known by.
            evaluation.provenance.model_hash = model->known_hash().value_or(std::string());
            if (on_window) on_window(side, evaluation);
        }
        ctx.advance();
    };
    const std::int64_t first = protocol.first_scored();
    if (spec.predictions)
        runner.window_predictions(windows, first, spec.likely, ctx, [&](ModelRunner::WindowPredictions&& window) {
            for (std::size_t side = 0; side < window.sides.size(); ++side) {
                TokenPredictions& all = evaluations[side]->predictions;
                all.insert(all.end(), window.sides[side].begin(), window.sides[side].end());
                std::vector<LikelyToken>& likely = evaluations[side]->likely;
                likely.insert(likely.end(), window.likely[side].begin(), window.likely[side].end());
                // The mean square so far: roots are taken at the end.
                std::vector<double>& errors = evaluations[side]->state_errors;
                errors.resize(window.state_errors[side].size());
                for (std::size_t block = 0; block < errors.size(); ++block)
                    errors[block] += window.state_errors[side][block] / static_cast<double>(windows.size());
            }
            take_losses(window.losses);
        });
    else
        runner.window_losses(windows, first, ctx, take_losses, known);
    for (std::size_t side = 0; side < sides.size(); ++side) {
        for (double& error : evaluations[side]->state_errors) error = std::sqrt(error);
        evaluations[side]->meaningless = states_out_of_range(*evaluations[side], runner.out_of_range(side));
        if (!evaluations[side]->meaningless.empty())
            ctx.log("warning: " + model->parts().path.string() + ": under " + evaluations[side]->run_name + " " +
                    evaluations[side]->meaningless);
        evaluations[side]->provenance.model_hash = model->hash(ctx);
        evaluations[side]->complete = !stopped[side];
    }
    return {evaluations.begin(), evaluations.end()};
}

std::vector<std::span<const std::int32_t>> evaluation_windows(const std::vector<std::int32_t>& ids,
                                                              const Corpus& corpus, const EvaluationSpec& spec) {
    std::vector<std::span<const std::int32_t>> windows = windows_of(ids, corpus, spec);
    if (spec.max_windows > 0 && spec.max_windows < std::ssize(windows))
        windows.resize(static_cast<std::size_t>(spec.max_windows));
    return windows;
}

std::shared_ptr<const Evaluation> evaluate(std::shared_ptr<const Model> model,
                                           std::shared_ptr<const QuantizedModel> quantized, const Tokenizer& tokenizer,
                                           const Corpus& corpus, const EvaluationSpec& spec, JobContext& ctx,
                                           const WindowCallback& on_window) {
    const EvaluationSide side{std::move(quantized), spec.run_name, spec.resume};
    SideCallback on_side;
    if (on_window) on_side = [&](std::size_t, const Evaluation& so_far) { on_window(so_far); };
    return evaluate_together(std::move(model), std::span(&side, 1), tokenizer, corpus, spec, ctx, on_side).front();
}

} // namespace graticule
