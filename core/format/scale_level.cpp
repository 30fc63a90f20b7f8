// The codings of scales and the block formats there are. A row here is everything a new one needs.
#include "core/format/scale_level.h"

#include <algorithm>
#include <array>
#include <optional>

#include "core/base/error.h"

namespace graticule {

namespace {

constexpr std::array codings = {
    CodingRow{Coding::f32, "f32", 32, float32_coding, 1, "float32"},
    CodingRow{Coding::f16, "f16", 16, {10, -14, 0x1p-24F, 65504.0F}, 1, "IEEE half precision, up to 65504"},
    CodingRow{Coding::bf16, "bf16", 16, {7, -126, 0x1p-126F, 0x1.fep127F}, 1, "bfloat16"},
    CodingRow{Coding::e4m3, "e4m3", 8, {3, -6, 0x1p-9F, 448.0F}, 448, "FP8 E4M3, 2^-9 to 448 (OCP FP8)"},
    CodingRow{Coding::e8m0,
              "e8m0",
              8,
              {0, -126, 0x1p-126F, 0x1p127F, true},
              1,
              "powers of two (OCP MX): exponent of the largest magnitude less that of the format's largest value"},
    CodingRow{Coding::i8, "i8", 8, {7, 7, 1.0F, 127.0F}, 127, "whole numbers 1 to 127, under a coarser scale"},
};

const std::array block_formats = {
    BlockFormat{"nvfp4",
                "NVFP4",
                "fp4_e2m1",
                {{{Granularity::Kind::group, 16}, Coding::e4m3}, {{Granularity::Kind::tensor, 0}, Coding::f32}},
                "FP4 in blocks of 16 with FP8 scales under a float32 scale of the tensor, absmax / (448 x 6)"},
    BlockFormat{"mxfp4",
                "MXFP4",
                "fp4_e2m1",
                {{{Granularity::Kind::group, 32}, Coding::e8m0}},
                "FP4 in blocks of 32 that share an exponent (OCP MX)"},
    BlockFormat{"mxfp8",
                "MXFP8",
                "fp8_e4m3",
                {{{Granularity::Kind::group, 32}, Coding::e8m0}},
                "FP8 E4M3 in blocks of 32 that share an exponent (OCP MX)"},
};

constexpr std::string_view dual = "dual";

/// "g16:e4m3", "channel"
std::optional<ScaleLevel> parse_level(std::string_view text) {
    const std::size_t colon = text.find(':');
    const auto grain = parse_granularity(text.substr(0, colon));
    if (!grain) return std::nullopt;
    if (colon == std::string_view::npos) return ScaleLevel{*grain};
    const auto row = std::find_if(codings.begin(), codings.end(),
                                  [&](const CodingRow& coding) { return coding.name == text.substr(colon + 1); });
    if (row == codings.end()) return std::nullopt;
    return ScaleLevel{*grain, row->coding};
}

bool is_float(Coding coding) { return coding == Coding::f32 || coding == Coding::f16 || coding == Coding::bf16; }

std::vector<ScaleLevel> dual_grain_of(std::int64_t group_size, Coding channels) {
    return {{{Granularity::Kind::group, group_size}, Coding::i8}, {{Granularity::Kind::channel, 0}, channels}};
}

} // namespace

std::span<const CodingRow> all_codings() { return codings; }
const CodingRow& row_of(Coding coding) { return codings[std::size_t(coding)]; }

std::string to_text(std::span<const ScaleLevel> levels) {
    std::string text;
    if (is_dual_grain(levels)) {
        text = std::string(dual) + std::to_string(levels[0].grain.group_size);
        if (levels[1].coding != Coding::f32) text += ":" + std::string(row_of(levels[1].coding).name);
        return text;
    }
    for (const ScaleLevel& level : levels) {
        text += (text.empty() ? "" : "/") + to_text(level.grain);
        if (levels.size() > 1 || level.coding != Coding::f32) text += ":" + std::string(row_of(level.coding).name);
    }
    return text;
}

std::vector<ScaleLevel> parse_levels(std::string_view text) {
    if (text.starts_with(dual)) {
        const auto level = parse_level("g" + std::string(text.substr(dual.size()))); // the coding is the channels'
        if (!level || !is_float(level->coding)) return {};
        return dual_grain_of(level->grain.group_size, level->coding);
    }
    std::vector<ScaleLevel> levels;
    for (std::size_t start = 0; start <= text.size();) {
        const std::size_t end = std::min(text.find('/', start), text.size());
        const auto level = parse_level(text.substr(start, end - start));
        if (!level) return {};
        levels.push_back(*level);
        start = end + 1;
    }
    return levels;
}

std::vector<ScaleLevel> dual_grain(std::int64_t group_size) { return dual_grain_of(group_size, Coding::f32); }

bool is_dual_grain(std::span<const ScaleLevel> levels) {
    return levels.size() == 2 && levels[0].grain.kind == Granularity::Kind::group && is_float(levels[1].coding) &&
           std::ranges::equal(levels, dual_grain_of(levels[0].grain.group_size, levels[1].coding));
}

std::string check_levels(std::span<const ScaleLevel> levels, std::int64_t columns) {
    for (const ScaleLevel& level : levels)
        if (std::string problem = check_granularity(level.grain, columns); !problem.empty()) return problem;
    return {};
}

std::span<const BlockFormat> all_block_formats() { return block_formats; }

const BlockFormat* find_block_format(std::string_view name) {
    const auto row = std::ranges::find(block_formats, name, &BlockFormat::name);
    return row == block_formats.end() ? nullptr : &*row;
}

const BlockFormat* find_block_format(std::string_view format, std::span<const ScaleLevel> levels) {
    const auto row = std::ranges::find_if(block_formats, [&](const BlockFormat& block) {
        return block.format == format && std::ranges::equal(block.levels, levels);
    });
    return row == block_formats.end() ? nullptr : &*row;
}

} // namespace graticule
