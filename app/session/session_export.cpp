#include "app/session/session.h"
#include "core/engine/export.h"
#include "core/engine/job_files.h"
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
                       {}};
}

void Session::mayWrite(const QString& path) const {
    JobFiles files;
    if (model()) files.reads_model(*model());
    files.reads("the calibration text", recipe().calibration.text);
    for (const Run& run : runs()) files.reads("the text of a run", run.choice.text.toStdString());
    files.writes("the file to save", path.toStdString());
}

void Session::exportRun(int run_id, const QString& exporter, const QString& folder, bool move_aside) {
    const Run* chosen = run(run_id);
    const std::shared_ptr<const QuantizedModel> quantized = chosen ? chosen->quantized : quantized_;
    if (!quantized) return;
    jobs_.submit<Exported>(
        request({}, tr("Export as %1").arg(exporter), {}, 0),
        [quantized, name = exporter.toStdString(), target = export_target(folder, move_aside)](JobContext& ctx) {
            JobFiles files(ctx.log);
            files.reads("the calibration text", quantized->recipe.calibration.text);
            files.writes_folder("the folder", target.folder);
            return std::make_shared<const Exported>(export_model(*quantized, exporter_named(name), target, {}, ctx));
        },
        [this](std::shared_ptr<const Exported> done) {
            const QString where = QString::fromStdString(done->folder.string());
            QString text = tr("%1, read back: %2 tensors, %3 different")
                               .arg(bytes_text(done->bytes))
                               .arg(done->reload.tensors)
                               .arg(done->reload.different);
            if (!done->moved_aside.empty())
                text += tr("\nWhat was there before is now %1").arg(QString::fromStdString(done->moved_aside.string()));
            Q_EMIT logged(tr("Exported to %1: %2").arg(where, text));
            Q_EMIT exported(where, text);
        },
        reporter());
}

} // namespace graticule
