// Perplexity in the protocol of the GPTQ papers: the whole text tokenized once, windows that do not overlap, the mean
// over windows of each window's mean cross entropy.
#include <chrono>

#include "core/engine/engine.h"
#include "core/engine/run_provenance.h"
#include "core/runtime/model_runner.h"
#include "core/runtime/settle_execution.h"

namespace graticule {

namespace {

using Clock = std::chrono::steady_clock;

void summarize(Evaluation& evaluation) {
    const Measurement measurement = evaluation.measurement();
    evaluation.perplexity = measurement.figure();
    evaluation.standard_error = measurement.standard_error();
    evaluation.tokens = static_cast<std::int64_t>(evaluation.window_losses.size()) * (evaluation.protocol.window - 1);
}

std::vector<std::span<const std::int32_t>> windows_of(const std::vector<std::int32_t>& ids, const Corpus& corpus,
                                                      const EvaluationSpec& spec) {
    if (spec.window < 2)
        throw Error(ErrorKind::bad_input,
                    "a window of " + std::to_string(spec.window) + " tokens predicts nothing; it needs at least 2");
    std::vector<std::span<const std::int32_t>> windows = cut_windows(ids, spec.window);
    if (windows.empty())
        throw Error(ErrorKind::bad_input, "\"" + corpus.name + "\" has " + std::to_string(ids.size()) +
                                              " tokens, fewer than one window of " + std::to_string(spec.window) +
                                              "; take a longer text or a shorter window");
    return windows;
}

Protocol protocol_of(const EvaluationSpec& spec, const Tokenizer& tokenizer, const std::vector<std::int32_t>& ids,
                     const Corpus& corpus, std::int64_t there) {
    Protocol protocol;
    protocol.window = spec.window;
    protocol.windows_there = there;
    protocol.windows_used = spec.max_windows > 0 ? std::min(spec.max_windows, there) : there;
    protocol.bos = tokenizer.bos() && ids.front() == *tokenizer.bos() ? "once" : "none";
    protocol.text_rule = corpus.rule;
    return protocol;
}

/// The losses of a stopped evaluation that this one may take over.
std::vector<double> known_losses(const EvaluationSpec& spec, const Evaluation& evaluation, const Model& model,
                                 JobContext& ctx) {
    if (!spec.resume || spec.resume->window_losses.empty()) return {};
    const Evaluation& stopped = *spec.resume;
    const Provenance &was = stopped.provenance, &is = evaluation.provenance;
    const bool same = stopped.protocol == evaluation.protocol && was.device == is.device &&
                      was.recipe_hash == is.recipe_hash && was.backend == is.backend && !was.model_hash.empty() &&
                      std::ssize(stopped.window_losses) < evaluation.protocol.windows_used;
    return same && was.model_hash == model.hash(ctx) ? stopped.window_losses : std::vector<double>();
}

} // namespace

std::shared_ptr<const Evaluation> evaluate(std::shared_ptr<const Model> model,
                                           std::shared_ptr<const QuantizedModel> quantized, const Tokenizer& tokenizer,
                                           const Corpus& corpus, const EvaluationSpec& spec, JobContext& ctx,
                                           const WindowCallback& on_window) {
    const Clock::time_point start = Clock::now();
    model->start_hashing();
    ctx.progress.begin("Tokenizing " + corpus.name, 0);
    const std::vector<std::int32_t> ids = tokenize(tokenizer, corpus);
    std::vector<std::span<const std::int32_t>> windows = windows_of(ids, corpus, spec);
    ctx.check_cancelled();

    auto evaluation = std::make_shared<Evaluation>();
    evaluation->protocol = protocol_of(spec, tokenizer, ids, corpus, static_cast<std::int64_t>(windows.size()));
    windows.resize(static_cast<std::size_t>(evaluation->protocol.windows_used));
    const std::string recipe_line = quantized ? summary_line(quantized->recipe) : std::string();
    evaluation->run_name = !spec.run_name.empty() ? spec.run_name : quantized ? recipe_line : unquantized_name(*model);
    const Device device = open_device(ctx.device);
    const Execution execution = settle_execution(ctx.execution, ctx.device, *model);
    evaluation->protocol.execution = execution;
    Provenance& provenance = evaluation->provenance;
    provenance = run_provenance(device, execution, corpus, windows);
    evaluation->protocol.data_hash = provenance.data_hash;
    provenance.protocol = evaluation->protocol.text();
    if (quantized) {
        provenance.recipe_hash = quantized->provenance.recipe_hash;
        provenance.recipe_line = recipe_line;
        provenance.backend = quantized->provenance.backend;
        provenance.seed = quantized->provenance.seed;
    }

    ctx.progress.begin("Evaluating", static_cast<std::int64_t>(windows.size()));
    evaluation->complete = false;
    evaluation->window_losses = known_losses(spec, *evaluation, *model, ctx);
    const std::size_t known = evaluation->window_losses.size();
    if (known > 0) ctx.log("going on after window " + std::to_string(known) + " of " + std::to_string(windows.size()));
    ctx.advance(static_cast<std::int64_t>(known));
    RunnerOptions options;
    options.execution = execution;
    options.weight_budget = ctx.weight_budget;
    ModelRunner runner(model, std::move(quantized), device, options);
    runner.window_losses(std::span(windows).subspan(known), ctx, [&](double loss) {
        evaluation->window_losses.push_back(loss);
        summarize(*evaluation);
        evaluation->seconds = std::chrono::duration<double>(Clock::now() - start).count();
        evaluation->kernels = runner.kernels();
        provenance.model_hash = model->known_hash().value_or(std::string()); // what a stopped one is known by
        if (on_window) on_window(*evaluation);
        ctx.advance();
    });
    provenance.model_hash = model->hash(ctx);
    evaluation->complete = true;
    return evaluation;
}

} // namespace graticule
