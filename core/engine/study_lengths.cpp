#include "core/engine/study_lengths.h"

#include <algorithm>

#include "core/base/hold.h"
#include "core/engine/run_provenance.h"
#include "core/method/length_probe.h"
#include "core/runtime/settle_execution.h"

namespace graticule {

namespace {

std::vector<std::int64_t> sorted(std::vector<std::int64_t> lengths) {
    std::sort(lengths.begin(), lengths.end());
    lengths.erase(std::unique(lengths.begin(), lengths.end()), lengths.end());
    return lengths;
}

void check_lengths(const LengthStudySpec& spec, const std::vector<std::int64_t>& lengths) {
    if (lengths.empty() || lengths.front() < 2)
        throw Error(ErrorKind::usage,
                    "calibration lengths are numbers of tokens from 2; give some, such as 128,512,2048");
    for (const std::int64_t length : lengths)
        if (lengths.back() % length != 0)
            throw Error(ErrorKind::usage, "a length of " + std::to_string(length) + " does not divide the longest, " +
                                              std::to_string(lengths.back()) +
                                              ": the lengths would see different tokens; take a divisor of it");
    if (spec.tokens < lengths.back() || spec.tokens % lengths.back() != 0)
        throw Error(ErrorKind::usage, std::to_string(spec.tokens) +
                                          " tokens are not a multiple of the longest length, " +
                                          std::to_string(lengths.back()) + "; take such a number");
}

CalibrationSpec calibration_at(const LengthStudySpec& spec, std::int64_t length) {
    return {spec.text, spec.tokens / length, length, CalibrationSpec::Pick::first, 0};
}

std::shared_ptr<const Evaluation> evaluate_at(Workbench& work, const LengthStudySpec::Matrix& matrix, bool quantized,
                                              std::int64_t length, std::string name, JobContext& ctx) {
    EvaluationSpec spec;
    spec.window = length;
    // At least one window: a text cut short of it is an error that names both.
    if (matrix.max_tokens > 0) spec.max_windows = std::max<std::int64_t>(1, matrix.max_tokens / length);
    spec.run_name = std::move(name);
    return work.evaluate(quantized, matrix.corpus, spec, ctx);
}

std::vector<std::int64_t> evaluated_lengths(const LengthStudySpec& spec) {
    return sorted(spec.matrix->lengths.empty() ? spec.lengths : spec.matrix->lengths);
}

/// What each part of measuring takes, in tokens through the model, for its progress: quantizing is guessed, as what
/// methods take differs.
struct Parts {
    double probe = 0, evaluation = 0, calibration = 0, quantization = 0;
    double all = 0;

    explicit Parts(const LengthStudySpec& spec) {
        constexpr double bytes_a_token = 4, passes_of_quantizing = 2;
        const auto lengths = static_cast<double>(sorted(spec.lengths).size());
        const auto evaluated = static_cast<double>(evaluated_lengths(spec).size());
        calibration = static_cast<double>(spec.tokens);
        probe = lengths * calibration;
        quantization = passes_of_quantizing * calibration;
        evaluation = static_cast<double>(spec.matrix->corpus.text.size()) / bytes_a_token;
        if (spec.matrix->max_tokens > 0)
            evaluation = std::min(evaluation, static_cast<double>(spec.matrix->max_tokens));
        all = probe + evaluated * evaluation + lengths * (calibration + quantization + evaluated * evaluation);
    }
};

void measure(Workbench& work, const LengthStudySpec& spec, LengthStudy& study, JobContext& ctx) {
    const LengthStudySpec::Matrix& matrix = *spec.matrix;
    const Parts parts(spec);
    study.recipe_line = summary_line(matrix.recipe);
    study.evaluated = evaluated_lengths(spec);
    for (const std::int64_t length : study.evaluated) {
        ctx.progress.part(parts.evaluation);
        study.full_precision.push_back(evaluate_at(work, matrix, false, length, unquantized_name(*work.model()), ctx));
    }
    for (const std::int64_t calibrated : study.lengths) {
        Recipe recipe = matrix.recipe;
        recipe.calibration = calibration_at(spec, calibrated);
        ctx.progress.part(parts.calibration);
        if (work.resolve(recipe).needs_calibration()) (void)work.calibrate(recipe.calibration, ctx);
        ctx.progress.part(parts.quantization);
        work.quantize(recipe, false, ctx);
        auto& row = study.perplexity.emplace_back();
        for (const std::int64_t length : study.evaluated) {
            ctx.progress.part(parts.evaluation);
            row.push_back(evaluate_at(work, matrix, true, length, "calibrated at " + std::to_string(calibrated), ctx));
        }
    }
}

} // namespace

std::shared_ptr<const LengthStudy> study_lengths(Workbench& work, const LengthStudySpec& spec, JobContext& ctx) {
    const WorkClock clock;
    work.model()->start_hashing();
    auto study = std::make_shared<LengthStudy>();
    study->lengths = sorted(spec.lengths);
    check_lengths(spec, study->lengths);
    if (spec.matrix) (void)work.resolve(spec.matrix->recipe); // before the long work
    study->tokens = spec.tokens;
    study->damping = spec.damping;

    if (spec.matrix) {
        const Parts parts(spec);
        ctx.progress.plan(parts.all);
        ctx.progress.part(parts.probe);
    }
    ctx.progress.begin("Tokenizing the calibration text", 0);
    const Corpus corpus = load_text(spec.text, BuiltInText::calibration);
    const auto samples = pick_samples(tokenize(work.tokenizer(), corpus), calibration_at(spec, study->lengths.back()));
    const Device device = open_device(ctx.device);
    const std::vector<std::span<const std::int32_t>> windows(samples.begin(), samples.end());
    const Execution execution = settle_execution(ctx.execution, ctx.device, *work.model());
    study->provenance = run_provenance(device, execution, corpus, windows);
    study->provenance.protocol = "the first " + std::to_string(spec.tokens) + " tokens at every length";
    ctx.progress.begin("Comparing calibration lengths",
                       std::int64_t(work.model()->blocks().size() * study->lengths.size()));
    study->sites = probe_lengths(work.model(), samples, study->lengths, spec.damping, device, execution, ctx);
    if (spec.matrix) measure(work, spec, *study, ctx);
    study->provenance.model_hash = work.model()->hash(ctx);
    study->seconds = clock.seconds();
    return study;
}

} // namespace graticule
