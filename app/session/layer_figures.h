// What is known of a linear under a choice, and how: what a run measured outranks every estimate, wherever figures of
// layers are shown (table, heat map, plots, card), and each place says which of the two it shows.
#pragma once

#include <QtCore/QString>
#include <memory>

#include "app/session/session.h"

namespace graticule {

struct LayerFigures {
    /// Null: nothing is known yet. Kept alive by what holds it.
    std::shared_ptr<const LayerReport> report;

    [[nodiscard]] explicit operator bool() const { return report != nullptr; }
    [[nodiscard]] bool estimated() const { return report && report->estimated; }
    /// Of rows that the methods have not seen: its fit held them out.
    [[nodiscard]] bool held_out() const { return estimated() && report->rows_fitted > 0; }
    /// LayerReport::too_few_rows.
    [[nodiscard]] bool doubtful() const { return report && report->too_few_rows; }
};

/// The newest measurement of this choice under the recipe's calibration, else the what-if.
[[nodiscard]] LayerFigures figures_of(const Session& session, LayerId layer, const SchemeChoice& choice);

/// Of two choices for a linear, to be held against each other.
struct ComparedFigures {
    LayerFigures before, now;
    bool same_rows = true; ///< figures of inputs and outputs are means over the same rows
};
/// What figures_of knows of each. Beside an estimate of a fit, scored on rows held out, the other side is an estimate on
/// those rows as well, even where it was measured, once there is one; a rounding that was measured fitted to the rows
/// that it is scored on stays as it is.
[[nodiscard]] ComparedFigures compared_figures(const Session& session, LayerId layer, const SchemeChoice& before,
                                               const SchemeChoice& now);
/// Whether its rounding fits the weights to inputs (GPTQ and its like).
[[nodiscard]] bool fits_rounding(const SchemeChoice& choice);

/// "measured" or "what-if, not yet run"; empty: nothing is known.
[[nodiscard]] QString standing_text(const LayerFigures& figures);
/// "measured", "estimated from the weights alone", "estimated from 512 rows", "estimated: fitted on 384 rows, scored on
/// 128 others".
[[nodiscard]] QString basis_text(const LayerReport& report);
/// The same with the calibration that the figures are from, where they are not of weights alone, and which one the
/// recipe asks for where that is another: "measured, calibrated 8 × 512", "...; the recipe asks for 16 × 512".
[[nodiscard]] QString basis_text(const Session& session, const LayerFigures& figures);
/// Of many: "measured", "estimated", "31 measured, 17 estimated".
[[nodiscard]] QString basis_text(std::size_t measured, std::size_t estimated);

} // namespace graticule
