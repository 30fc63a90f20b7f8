// Two small charts as SVG text, for pages that no toolkit draws. Values in, a picture out.
#pragma once

#include <string>
#include <vector>

namespace graticule {

struct ChartLine {
    std::string name;
    std::vector<double> values; ///< at x = 1, 2, ...
};
/// Lines over a shared axis, with a legend; `x_label` and `y_label` say the units.
[[nodiscard]] std::string line_chart(const std::vector<ChartLine>& lines, const std::string& x_label,
                                     const std::string& y_label);

struct ChartBar {
    std::string name;
    std::vector<double> parts; ///< stacked: above zero upward, below downward
};
/// Stacked columns, as given, with a mark at the sum of each; `parts` names each part of a bar.
[[nodiscard]] std::string bar_chart(const std::vector<ChartBar>& bars, const std::vector<std::string>& parts,
                                    const std::string& y_label);

/// Text inside markup; characters that are not written but do something (controls, turns of direction) are shown.
[[nodiscard]] std::string escaped(const std::string& text);

} // namespace graticule
