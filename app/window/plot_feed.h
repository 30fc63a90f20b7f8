// The session as the numbers of each plot. Pure functions: nothing is computed here but sums for the picture.
#pragma once

#include "app/session/session.h"
#include "widgets/models/speed_figure.h"
#include "widgets/plots/plot_data.h"

namespace graticule {

enum class DistributionOf { weight, input };

/// What stands under a saved picture: model, recipe, calibration, seed.
[[nodiscard]] plots::Provenance provenance_of(const Session& session);

/// Each returns what there is to show now; `missing` says what would have to be done first when there is nothing.
/// `layer`: which; absent: the selected one. `visible`: the part of the axis in sight; it is counted in bins of its
/// own. Absent: the whole.
[[nodiscard]] plots::PlotScene distribution_plot(const Session& session, DistributionOf which,
                                                 const std::optional<plots::Span>& visible = {},
                                                 std::optional<LayerId> layer = {});
[[nodiscard]] plots::PlotScene channels_plot(const Session& session, bool sorted, std::optional<double> threshold,
                                             std::optional<LayerId> layer = {});
[[nodiscard]] plots::PlotScene error_plot(const Session& session);
[[nodiscard]] plots::PlotScene perplexity_plot(const Session& session);
[[nodiscard]] plots::PlotScene sequence_length_plot(const Session& session, std::optional<LayerId> layer = {});
[[nodiscard]] plots::PlotScene speed_plot(const Session& session, SpeedFigure figure = SpeedFigure::rate);
/// What searches found: bits against divergence, predicted and measured; clicks report a point of all_points.
[[nodiscard]] plots::PlotScene search_plot(const Session& session);
/// The mean divergence after every window with its interval, also while it is measured.
[[nodiscard]] plots::PlotScene divergence_plot(const Session& session);
/// The same by place in the window.
[[nodiscard]] plots::PlotScene position_plot(const Session& session);
/// What each linear alone costs, predicted against measured; clicks report a LayerId.
[[nodiscard]] plots::PlotScene sensitivity_plot(const Session& session);
/// How far the hidden states are from full precision's behind every block.
[[nodiscard]] plots::PlotScene depth_plot(const Session& session);

/// What the heat map can show of every linear, in the order in which it is offered.
enum class LayerStatistic : std::size_t {
    sqnr,
    outlier,
    underflow,
    absmax,
    input_underflow,
    weight_sqnr,
    input_share,
    bits,
    damage
};
[[nodiscard]] QStringList layer_statistic_names();
[[nodiscard]] plots::PlotScene heat_map_plot(const Session& session, LayerStatistic statistic);
/// Tokens of the calibration text by channels of the selected linear's input, the tokens written along the axis.
enum class TokenOrder { in_text, largest_first };
[[nodiscard]] plots::PlotScene token_map_plot(const Session& session, TokenOrder order);
/// The linear behind a cell of the heat map.
[[nodiscard]] std::optional<LayerId> heat_map_layer(const Session& session, qint64 row, qint64 column);
/// What a recipe costs: bytes, or its multiply-accumulate units (core/recipe/hardware_cost.h), where runs have some.
enum class ParetoCost { size, unit_area, unit_power };
[[nodiscard]] plots::PlotScene pareto_plot(const Session& session, ParetoCost cost);

/// The code points of a scheme in steps of its own scale, as the distribution draws them.
[[nodiscard]] plots::FormatLevels format_levels(const TensorScheme& scheme, const QParams& params,
                                                const LayerReport& report);

} // namespace graticule
