#include "kernels/cpu/quantize_run.h"

#include <algorithm>

#include "kernels/cpu/vector_clones.h"

namespace graticule::cpu {
namespace {

enum class Output { values, codes, both };

/// Lattices: everything is arithmetic, so the loop vectorizes as it stands.
template <GridKind kind, bool one_block, Output output>
GRATICULE_ALWAYS_INLINE void lattice_loop(const GridPoints& points, const QuantizeRun& run) {
    const float* input = run.input;
    const float* scale = run.scale;
    const float* zero = run.zero;
    float* values = run.values;
    std::uint8_t* codes = run.codes;
    const GridPoints grid{.kind = kind,
                          .levels = points.levels,
                          .special_count = points.special_count,
                          .top = points.top,
                          .specials = {points.specials[0], points.specials[1]}};
    BlockPoint block = block_point<kind>(grid, scale[0], zero[0]);
    GRATICULE_ELEMENTWISE
    for (std::int64_t i = 0; i < run.length; ++i) {
        if constexpr (!one_block) block = block_point<kind>(grid, scale[i], zero[i]);
        const Point point = nearest_lattice_point<kind>(grid, block, in_steps(input[i], block.scale));
        if constexpr (output != Output::codes) values[i] = point.multiple * block.scale;
        if constexpr (output != Output::values) codes[i] = static_cast<std::uint8_t>(point.code);
    }
}

template <GridKind kind>
GRATICULE_ALWAYS_INLINE void lattice_outputs(const GridPoints& points, const QuantizeRun& run) {
    if (run.one_block && run.codes == nullptr)
        lattice_loop<kind, true, Output::values>(points, run);
    else if (run.one_block && run.values == nullptr)
        lattice_loop<kind, true, Output::codes>(points, run);
    else if (run.one_block)
        lattice_loop<kind, true, Output::both>(points, run);
    else if (run.codes == nullptr)
        lattice_loop<kind, false, Output::values>(points, run);
    else if (run.values == nullptr)
        lattice_loop<kind, false, Output::codes>(points, run);
    else
        lattice_loop<kind, false, Output::both>(points, run);
}

GRATICULE_VECTOR_CLONES void lattice_run(const GridPoints& points, const QuantizeRun& run) {
    lattice_outputs<GridKind::lattice>(points, run);
}

GRATICULE_VECTOR_CLONES void specials_run(const GridPoints& points, const QuantizeRun& run) {
    lattice_outputs<GridKind::lattice_with_specials>(points, run);
}

constexpr std::int64_t piece = 64; // values whose search steps are interleaved

/// Codes of one piece. Small tables count thresholds, a compare each; larger ones walk the binary search of
/// table_code() for all values of the piece side by side.
GRATICULE_ALWAYS_INLINE void table_codes(const GridPoints& points, const float* steps, std::int32_t* code) {
    for (std::int64_t i = 0; i < piece; ++i) code[i] = 0;
    if (points.levels <= 16) {
        for (std::int32_t k = 0; k + 1 < points.levels; ++k) {
            const float threshold = points.threshold[k];
            for (std::int64_t i = 0; i < piece; ++i) code[i] += steps[i] >= threshold ? 1 : 0;
        }
        return;
    }
    for (std::int32_t step = 128; step > 0; step /= 2)
        for (std::int64_t i = 0; i < piece; ++i) code[i] += steps[i] >= points.threshold[code[i] + step - 1] ? step : 0;
}

GRATICULE_VECTOR_CLONES void table_run(const GridPoints& points, const QuantizeRun& run) {
    float scale[piece];
    float steps[piece] = {};
    std::int32_t code[piece];
    for (std::int64_t begin = 0; begin < run.length; begin += piece) {
        const std::int64_t length = std::min(piece, run.length - begin);
        const float* input = run.input + begin;
        for (std::int64_t i = 0; i < length; ++i) scale[i] = run.scale[run.one_block ? 0 : begin + i];
        for (std::int64_t i = 0; i < length; ++i) steps[i] = in_steps(input[i], scale[i]);
        table_codes(points, steps, code);
        if (run.values != nullptr)
            for (std::int64_t i = 0; i < length; ++i) run.values[begin + i] = points.table[code[i]] * scale[i];
        if (run.codes != nullptr)
            for (std::int64_t i = 0; i < length; ++i) run.codes[begin + i] = static_cast<std::uint8_t>(code[i]);
    }
}

// --- counts ---

constexpr int lanes = 8; // float64 partial sums, added up in lane order

struct LaneSums {
    double squared_value[lanes] = {};
    double squared_error[lanes] = {};
    double squared_underflow[lanes] = {};
    double squared_clip[lanes] = {};
};

struct Tally {
    std::int64_t zeros_in = 0, underflow = 0, clipped = 0, not_finite = 0;
};

/// One group of `lanes` values whose bounds are given; absent values are zero and not counted by the caller.
GRATICULE_ALWAYS_INLINE void count_lanes(const float* x, const float* quantized, const float* lowest,
                                         const float* highest, const float* scale, LaneSums& sums, Tally& tally) {
    std::int32_t zeros = 0, underflow = 0, clipped = 0, not_finite = 0;
    for (int l = 0; l < lanes; ++l) {
        const bool finite = is_finite(x[l]);
        const float value = finite ? x[l] : 0.0F;
        const float steps = value / scale[l];
        const double error = finite ? static_cast<double>(quantized[l]) - static_cast<double>(value) : 0.0;
        const bool is_underflow = (value != 0.0F) & (quantized[l] == 0.0F);
        const bool is_clipped = (steps < lowest[l]) | (steps > highest[l]);
        const double squared = error * error;
        sums.squared_value[l] += static_cast<double>(value) * static_cast<double>(value);
        sums.squared_error[l] += squared;
        sums.squared_underflow[l] += is_underflow ? squared : 0.0;
        sums.squared_clip[l] += is_clipped ? squared : 0.0;
        zeros += x[l] == 0.0F ? 1 : 0;
        underflow += is_underflow ? 1 : 0;
        clipped += is_clipped ? 1 : 0;
        not_finite += finite ? 0 : 1;
    }
    tally.zeros_in += zeros;
    tally.underflow += underflow;
    tally.clipped += clipped;
    tally.not_finite += not_finite;
}

/// Bounds beyond which a value counts as clipped, in steps.
GRATICULE_ALWAYS_INLINE void clip_bounds(const GridPoints& points, float scale, float zero, float& lowest,
                                         float& highest) {
    const BlockPoint block = points.kind == GridKind::lattice ? block_point<GridKind::lattice>(points, scale, zero)
                             : points.kind == GridKind::table
                                 ? block_point<GridKind::table>(points, scale, zero)
                                 : block_point<GridKind::lattice_with_specials>(points, scale, zero);
    lowest = block.hull_low - points.margin_below;
    highest = block.hull_high + points.margin_above;
}

GRATICULE_VECTOR_CLONES void count_run(const GridPoints& points, const QuantizeRun& run, const float* original,
                                       LaneSums& sums, Tally& tally) {
    float lowest[lanes], highest[lanes], scale[lanes];
    for (int l = 0; l < lanes; ++l) {
        clip_bounds(points, run.scale[0], run.zero[0], lowest[l], highest[l]);
        scale[l] = run.scale[0];
    }
    for (std::int64_t begin = 0; begin < run.length; begin += lanes) {
        const auto length = static_cast<int>(std::min<std::int64_t>(lanes, run.length - begin));
        if (!run.one_block)
            for (int l = 0; l < length; ++l) {
                scale[l] = run.scale[begin + l];
                clip_bounds(points, scale[l], run.zero[begin + l], lowest[l], highest[l]);
            }
        if (length == lanes) {
            count_lanes(original + begin, run.values + begin, lowest, highest, scale, sums, tally);
            continue;
        }
        float x[lanes] = {}, quantized[lanes] = {};
        std::copy_n(original + begin, length, x);
        std::copy_n(run.values + begin, length, quantized);
        // Lanes past the end hold 0 -> 0: no error, no underflow; take back the zeros, and keep them inside any bounds.
        for (int l = length; l < lanes; ++l) lowest[l] = highest[l] = 0.0F;
        count_lanes(x, quantized, lowest, highest, scale, sums, tally);
        tally.zeros_in -= lanes - length;
    }
}

double in_lane_order(const double* sums) {
    double sum = 0;
    for (int l = 0; l < lanes; ++l) sum += sums[l];
    return sum;
}

} // namespace

void quantize_run(const GridPoints& points, const QuantizeRun& run) {
    switch (points.kind) {
    case GridKind::lattice:
        return lattice_run(points, run);
    case GridKind::lattice_with_specials:
        return specials_run(points, run);
    case GridKind::table:
        return table_run(points, run);
    }
}

void quantize_and_count_run(const GridPoints& points, const QuantizeRun& whole, QuantizeCounts& counts) {
    float original[longest_run], values[longest_run];
    std::uint8_t codes[longest_run];
    for (std::int64_t begin = 0; begin < whole.length; begin += longest_run) {
        const std::int64_t length = std::min(longest_run, whole.length - begin);
        const std::int64_t block = whole.one_block ? 0 : begin;
        QuantizeRun run{
            whole.input + begin, length, whole.scale + block, whole.zero + block, whole.one_block, values, codes};
        std::copy_n(run.input, length, original); // the output may be the input
        quantize_run(points, run);
        if (whole.values != nullptr) std::copy_n(values, length, whole.values + begin);
        if (whole.codes != nullptr) std::copy_n(codes, length, whole.codes + begin);

        LaneSums sums;
        Tally tally;
        count_run(points, run, original, sums, tally);
        for (std::int64_t i = 0; i < length; ++i) ++counts.codes_used[codes[i]];
        counts.total += length;
        counts.zeros_in += tally.zeros_in;
        counts.underflow += tally.underflow;
        counts.clipped += tally.clipped;
        counts.not_finite += tally.not_finite;
        counts.squared_value += in_lane_order(sums.squared_value);
        counts.squared_error += in_lane_order(sums.squared_error);
        counts.squared_underflow_error += in_lane_order(sums.squared_underflow);
        counts.squared_clip_error += in_lane_order(sums.squared_clip);
    }
}

void dequantize_run(const GridPoints& points, const std::uint8_t* codes, std::int64_t length, const float* scale,
                    const float* zero, bool one_block, float* values) {
    const auto loop = [&]<GridKind kind>() {
        for (std::int64_t i = 0; i < length; ++i) {
            const std::int64_t block = one_block ? 0 : i;
            values[i] = multiple_of_code<kind>(points, points.table, codes[i], zero[block]) * scale[block];
        }
    };
    switch (points.kind) {
    case GridKind::lattice:
        return loop.template operator()<GridKind::lattice>();
    case GridKind::lattice_with_specials:
        return loop.template operator()<GridKind::lattice_with_specials>();
    case GridKind::table:
        return loop.template operator()<GridKind::table>();
    }
}

void add_counts(QuantizeCounts& sum, const QuantizeCounts& part) {
    sum.total += part.total;
    sum.zeros_in += part.zeros_in;
    sum.underflow += part.underflow;
    sum.clipped += part.clipped;
    sum.not_finite += part.not_finite;
    sum.squared_error += part.squared_error;
    sum.squared_underflow_error += part.squared_underflow_error;
    sum.squared_clip_error += part.squared_clip_error;
    sum.squared_value += part.squared_value;
    for (int code = 0; code < 256; ++code) sum.codes_used[code] += part.codes_used[code];
}

} // namespace graticule::cpu
