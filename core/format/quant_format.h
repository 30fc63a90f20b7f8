// Number formats as rows. A new format is one row in all_formats.cpp: it is then in the scheme editor, the command
// line, the reports, the conformance cases, on the CPU and on CUDA.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "kernels/api/code_grid.h"

namespace graticule {

enum class FormatKind { integer, dint, floating };

struct QuantFormat {
    std::string_view name;  ///< in files and the notation: "int4", "dint4", "fp8_e4m3"
    std::string_view label; ///< on screen: "INT4"
    FormatKind kind = FormatKind::integer;
    int bits = 0;
    CodeGrid grid;                  ///< one grid serves symmetric and asymmetric use; the zero point differs
    bool allows_asymmetric = false; ///< tables have no zero point
    std::string_view help;          ///< one line: levels, range, source
};

[[nodiscard]] std::span<const QuantFormat> all_formats();
/// Null when there is no such row.
[[nodiscard]] const QuantFormat* find_format(std::string_view name);

} // namespace graticule
