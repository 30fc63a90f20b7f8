// A plot for those who do not look at it: the numbers as a table, as CSV, and a summary in words.
#pragma once

#include "widgets/plots/plot_scene.h"

namespace graticule::plots {

/// The builder's own table; a scene without one gives its series as columns.
[[nodiscard]] DataTable data_table(const PlotScene& scene);
/// RFC 4180; the decimal point is a point everywhere.
[[nodiscard]] QString to_csv(const DataTable& table);
[[nodiscard]] QString to_tsv(const DataTable& table);
[[nodiscard]] QString to_markdown(const DataTable& table);
/// The builder's summary, or title and series with their ranges.
[[nodiscard]] QString summary_text(const PlotScene& scene);
/// A number for a table that leaves the program: nine digits, no separators.
[[nodiscard]] QString plain_number(double value);

} // namespace graticule::plots
