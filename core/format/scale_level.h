// How scales are stored, from the fine ones of small blocks to the coarse ones that those are relative to. NVFP4 is
// FP4 E2M1 with g16:e4m3 under tensor:f32, MXFP4 with g32:e8m0; DGQ's dual grain is g128:i8 under channel:f32.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/format/granularity.h"
#include "kernels/api/scale_coding.h"

namespace graticule {

enum class Coding : std::uint8_t { f32, f16, bf16, e4m3, e8m0, i8 };

struct CodingRow {
    Coding coding{};
    std::string_view name; ///< in the notation: "e4m3"
    int bits = 0;          ///< stored
    ScaleCoding numbers;   ///< the scales it can be
    float largest_under =
        1; ///< what a coarser scale maps the largest of these to: NVFP4's 448; 1 where range is no matter
    std::string_view help;
};
[[nodiscard]] std::span<const CodingRow> all_codings(); ///< in the order of the enumeration
[[nodiscard]] const CodingRow& row_of(Coding coding);

struct ScaleLevel {
    Granularity grain;
    Coding coding = Coding::f32;
    bool operator==(const ScaleLevel&) const = default;
};

/// Zero points are whole numbers among the format's codes. `code`: as wide as a code; `i8`: a byte each, as DGQ has
/// them.
enum class ZeroCoding : std::uint8_t { code, i8 };

/// "g128", "g128:f16", "g16:e4m3/tensor:f32", "dual128". float32 goes without saying where there is one level.
[[nodiscard]] std::string to_text(std::span<const ScaleLevel> levels);
/// Empty when the text is none.
[[nodiscard]] std::vector<ScaleLevel> parse_levels(std::string_view text);

/// INT8 scales under a float one of each channel (Zhang et al. 2023, DGQ): "dual128", "dual128:f16" with 16-bit ones.
[[nodiscard]] std::vector<ScaleLevel> dual_grain(std::int64_t group_size);
[[nodiscard]] bool is_dual_grain(std::span<const ScaleLevel> levels);

/// Empty when the levels fit a matrix with so many columns, else what would do.
[[nodiscard]] std::string check_levels(std::span<const ScaleLevel> levels, std::int64_t columns);

/// A format and its levels under one name, as the specifications of block formats give them.
struct BlockFormat {
    std::string_view name;   ///< in the notation: "nvfp4"
    std::string_view label;  ///< on screen: "NVFP4"
    std::string_view format; ///< a row of all_formats()
    std::vector<ScaleLevel> levels;
    std::string_view help;
};
[[nodiscard]] std::span<const BlockFormat> all_block_formats();
[[nodiscard]] const BlockFormat* find_block_format(std::string_view name);
[[nodiscard]] const BlockFormat* find_block_format(std::string_view format, std::span<const ScaleLevel> levels);

} // namespace graticule
