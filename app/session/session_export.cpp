#include "app/session/kept_reports.h"
#include "app/session/session.h"
#include "core/engine/export.h"
#include "core/engine/job_files.h"
#include "core/engine/logits_check.h"
#include "core/engine/resources.h"
#include "core/export/exporter.h"
#include "core/report/report.h"
#include "widgets/models/number_text.h"

namespace graticule {

ExportTarget export_target(const QString& folder, bool move_aside) {
    return {folder.toStdString(), move_aside, Session::tr("tick “Move what is there aside”").toStdString()};
}

std::optional<ReportInput> Session::reportOf(int run_id) const {
    const Run* chosen = run(run_id);
    if (!chosen || !chosen->finished() || !chosen->quantized) return std::nullopt;
    const Run* base = runs_.unquantized(chosen->protocol());
    if (!base || !base->finished()) return std::nullopt;
    return ReportInput{chosen->quantized,
                       std::make_shared<const Evaluation>(*base->evaluation),
                       std::make_shared<const Evaluation>(*chosen->evaluation),
                       compare(*base->evaluation, *chosen->evaluation),
                       {},
                       measured_beyond(*chosen)};
}

void Session::mayWrite(const QString& path) const {
    JobFiles files;
    if (model()) files.reads_model(*model());
    files.reads("the calibration text", recipe().calibration.text);
    for (const Run& run : runs()) files.reads("the text of a run", run.choice.text.toStdString());
    files.writes("the file to save", path.toStdString());
}

void Session::withWeights(int run_id, const std::function<void(QuantizedPtr)>& then) {
    const Run* chosen = run(run_id);
    if (const QuantizedPtr quantized = chosen ? chosen->quantized : quantized_) return then(quantized);
    if (!chosen || chosen->full_precision) return;
    const QString title = tr("Quantize %1 again").arg(chosen->name);
    const Resolution resolution = resolve(chosen->recipe, *model());
    const bool calibrates = resolution.resolved && resolution.resolved->needs_calibration();
    if (!resolution.resolved) return Q_EMIT failed(title, QString::fromStdString(resolution.diagnostics.text()));
    if (calibrates && !opened_.tokenizer)
        return Q_EMIT failed(
            title, tr("The model has no tokenizer: %1").arg(QString::fromStdString(opened_.tokenizer_problem)));
    JobRequest asked = request({}, title, {}, 0);
    asked.execution = chosen->execution; // as it was computed
    QuantizeOptions options;
    options.journal = runs_.journal().quantizationFile().toStdString();
    jobs_.submit<QuantizedModel>(
        std::move(asked),
        [model = model(), resolved = *resolution.resolved, options,
         statistics = calibrates ? statisticsOf(chosen->recipe.calibration) : Statistics()](JobContext& ctx) {
            const auto stats = statistics ? statistics(ctx, {}).stats : nullptr;
            return graticule::quantize(model, stats, resolved, ctx, {}, options);
        },
        [this, run_id, then](const QuantizedPtr& quantized) {
            if (quantized->base != model()) return;
            if (const QString others = runs_.quantizedAgain(run_id, quantized); !others.isEmpty())
                Q_EMIT logged(others);
            then(quantized);
        },
        reporter());
}

void Session::exportRun(int run_id, const QString& exporter, const QString& folder, bool move_aside) {
    withWeights(run_id, [this, exporter, folder, move_aside](const QuantizedPtr& quantized) {
        exportQuantized(quantized, exporter, export_target(folder, move_aside));
    });
}

void Session::exportQuantized(const QuantizedPtr& quantized, const QString& exporter, const ExportTarget& target) {
    jobs_.submit<Exported>(
        request({}, tr("Export as %1").arg(exporter), {}, 0),
        [quantized, name = exporter.toStdString(), target](JobContext& ctx) {
            JobFiles files(ctx.log);
            files.reads_model(*quantized->base);
            files.reads("the calibration text", quantized->recipe.calibration.text);
            files.writes_folder("the folder", target.folder);
            return std::make_shared<const Exported>(export_model(*quantized, exporter_named(name), target, {}, ctx));
        },
        [this, quantized](std::shared_ptr<const Exported> done) {
            const QString where = QString::fromStdString(done->folder.string());
            QString text = tr("%1, read back: %2 tensors, %3 different")
                               .arg(bytes_text(done->bytes))
                               .arg(done->reload.tensors)
                               .arg(done->reload.different);
            if (!done->moved_aside.empty())
                text += tr("\nWhat was there before is now %1").arg(QString::fromStdString(done->moved_aside.string()));
            Q_EMIT logged(tr("Exported to %1: %2").arg(where, text));
            checkExported(quantized, where, text);
        },
        reporter());
}

// Opened again as any other model and run on one window: the last thing that can be known here before it is shipped.
void Session::checkExported(const std::shared_ptr<const QuantizedModel>& quantized, const QString& folder,
                            const QString& said) {
    if (!opened_.tokenizer || opened_.model != quantized->base)
        return Q_EMIT exported(folder, said + tr("\nLogits were not compared: there is no tokenizer for a text"));
    jobs_.submit<LogitsCheck>(
        request({}, tr("Compare the logits of what was written"), {}, 0),
        [quantized, tokenizer = opened_.tokenizer, written = folder.toStdString()](JobContext& ctx) {
            constexpr std::int64_t tokens = 128;
            const Corpus corpus = load_text({}, BuiltInText::evaluation);
            const std::vector<std::int32_t> ids = tokenize(*tokenizer, corpus);
            const std::int64_t most = quantized->base->config().max_positions;
            EvaluationSpec one;
            one.window = most > 0 ? std::min(tokens, most) : tokens;
            one.max_windows = 1;
            const auto window = evaluation_windows(ids, corpus, one).front();
            return std::make_shared<const LogitsCheck>(
                check_logits(quantized, written, {window.begin(), window.end()}, ctx));
        },
        [this, folder, said](std::shared_ptr<const LogitsCheck> check) {
            const QString text = tr("logits of %1 tokens: largest difference %2 where the largest is %3; another first "
                                    "choice at %4 of them")
                                     .arg(check->tokens)
                                     .arg(number_text(check->largest_difference, 2), number_text(check->largest_logit))
                                     .arg(check->other_choices);
            Q_EMIT logged(tr("Compared: %1").arg(text));
            Q_EMIT exported(folder, said + u'\n' + text);
        },
        [this, folder, said](const JobView& job) { // what was written stands, whatever became of the comparison
            if (job.state == JobState::done) return;
            const QString why =
                job.state == JobState::failed ? QString::fromStdString(job.error.text()) : tr("it was stopped");
            Q_EMIT logged(tr("Logits were not compared: %1").arg(why));
            Q_EMIT exported(folder, said + tr("\nLogits were not compared: %1").arg(why));
        });
}

} // namespace graticule
