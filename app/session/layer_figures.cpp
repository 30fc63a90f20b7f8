#include "app/session/layer_figures.h"

#include "app/session/run_names.h"

namespace graticule {

namespace {
QString tr(const char* text) { return QObject::tr(text); }
} // namespace

LayerFigures figures_of(const Session& session, LayerId layer, const SchemeChoice& choice) {
    if (auto measured = session.measured(layer, choice)) return {std::move(measured)};
    if (const auto tried = session.whatIfs().find(layer, choice, false))
        return {std::shared_ptr<const LayerReport>(tried, &tried->report)};
    return {};
}

QString standing_text(const LayerFigures& figures) {
    if (!figures) return {};
    return figures.estimated() ? tr("what-if, not yet run") : tr("measured");
}

QString basis_text(const LayerReport& report) {
    if (!report.estimated) return tr("measured");
    if (report.rows_scored == 0) return tr("estimated from the weights alone");
    if (report.rows_fitted == 0) return tr("estimated from %1 rows").arg(report.rows_scored);
    return tr("estimated: fitted on %1 rows, scored on %2 others").arg(report.rows_fitted).arg(report.rows_scored);
}

QString calibration_of(const Session& session, const LayerFigures& figures) {
    if (!figures || !figures.report->output_mse) return {};
    if (!figures.estimated()) return calibration_text(session.recipe().calibration);
    return session.completeStats() ? calibration_text(session.completeStats()->spec) : QString();
}

QString basis_text(const Session& session, const LayerFigures& figures) {
    const QString text = basis_text(*figures.report), from = calibration_of(session, figures);
    const CalibrationSpec& wanted = session.recipe().calibration;
    if (from.isEmpty() || from == calibration_text(wanted)) return text;
    return tr("%1, %2; the recipe asks for %3").arg(text, from, samples_text(wanted));
}

QString basis_text(std::size_t measured, std::size_t estimated) {
    if (estimated == 0) return tr("measured");
    if (measured == 0) return tr("estimated");
    return tr("%1 measured, %2 estimated").arg(measured).arg(estimated);
}

} // namespace graticule
