#include "app/session/layer_figures.h"

#include "app/session/run_names.h"
#include "core/method/method.h"

namespace graticule {

namespace {
QString tr(const char* text) { return QObject::tr(text); }

/// The calibration that the figures are from: "calibrated 8 × 512"; empty: they are of weights alone.
QString calibration_of(const Session& session, const LayerFigures& figures) {
    if (!figures.report->output_mse) return {};
    if (!figures.estimated()) return calibration_text(session.recipe().calibration);
    return session.completeStats() ? calibration_text(session.completeStats()->spec) : QString();
}
} // namespace

LayerFigures figures_of(const Session& session, LayerId layer, const SchemeChoice& choice) {
    if (auto measured = session.measured(layer, choice)) return {std::move(measured)};
    if (const auto tried = session.whatIfs().find(layer, choice, false))
        return {std::shared_ptr<const LayerReport>(tried, &tried->report)};
    return {};
}

bool fits_rounding(const SchemeChoice& choice) {
    const MethodStep* step = step_of(choice, Stage::round);
    const MethodRow* row = step ? find_method(step->method) : nullptr;
    return row && row->needs == Needs::samples;
}

ComparedFigures compared_figures(const Session& session, LayerId layer, const SchemeChoice& before,
                                 const SchemeChoice& now) {
    ComparedFigures both{figures_of(session, layer, before), figures_of(session, layer, now)};
    if (!both.before || !both.now) return both;
    bool alike = both.before.held_out() == both.now.held_out();
    if (!alike) {
        const bool fit_is_now = both.now.held_out();
        const SchemeChoice& choice = fit_is_now ? before : now;
        LayerFigures& other = fit_is_now ? both.before : both.now;
        const ScoredOn wanted = uses_samples(choice) ? ScoredOn::all_seen : ScoredOn::held_out;
        const auto tried = fits_rounding(choice) ? nullptr : session.whatIfs().find(layer, choice, false, wanted);
        if (tried) other = {std::shared_ptr<const LayerReport>(tried, &tried->report)};
        alike = tried != nullptr;
    }
    const LayerReport &a = *both.before.report, &b = *both.now.report;
    both.same_rows = alike && a.rows_scored == b.rows_scored &&
                     calibration_of(session, both.before) == calibration_of(session, both.now);
    return both;
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

QString basis_text(const Session& session, const LayerFigures& figures) {
    const QString text = basis_text(*figures.report), from = calibration_of(session, figures);
    if (from.isEmpty()) return text;
    const CalibrationSpec& wanted = session.recipe().calibration;
    const QString whole = tr("%1, %2").arg(text, from);
    return from == calibration_text(wanted) ? whole : tr("%1; the recipe asks for %2").arg(whole, samples_text(wanted));
}

QString basis_text(std::size_t measured, std::size_t estimated) {
    if (estimated == 0) return tr("measured");
    if (measured == 0) return tr("estimated");
    return tr("%1 measured, %2 estimated").arg(measured).arg(estimated);
}

} // namespace graticule
