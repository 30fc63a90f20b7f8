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
    const std::int64_t length = run.length; // a local: a store through `codes` could change anything else
    const GridPoints grid{.kind = kind,
                          .levels = points.levels,
                          .special_count = points.special_count,
                          .top = points.top,
                          .specials = {points.specials[0], points.specials[1]}};
    BlockPoint block = block_point<kind>(grid, scale[0], zero[0]);
    GRATICULE_ELEMENTWISE
    for (std::int64_t i = 0; i < length; ++i) {
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

constexpr std::int64_t piece = 64;      // values whose search steps are interleaved
constexpr std::int64_t part_piece = 16; // blocks are often no longer than this

/// Codes of one piece, of which `length` values are there. Small tables count thresholds, a compare each; larger ones
/// walk the binary search of table_code() for all values of the piece side by side.
GRATICULE_ALWAYS_INLINE void table_codes(const GridPoints& points, const float* steps, std::int64_t length,
                                         std::int32_t* code) {
    if (points.levels <= 16) {
        for (std::int64_t part = 0; part < length; part += part_piece) {
            std::int32_t below[part_piece] = {};
            for (std::int32_t k = 0; k + 1 < points.levels; ++k)
                for (std::int64_t i = 0; i < part_piece; ++i)
                    below[i] += steps[part + i] >= points.threshold[k] ? 1 : 0;
            for (std::int64_t i = 0; i < part_piece; ++i) code[part + i] = below[i];
        }
        return;
    }
    for (std::int64_t i = 0; i < piece; ++i) code[i] = 0;
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
        table_codes(points, steps, length, code);
        if (run.values != nullptr)
            for (std::int64_t i = 0; i < length; ++i) run.values[begin + i] = points.table[code[i]] * scale[i];
        if (run.codes != nullptr)
            for (std::int64_t i = 0; i < length; ++i) run.codes[begin + i] = static_cast<std::uint8_t>(code[i]);
    }
}

// --- counts ---

constexpr std::int64_t counted_run = 256; // values whose squares are buffered on the stack at a time
constexpr int lanes = 8;                  // float64 partial sums, added up in lane order

/// Squares of one counted run, zero beyond its end, to be added up in a fixed order.
struct Squares {
    double value[counted_run];
    double error[counted_run];
    double underflow[counted_run];
    double clip[counted_run];
};

struct Tally {
    std::int32_t zeros_in = 0, underflow = 0, clipped = 0, not_finite = 0;
};

/// Elementwise: squares into the buffers; whole-number counts are exact in any order, so the compiler may vectorize
/// those as it likes.
template <GridKind kind, bool one_block>
GRATICULE_ALWAYS_INLINE void square_loop(const GridPoints& points, const QuantizeRun& run, Squares& squares,
                                         Tally& tally) {
    const float* input = run.input;
    const float* scale = run.scale;
    const float* zero = run.zero;
    const float* values = run.values;
    std::int32_t zeros = 0, underflow = 0, clipped = 0, not_finite = 0;
    BlockPoint block = block_point<kind>(points, scale[0], zero[0]);
    for (std::int64_t i = 0; i < run.length; ++i) {
        if constexpr (!one_block) block = block_point<kind>(points, scale[i], zero[i]);
        const bool finite = is_finite(input[i]);
        const float x = finite ? input[i] : 0.0F;
        const float quantized = finite ? values[i] : 0.0F;
        const float steps = x / block.scale;
        const std::int32_t is_underflow = (x != 0.0F ? 1 : 0) & (quantized == 0.0F ? 1 : 0);
        const std::int32_t is_clipped = (steps < block.hull_low - points.margin_below ? 1 : 0) |
                                        (steps > block.hull_high + points.margin_above ? 1 : 0);
        const double error = static_cast<double>(quantized) - static_cast<double>(x);
        squares.value[i] = static_cast<double>(x) * static_cast<double>(x);
        squares.error[i] = error * error;
        squares.underflow[i] = error * error * static_cast<double>(is_underflow);
        squares.clip[i] = error * error * static_cast<double>(is_clipped);
        zeros += input[i] == 0.0F ? 1 : 0;
        underflow += is_underflow;
        clipped += is_clipped;
        not_finite += finite ? 0 : 1;
    }
    tally = {zeros, underflow, clipped, not_finite};
}

GRATICULE_VECTOR_CLONES void square_run(const GridPoints& points, const QuantizeRun& run, Squares& squares,
                                        Tally& tally) {
    const auto loop = [&]<GridKind kind>() {
        if (run.one_block)
            square_loop<kind, true>(points, run, squares, tally);
        else
            square_loop<kind, false>(points, run, squares, tally);
    };
    for_kind(points.kind, loop);
}

GRATICULE_VECTOR_CLONES double sum_in_lanes(double* squares, std::int64_t length) {
    for (; length % lanes != 0; ++length) squares[length] = 0;
    double lane[lanes] = {};
    for (std::int64_t i = 0; i < length; i += lanes)
        for (int l = 0; l < lanes; ++l) lane[l] += squares[i + l];
    double sum = 0;
    for (const double part : lane) sum += part;
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
    float original[counted_run], values[counted_run];
    std::uint8_t codes[counted_run];
    Squares squares;
    for (std::int64_t begin = 0; begin < whole.length; begin += counted_run) {
        const std::int64_t length = std::min(counted_run, whole.length - begin);
        const std::int64_t block = whole.one_block ? 0 : begin;
        std::copy_n(whole.input + begin, length, original); // the output may be the input
        const QuantizeRun run{original, length, whole.scale + block, whole.zero + block, whole.one_block,
                              values,   codes};
        quantize_run(points, run);
        if (whole.values != nullptr) std::copy_n(values, length, whole.values + begin);
        if (whole.codes != nullptr) std::copy_n(codes, length, whole.codes + begin);

        Tally tally;
        square_run(points, run, squares, tally);
        for (std::int64_t i = 0; i < length; ++i) ++counts.codes_used[codes[i]];
        counts.total += length;
        counts.zeros_in += tally.zeros_in;
        counts.underflow += tally.underflow;
        counts.clipped += tally.clipped;
        counts.not_finite += tally.not_finite;
        counts.squared_value += sum_in_lanes(squares.value, length);
        counts.squared_error += sum_in_lanes(squares.error, length);
        if (tally.underflow != 0) counts.squared_underflow_error += sum_in_lanes(squares.underflow, length);
        if (tally.clipped != 0) counts.squared_clip_error += sum_in_lanes(squares.clip, length);
    }
}

namespace {

/// `one_block` as in QuantizeRun.
void dequantize_run(const GridPoints& points, const std::uint8_t* codes, std::int64_t length, const float* scale,
                    const float* zero, bool one_block, float* values) {
    const auto loop = [&]<GridKind kind>() {
        for (std::int64_t i = 0; i < length; ++i) {
            const std::int64_t block = one_block ? 0 : i;
            values[i] = multiple_of_code<kind>(points, points.table, codes[i], zero[block]) * scale[block];
        }
    };
    for_kind(points.kind, loop);
}

} // namespace

void dequantize_row(const GridPoints& points, const std::uint8_t* codes, BlockLayout layout, std::int64_t row,
                    std::int64_t columns, const float* scale, const float* zero, float* values) {
    const std::int64_t across = layout.blocks_across(columns);
    const bool one_block = layout.columns_per_block > 1 || across == 1;
    const std::int64_t run_length = one_block ? layout.columns_per_block : columns;
    for (std::int64_t begin = 0; begin < columns; begin += run_length) {
        const std::int64_t block = row / layout.rows_per_block * across + (one_block ? begin / run_length : 0);
        dequantize_run(points, codes + begin, run_length, scale + block, zero + block, one_block, values + begin);
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
