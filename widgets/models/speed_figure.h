// What a measured pass is looked at for: one choice for the plot over lengths and for the table.
#pragma once

#include <QtCore/QStringList>
#include <cstdint>
#include <optional>
#include <utility>

#include "core/result/speed_study.h"

namespace graticule {

enum class SpeedFigure : std::uint8_t {
    rate,     ///< tokens per second
    time,     ///< milliseconds of a pass
    memory,   ///< megabytes: weights and all else at most
    roofline, ///< percent: SpeedPoint::floor_seconds of the time
    products  ///< percent of the time in products of the linears, the rest being attention, norms, head
};
/// In the order of the enumeration.
[[nodiscard]] QStringList speed_figure_names();
[[nodiscard]] QString speed_figure_tip(SpeedFigure figure);
/// In the unit that its name says.
[[nodiscard]] double speed_value(SpeedFigure figure, const SpeedPoint& point);
/// The same of the passes at p10 and p90, ascending; absent: of figures that are not times.
[[nodiscard]] std::optional<std::pair<double, double>> speed_spread(SpeedFigure figure, const SpeedPoint& point);
/// Whether the point's figure is one that other work can falsify, and did (SpeedRun::doubtful).
[[nodiscard]] bool is_marked(SpeedFigure figure, const SpeedRun& run, const SpeedPoint& point);
/// Of a point that was measured, like all of these.
[[nodiscard]] QString speed_text(SpeedFigure figure, const SpeedPoint& point);
/// "prefill\n512 tokens", "decode\n16 behind 512".
[[nodiscard]] QString pass_name(const SpeedPoint& point);

} // namespace graticule
