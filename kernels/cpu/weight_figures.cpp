// Scales, codes and counts of a stored matrix, row by row within bands.                  (rows, columns) -> figures
#include "kernels/api/weight_figures.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <mutex>

#include "kernels/api/argument_checks.h"
#include "kernels/cpu/band_counts.h"
#include "kernels/cpu/ops.h"
#include "kernels/cpu/parallel.h"
#include "kernels/cpu/stored_rows.h"
#include "kernels/cpu/vector_clones.h"

namespace graticule {
namespace cpu {
namespace {

constexpr std::int64_t piece_length = 256;
constexpr int lanes = 8; // float64 partial sums of a piece, added up in lane order
constexpr auto bins_a_step = float(StepCounts::bins_a_step);
constexpr std::int32_t bins_a_side = StepBins::a_side, not_counted = StepBins::not_counted;

/// Values of one block, at most piece_length of them.
struct Piece {
    const float* input;
    const float* rounded;
    const std::uint8_t* codes;
    std::int64_t length;
    float scale;
    float low, high; ///< values of fewer or more steps are clipped
};

/// Where values in steps lie.
struct Reach {
    std::int32_t lowest = not_counted, highest = 0; ///< bins in use
    float largest = 0;

    void join(const Reach& other) {
        lowest = std::min(lowest, other.lowest);
        highest = std::max(highest, other.highest);
        largest = std::max(largest, other.largest);
    }
};

struct Tally {
    std::int32_t zeros_in = 0, underflow = 0, clipped = 0, not_finite = 0;
    Reach reach;
};

/// Whole numbers are exact in any order, so the compiler may add them as it likes; the largest magnitude is compared as
/// bits for the same reason.
GRATICULE_VECTOR_CLONES void tally_piece(const Piece& piece, std::int32_t* bins, Tally& tally) {
    const float* input = piece.input;
    const float* rounded = piece.rounded;
    const std::int64_t length = piece.length;
    const float scale = piece.scale, low = piece.low, high = piece.high;
    std::int32_t zeros = 0, underflow = 0, clipped = 0, infinite = 0;
    std::int32_t lowest = not_counted, highest = 0, largest = 0;
    for (std::int64_t i = 0; i < length; ++i) {
        const float x = input[i];
        const float steps = x / scale;
        const float magnitude = magnitude_of(steps);
        const std::int32_t finite = is_finite(x) ? 1 : 0;
        const std::int32_t lost = finite & (x != 0.0F ? 1 : 0) & (rounded[i] == 0.0F ? 1 : 0);
        zeros += x == 0.0F ? 1 : 0;
        underflow += lost;
        clipped += finite & ((steps < low ? 1 : 0) | (steps > high ? 1 : 0)) & (1 - lost);
        infinite += 1 - finite;
        const std::int32_t near = finite & (magnitude <= StepCounts::farthest ? 1 : 0);
        const float above = steps >= -StepCounts::farthest ? steps : -StepCounts::farthest; // NaN too
        const float at = (above <= StepCounts::farthest ? above : StepCounts::farthest) * bins_a_step;
        const auto toward_zero = static_cast<std::int32_t>(at);
        const std::int32_t bin = toward_zero - (at < static_cast<float>(toward_zero) ? 1 : 0) + bins_a_side;
        const std::int32_t counted = not_counted + near * (bin - not_counted);
        bins[i] = counted;
        lowest = std::min(lowest, counted);
        highest = std::max(highest, near * bin);
        largest = std::max(largest, near * std::bit_cast<std::int32_t>(magnitude));
    }
    tally = {zeros, underflow, clipped, infinite, {lowest, highest, std::bit_cast<float>(largest)}};
}

/// float64 sums of a piece in eight lanes, two vectors of four, added up in lane order.
struct Squares {
    double value[lanes], error[lanes], underflow[lanes];
};

// The compiler's own vectors: on its own it does not find that eight sums can be kept in two registers.
using Float4 = float __attribute__((vector_size(16)));
using Double4 = double __attribute__((vector_size(32)));

GRATICULE_ALWAYS_INLINE void read_four(const float* values, Double4& out) {
    Float4 four;
    std::memcpy(&four, values, sizeof four);
    out = __builtin_convertvector(four, Double4);
}

/// `length` a multiple of the lanes. What became zero has lost itself: its error is its value.
GRATICULE_VECTOR_CLONES void sum_squares(const float* input, const float* rounded, std::int64_t length,
                                         Squares& squares) {
    Double4 value[2] = {}, error[2] = {}, underflow[2] = {};
    for (std::int64_t i = 0; i < length; i += lanes)
        for (int half = 0; half < 2; ++half) {
            Double4 x, became;
            read_four(input + i + 4 * half, x);
            read_four(rounded + i + 4 * half, became);
            const Double4 off = became - x, lost = became == 0.0 ? x : Double4{};
            value[half] += x * x;
            error[half] += off * off;
            underflow[half] += lost * lost;
        }
    std::memcpy(squares.value, value, sizeof value);
    std::memcpy(squares.error, error, sizeof error);
    std::memcpy(squares.underflow, underflow, sizeof underflow);
}

double in_order(const double (&lane)[lanes]) {
    double sum = 0;
    for (const double part : lane) sum += part;
    return sum;
}

double squared_clip_error(const Piece& piece) {
    double sum = 0;
    for (std::int64_t i = 0; i < piece.length; ++i) {
        const float x = piece.input[i], rounded = piece.rounded[i], steps = in_steps(x, piece.scale);
        if (!is_finite(x) || (x != 0.0F && rounded == 0.0F) || !(steps < piece.low || steps > piece.high)) continue;
        const double error = static_cast<double>(rounded) - static_cast<double>(x);
        sum += error * error;
    }
    return sum;
}

void add_squares(const Piece& piece, const Tally& tally, QuantizeCounts& counts) {
    Squares squares;
    const std::int64_t padded = (piece.length + lanes - 1) / lanes * lanes;
    if (padded == piece.length && tally.not_finite == 0) {
        sum_squares(piece.input, piece.rounded, padded, squares);
    } else { // zeros, which add nothing, in place of what is not there or not finite
        float input[piece_length] = {}, rounded[piece_length] = {};
        for (std::int64_t i = 0; i < piece.length; ++i) {
            if (!is_finite(piece.input[i])) continue;
            input[i] = piece.input[i];
            rounded[i] = piece.rounded[i];
        }
        sum_squares(input, rounded, padded, squares);
    }
    counts.squared_value += in_order(squares.value);
    counts.squared_error += in_order(squares.error);
    counts.squared_underflow_error += in_order(squares.underflow);
    if (tally.clipped > 0) counts.squared_clip_error += squared_clip_error(piece);
}

/// What one thread counts of a band. Neighbouring codes are often the same, and a counter that is raised twice in a row
/// waits for itself: four of each code take turns.
struct BandTables {
    std::vector<std::uint32_t> bins = std::vector<std::uint32_t>(std::size_t{not_counted} + 1);
    std::uint32_t codes[4][256] = {};
    Reach reach;

    void count(const Piece& piece, const std::int32_t* bin) {
        std::uint32_t* all_bins = bins.data();
        const std::uint8_t* code = piece.codes;
        const std::int64_t whole = piece.length / 4 * 4;
        for (std::int64_t i = 0; i < whole; i += 4)
            for (int turn = 0; turn < 4; ++turn) {
                ++codes[turn][code[i + turn]];
                ++all_bins[bin[i + turn]];
            }
        for (std::int64_t i = whole; i < piece.length; ++i) {
            ++codes[0][code[i]];
            ++all_bins[bin[i]];
        }
    }
    void add_to(std::vector<std::int64_t>& all_bins, Reach& all_reach, QuantizeCounts& counts) const {
        for (auto bin = static_cast<std::size_t>(reach.lowest); bin <= static_cast<std::size_t>(reach.highest); ++bin)
            all_bins[bin] += bins[bin];
        all_reach.join(reach);
        for (const auto& turn : codes)
            for (std::size_t code = 0; code < 256; ++code) counts.codes_used[code] += turn[code];
    }
    void forget() {
        if (reach.lowest <= reach.highest) std::fill(bins.begin() + reach.lowest, bins.begin() + reach.highest + 1, 0U);
        bins[not_counted] = 0;
        reach = {};
        for (auto& turn : codes) std::fill(std::begin(turn), std::end(turn), 0U);
    }
};

void count_piece(const Piece& piece, BandTables& tables, QuantizeCounts& counts) {
    std::int32_t bins[piece_length];
    Tally tally;
    tally_piece(piece, bins, tally);
    counts.total += piece.length;
    counts.zeros_in += tally.zeros_in;
    counts.underflow += tally.underflow;
    counts.clipped += tally.clipped;
    counts.not_finite += tally.not_finite;
    add_squares(piece, tally, counts);
    tables.reach.join(tally.reach);
    tables.count(piece, bins);
}

/// A block's scale, and beyond which steps its values are clipped.
void set_block(const GridPoints& points, float scale, float zero, Piece& piece) {
    const BlockPoint block =
        for_kind(points.kind, [&]<GridKind kind>() { return block_point<kind>(points, scale, zero); });
    piece.scale = scale;
    piece.low = block.hull_low - points.margin_below;
    piece.high = block.hull_high + points.margin_above;
}

/// One row after the other: its scales, its codes, its counts.
class RowCounter {
public:
    RowCounter(const WeightRounding& rounding, const GridPoints& points, const ScaleOptions* find)
        : rounding_(rounding)
        , points_(points)
        , find_(find)
        , rows_(rounding.weight)
        , across_(rounding.layout.blocks_across(rounding.weight.columns))
        , rounded_(std::size_t(rounding.weight.columns))
        , codes_(rounding.codes.data != nullptr ? 0 : std::size_t(rounding.weight.columns)) {}

    void count(std::int64_t row, BandTables& tables, QuantizeCounts& counts) {
        const StoredMatrix& weight = rounding_.weight;
        const BlockLayout layout = rounding_.layout;
        const float* input = rows_(row);
        const MatrixView<const float> same{input, weight.rows, weight.columns, 0}; // whichever row is asked for
        const std::int64_t block_row = row / layout.rows_per_block * across_;
        float *scale = rounding_.scale + block_row, *zero = rounding_.zero + block_row;
        if (find_ != nullptr) find_scales_of_rows(same, layout, points_, *find_, row, row + 1, scale, zero);
        const std::uint8_t* codes = codes_.data();
        if (rounding_.codes.data != nullptr) {
            codes = rounding_.codes.data + row * rounding_.codes.row_stride;
            dequantize_row(points_, codes, layout, row, weight.columns, rounding_.scale, rounding_.zero,
                           rounded_.data());
        } else {
            quantize_rows(same, layout, points_, row, row + 1, 0, rounding_.scale, rounding_.zero,
                          {rounded_.data(), 0, codes_.data(), 0}, nullptr);
        }
        for (std::int64_t block = 0; block < across_; ++block) {
            Piece piece;
            set_block(points_, scale[block], zero[block], piece);
            const std::int64_t end = (block + 1) * layout.columns_per_block;
            for (std::int64_t begin = block * layout.columns_per_block; begin < end; begin += piece_length) {
                piece.input = input + begin;
                piece.rounded = rounded_.data() + begin;
                piece.codes = codes + begin;
                piece.length = std::min(piece_length, end - begin);
                count_piece(piece, tables, counts);
            }
        }
    }

private:
    const WeightRounding& rounding_;
    const GridPoints& points_;
    const ScaleOptions* find_;
    StoredRows rows_;
    std::int64_t across_;
    std::vector<float> rounded_;
    std::vector<std::uint8_t> codes_;
};

/// Not inlined: a compiler that sees where `tables` lies looks its address up in the inner loop, again for every value.
[[gnu::noinline]] void count_band(RowCounter& rows, std::int64_t first, std::int64_t last, BandTables& tables,
                                  QuantizeCounts& counts) {
    for (std::int64_t row = first; row < last; ++row) rows.count(row, tables, counts);
}

WeightFigures count_weights(const WeightRounding& rounding, const GridPoints& points) {
    const StoredMatrix& weight = rounding.weight;
    const ScaleOptions* find = rounding.find;
    if (find != nullptr && rounding.layout.rows_per_block > 1) { // a scale needs rows that are not counted yet
        find_scales(weight, rounding.layout, points, *find, rounding.scale, rounding.zero);
        find = nullptr;
    }
    const std::int64_t band = band_rows(weight.rows, weight.columns, 1);
    const std::int64_t bands = (weight.rows + band - 1) / band;
    WeightFigures figures;
    BandCounts counts(&figures.counts, bands);
    std::vector<std::int64_t> bins(std::size_t{not_counted} + 1);
    Reach reach;
    std::mutex joining;
    for_each_band(bands, weight.rows * weight.columns, [&](std::int64_t index) {
        thread_local BandTables tables; // a megabyte, most of which is never touched
        tables.forget();                // of the band before, perhaps one that failed
        RowCounter rows(rounding, points, find);
        count_band(rows, index * band, std::min(weight.rows, (index + 1) * band), tables, *counts.of(index));
        const std::lock_guard lock(joining);
        tables.add_to(bins, reach, *counts.of(index));
    });
    counts.finish();
    figures.steps.largest = reach.largest;
    if (reach.lowest > reach.highest) return figures;
    figures.steps.first = reach.lowest - bins_a_side;
    figures.steps.counts.assign(bins.begin() + reach.lowest, bins.begin() + reach.highest + 1);
    return figures;
}

} // namespace
} // namespace cpu

namespace {

/// Its shape, for the checks; the values may be of another type.
MatrixView<const float> shape_of(const StoredMatrix& weight) {
    return {static_cast<const float*>(weight.data), weight.rows, weight.columns, weight.row_stride};
}

} // namespace

WeightFigures weight_figures(const WeightRounding& rounding) {
    const MatrixView<const float> shape = shape_of(rounding.weight);
    check_fake_quantize(shape, rounding.layout, rounding.scale, rounding.zero, shape);
    if (rounding.find != nullptr)
        check_find_scales(shape, rounding.layout, rounding.grid, *rounding.find, rounding.scale, rounding.zero);
    if (shape.rows * shape.columns == 0) return {};
    return cpu::count_weights(rounding, prepare_grid(rounding.grid));
}

void find_scales(const StoredMatrix& weight, BlockLayout layout, const CodeGrid& grid, const ScaleOptions& options,
                 float* scale, float* zero) {
    check_find_scales(shape_of(weight), layout, grid, options, scale, zero);
    if (weight.rows * weight.columns > 0) cpu::find_scales(weight, layout, prepare_grid(grid), options, scale, zero);
}

} // namespace graticule
