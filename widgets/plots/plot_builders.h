// Scenes from numbers: pure functions, one a plot. Empty or broken input gives a scene that says what is missing, never
// a failure.
#pragma once

#include "widgets/plots/plot_data.h"

#include <span>

namespace graticule::plots {

/// Histogram under the quantizer's levels. Count axis is logarithmic unless the view says otherwise
/// (PlotSurface::setLogarithmic).
[[nodiscard]] PlotScene distribution_scene(const DistributionData& data);
/// Largest magnitude of each channel with the outlier threshold; clicks report channels.
[[nodiscard]] PlotScene channels_scene(const ChannelsData& data);
/// Stacked error terms a layer, worst first; clicks report the row's id.
[[nodiscard]] PlotScene error_split_scene(const ErrorSplitData& data);
/// Running perplexity, and below it the paired difference against the baseline.
[[nodiscard]] PlotScene perplexity_scene(const PerplexityData& data);
/// A statistic against sequence length.
[[nodiscard]] PlotScene sequence_length_scene(const SequenceLengthData& data);
/// Layers by kinds, tokens by channels, lengths by lengths; clicks report the cell.
[[nodiscard]] PlotScene heat_map_scene(const HeatMapData& data);
/// Cost against loss; clicks report the point's id.
[[nodiscard]] PlotScene pareto_scene(const ParetoData& data);

/// A scene that says why there is nothing to see.
[[nodiscard]] PlotScene empty_scene(const QString& title, const QString& why);

/// The channel threshold that channels_scene draws: the data's own, or `multiple` x the median of the live channels.
[[nodiscard]] double outlier_threshold(const ChannelsData& data);
/// Channels above that threshold, largest first.
[[nodiscard]] std::vector<std::size_t> outlier_channels(const ChannelsData& data);

/// Smallest and largest finite value; absent if there is none.
[[nodiscard]] std::optional<Span> finite_range(std::span<const double> values);

} // namespace graticule::plots
