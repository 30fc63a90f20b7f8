#include "core/engine/workbench.h"

#include "core/base/error.h"
#include "core/engine/plan.h"
#include "core/engine/run_provenance.h"
#include "core/export/staged_dir.h"
#include "core/io/before_output.h"
#include "core/io/checkpoint.h"
#include "core/io/output_file.h"
#include "core/report/html_report.h"

namespace graticule {

void Workbench::open(const std::filesystem::path& path, JobContext& ctx) { adopt(open_model(path, ctx)); }

void Workbench::adopt(OpenedModel opened) {
    *this = Workbench();
    opened_ = std::move(opened);
}

const Tokenizer& Workbench::tokenizer() const {
    if (!opened_.tokenizer) throw Error(ErrorKind::bad_input, opened_.tokenizer_problem);
    return *opened_.tokenizer;
}

std::shared_ptr<const ActivationStats> Workbench::calibrate(const CalibrationSpec& spec, JobContext& ctx,
                                                            const StatsCallback& on_snapshot) {
    if (!statistics_ || statistics_->spec != spec)
        statistics_ = graticule::calibrate(*opened_.model, tokenizer(), spec, ctx, on_snapshot);
    return statistics_;
}

Resolution Workbench::resolution(const Recipe& recipe) const {
    Resolution resolution = graticule::resolve(recipe, *opened_.model);
    if (resolution.resolved) return resolution;
    std::string text;
    for (const std::string& line : resolution.diagnostics.lines(Severity::error))
        text += (text.empty() ? "" : "\n  ") + line;
    throw Error(ErrorKind::bad_input, text);
}

ResolvedRecipe Workbench::resolve(const Recipe& recipe) const { return std::move(*resolution(recipe).resolved); }

/// What quantizing needs: the recipe resolved, its warnings told, calibrated where the plan says so.
QuantizationSide Workbench::prepare(const Recipe& recipe, bool with_statistics, JobContext& ctx) {
    Resolution found = resolution(recipe); // before the long work, so that a wrong recipe fails at once
    QuantizationSide side{std::move(*found.resolved)};
    if (target_ != nullptr) (void)check_served(*opened_.model, choices_of(side.resolved), *target_);
    for (const std::string& line : found.diagnostics.lines(Severity::warning)) ctx.log("warning: " + line);
    for (const Step step : plan_of({Step::quantize, &side.resolved, with_statistics}, {}))
        if (step == Step::calibrate) side.stats = calibrate(recipe.calibration, ctx);
    return side;
}

std::shared_ptr<const QuantizedModel> Workbench::quantize(const Recipe& recipe, bool with_statistics, JobContext& ctx,
                                                          const LayerCallback& on_layer) {
    const QuantizationSide side = prepare(recipe, with_statistics, ctx);
    return quantized_ = served(graticule::quantize(opened_.model, side.stats, side.resolved, ctx, on_layer));
}

std::vector<std::shared_ptr<const QuantizedModel>> Workbench::quantize_together(std::span<const Recipe> recipes,
                                                                                JobContext& ctx) {
    std::vector<QuantizationSide> sides;
    for (const Recipe& recipe : recipes) sides.push_back(prepare(recipe, false, ctx));
    return graticule::quantize_together(opened_.model, sides, ctx);
}

void Workbench::serve_as(const Target* target, bool beside) {
    target_ = target;
    beside_ = beside;
}

std::shared_ptr<const QuantizedModel> Workbench::served(std::shared_ptr<const QuantizedModel> quantized) const {
    if (target_ == nullptr) return quantized;
    const Exporter& exporter = check_served(*opened_.model, choices_of(*quantized), *target_);
    return as_served(*quantized, exporter, *target_);
}

QuantizedExport Workbench::quantize_and_export(const Recipe& recipe, const Exporter& exporter,
                                               const ExportTarget& target, const ExportOptions& options,
                                               JobContext& ctx, const LayerCallback& on_layer) {
    const QuantizationSide side = prepare(recipe, false, ctx);
    quantized_ = nullptr;
    return graticule::quantize_and_export(opened_.model, side.stats, side.resolved, exporter, target, options, ctx,
                                          on_layer);
}

std::shared_ptr<const Evaluation> Workbench::evaluate(bool quantized, const Corpus& corpus, const EvaluationSpec& spec,
                                                      JobContext& ctx, const WindowCallback& on_window) {
    GRATICULE_ASSERT(!quantized || quantized_, "evaluating a quantized model before there is one");
    const std::string key = corpus.name + '\n' + corpus.rule + '\n' + std::to_string(corpus.text.size()) + '\n' +
                            spec.protocol + '\n' + std::to_string(spec.window) + '\n' +
                            std::to_string(spec.max_windows) + '\n' + ctx.device + '\n' + to_text(ctx.execution);
    if (!quantized && baseline_ && baseline_key_ == key) return baseline_;
    auto evaluation =
        graticule::evaluate(opened_.model, quantized ? quantized_ : nullptr, tokenizer(), corpus, spec, ctx, on_window);
    if (!quantized) {
        baseline_ = evaluation;
        baseline_key_ = key;
    }
    return evaluation;
}

std::vector<Workbench::ComparedRun> Workbench::compare(std::span<const Recipe> recipes, bool unquantized,
                                                       const Corpus& corpus, const EvaluationSpec& spec,
                                                       JobContext& ctx, const SideCallback& on_window) {
    for (const Recipe& recipe : recipes) (void)resolve(recipe); // all of them before the first long work
    std::vector<EvaluationSide> sides;
    if (unquantized) sides.push_back({nullptr, unquantized_name(*opened_.model)});
    if (!recipes.empty()) {
        for (const auto& model : quantize_together(recipes, ctx)) {
            if (target_ == nullptr || beside_) sides.push_back({model, {}}); // called after its recipe
            if (target_ != nullptr) sides.push_back({served(model), {}});
        }
        quantized_ = sides.back().quantized;
    }
    const auto evaluations = evaluate_together(opened_.model, sides, tokenizer(), corpus, spec, ctx, on_window);
    std::vector<ComparedRun> runs;
    for (std::size_t side = 0; side < sides.size(); ++side)
        runs.push_back({std::move(sides[side].quantized), evaluations[side]});
    return runs;
}

namespace {

void write_reports(const RunResult& result, const RunRequest& request, const std::filesystem::path& folder) {
    const ReportInput input{result.quantized, result.baseline, result.evaluation, result.comparison,
                            result.exported.notes};
    atomic_write_file(folder / "recipe.json", to_json(result.quantized->recipe));
    atomic_write_file(folder / "report.json", report_json(input));
    atomic_write_file(folder / "report.md", report_markdown(input));
    atomic_write_file(folder / "layers.csv", layers_csv(*result.quantized));
    if (request.html) {
        atomic_write_file(folder / "report.html", report_html(input));
        atomic_write_file(folder / "model_card.md", model_card(input, request.exporter));
    }
    write_provenance_file(folder, provenance_json(input));
}

/// The model's own figures under the name of a recipe that changes nothing.
std::shared_ptr<const Evaluation> named_after(const QuantizedModel& unchanged, const Evaluation& baseline) {
    auto evaluation = std::make_shared<Evaluation>(baseline);
    evaluation->run_name = summary_line(unchanged.recipe);
    describe_recipe(evaluation->provenance, &unchanged);
    return evaluation;
}

} // namespace

RunResult run_recipe(Workbench& work, const RunRequest& request, JobContext& ctx, const LayerCallback& on_layer,
                     const WindowCallback& on_window) {
    const Model& model = *work.model();
    const Exporter& exporter = exporter_named(request.exporter);
    // Everything that can be refused is refused before the long work.
    const auto& checkpoint = model.parts().checkpoint;
    StagedDir staged(request.out, {.keep_out_of = checkpoint ? checkpoint->folder() : "", .force = request.force});
    const Corpus corpus = load_text(request.text, BuiltInText::evaluation, request.text_rule);
    const ExportTarget inside{staged.path() / "model", false};
    const ResolvedRecipe resolved = work.resolve(request.recipe);
    (void)check_export(model, choices_of(resolved), exporter, inside, request.export_options);
    check_room(request.out, 1, least_export_files(model, exporter) + (request.html ? 7 : 5)); // the reports

    RunResult result;
    EvaluationSpec spec = request.evaluation;
    for (const Step step : plan_of({Step::evaluate, &resolved, true}, {})) {
        switch (step) {
        case Step::evaluate_unquantized:
            spec.run_name = unquantized_name(model);
            result.baseline = work.evaluate(false, corpus, spec, ctx, on_window);
            break;
        case Step::calibrate:
            (void)work.calibrate(request.recipe.calibration, ctx);
            break;
        case Step::quantize:
            result.quantized = work.quantize(request.recipe, true, ctx, on_layer);
            break;
        case Step::evaluate:
            spec.run_name = summary_line(request.recipe);
            result.evaluation = work.evaluate(true, corpus, spec, ctx, on_window);
            break;
        }
    }
    if (!result.quantized) result.quantized = work.quantize(request.recipe, false, ctx); // for what is written
    if (!result.evaluation) result.evaluation = named_after(*result.quantized, *result.baseline);
    result.comparison = compare(*result.baseline, *result.evaluation);

    try {
        std::filesystem::create_directory(inside.folder);
        result.exported = export_into(*result.quantized, exporter, inside.folder, request.export_options, ctx);
        write_reports(result, request, staged.path());
        result.exported.replaced = staged.replaces_ours();
        result.exported.moved_aside = staged.commit(ctx);
    } catch (const Error&) { // what was measured needs no disk
        for (const Evaluation* one : {&*result.baseline, &*result.evaluation})
            ctx.log("measured before: " + one->run_name + ": perplexity " + std::to_string(one->perplexity));
        throw;
    }
    result.out = staged.target();
    result.exported.folder = staged.target() / "model";
    return result;
}

} // namespace graticule
