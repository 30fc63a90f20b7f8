// Per segment and column minimum, maximum, mean and central moments, and the magnitude histograms, in one read of
// memory.
//
//            128 columns (a tile; tiles and segments are independent and run on several threads)
//   32 rows  [ block ]   sums -> block means -> powers of the differences -> joined to what the rows above gave
//   32 rows  [ block ]   (16 KiB: the second and third visit of a value find it in the first-level cache)
//
// Samples are joined one after the other, each as a whole, so that the sums do not depend on how many there are in a
// call. Differences from the block's own mean keep m3 and m4 accurate where mean^4 >> m4, which sums of powers do not.
// All in float64.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "kernels/api/half.h"
#include "kernels/api/histogram_bin.h"
#include "kernels/api/moments.h"
#include "kernels/cpu/ops.h"
#include "kernels/cpu/parallel.h"
#include "kernels/cpu/vector_clones.h"

namespace graticule::cpu {
namespace {

constexpr std::int64_t tile_columns = 128;
constexpr std::int64_t block_rows = 32;
constexpr std::uint32_t infinity_bits = 0x7f800000;
constexpr std::int64_t work_per_value = 8; ///< of the work that for_each_band counts threads by

struct Tile {
    float minimum[tile_columns], maximum[tile_columns];
    double mean[tile_columns], m2[tile_columns], m3[tile_columns], m4[tile_columns];
    double block_mean[tile_columns], block_m2[tile_columns], block_m3[tile_columns], block_m4[tile_columns];
};

/// Counters of one tile: non-negative bins, negative bins, and one that takes NaN. Two copies, because consecutive
/// values often fall into the same bin and a counter just written cannot be read back at once.
struct TileHistogram {
    std::uint32_t count[2][2 * histogram_bins + 1] = {};
};

GRATICULE_VECTOR_CLONES void start_tile(Tile& tile) {
    for (std::int64_t c = 0; c < tile_columns; ++c) {
        tile.minimum[c] = std::numeric_limits<float>::infinity();
        tile.maximum[c] = -std::numeric_limits<float>::infinity();
        tile.mean[c] = tile.m2[c] = tile.m3[c] = tile.m4[c] = 0;
    }
}

/// Moments of one block, joined to the tile's. `rows_before` rows are in the tile already.
GRATICULE_VECTOR_CLONES void join_block(const float* block, std::int64_t stride, std::int64_t rows,
                                        std::int64_t columns, std::int64_t rows_before, Tile& tile) {
    for (std::int64_t c = 0; c < columns; ++c)
        tile.block_mean[c] = tile.block_m2[c] = tile.block_m3[c] = tile.block_m4[c] = 0;
    for (std::int64_t r = 0; r < rows; ++r) {
        const float* x = block + r * stride;
        for (std::int64_t c = 0; c < columns; ++c) {
            tile.block_mean[c] += static_cast<double>(x[c]);
            tile.minimum[c] = x[c] < tile.minimum[c] ? x[c] : tile.minimum[c];
            tile.maximum[c] = x[c] > tile.maximum[c] ? x[c] : tile.maximum[c];
        }
    }
    for (std::int64_t c = 0; c < columns; ++c) tile.block_mean[c] /= static_cast<double>(rows);
    for (std::int64_t r = 0; r < rows; ++r) {
        const float* x = block + r * stride;
        for (std::int64_t c = 0; c < columns; ++c) {
            const double difference = static_cast<double>(x[c]) - tile.block_mean[c];
            const double square = difference * difference;
            tile.block_m2[c] += square;
            tile.block_m3[c] += square * difference;
            tile.block_m4[c] += square * square;
        }
    }
    const auto before = static_cast<double>(rows_before);
    const auto here = static_cast<double>(rows);
    for (std::int64_t c = 0; c < columns; ++c) {
        const Moments joined =
            join_moments({tile.mean[c], tile.m2[c], tile.m3[c], tile.m4[c]}, before,
                         {tile.block_mean[c], tile.block_m2[c], tile.block_m3[c], tile.block_m4[c]}, here);
        tile.mean[c] = joined.mean;
        tile.m2[c] = joined.m2;
        tile.m3[c] = joined.m3;
        tile.m4[c] = joined.m4;
    }
}

/// Counter of each of up to tile_columns values.
GRATICULE_VECTOR_CLONES void histogram_slots(const float* x, std::int64_t columns, std::int32_t* slot) {
    for (std::int64_t c = 0; c < columns; ++c) {
        const std::uint32_t magnitude = std::bit_cast<std::uint32_t>(x[c]) & 0x7fffffff;
        const std::int32_t half = x[c] < 0.0F ? histogram_bins : 0;
        const std::int32_t bin = histogram_bin(magnitude) + half;
        slot[c] = magnitude > infinity_bits ? 2 * histogram_bins : bin;
    }
}

void count_block(const float* block, std::int64_t stride, std::int64_t rows, std::int64_t columns,
                 TileHistogram& histogram) {
    std::int32_t slot[tile_columns];
    for (std::int64_t r = 0; r < rows; ++r) {
        histogram_slots(block + r * stride, columns, slot);
        std::int64_t c = 0;
        for (; c + 2 <= columns; c += 2) {
            ++histogram.count[0][slot[c]];
            ++histogram.count[1][slot[c + 1]];
        }
        if (c < columns) ++histogram.count[0][slot[c]];
    }
}

/// Rows of one tile as float32: where they lie, or decoded into `buffer`.
class TileRows {
public:
    TileRows(const ActivationBatch& batch, std::int64_t first_column, std::int64_t columns)
        : batch_(batch)
        , first_(first_column)
        , columns_(columns) {}

    struct Block {
        const float* values;
        std::int64_t stride;
    };
    Block rows(std::int64_t row, std::int64_t count) {
        const std::int64_t start = row * batch_.row_stride + first_;
        if (batch_.type == ValueType::f32) return {static_cast<const float*>(batch_.values) + start, batch_.row_stride};
        const auto* bits = static_cast<const std::uint16_t*>(batch_.values) + start;
        for (std::int64_t r = 0; r < count; ++r, bits += batch_.row_stride)
            for (std::int64_t c = 0; c < columns_; ++c)
                buffer_[r * tile_columns + c] =
                    batch_.type == ValueType::bf16 ? bf16_to_float(bits[c]) : f16_to_float(bits[c]);
        return {buffer_, tile_columns};
    }

private:
    const ActivationBatch& batch_;
    std::int64_t first_, columns_;
    float buffer_[block_rows * tile_columns];
};

/// Joins one sample's tile to what the samples before gave. A column that holds a value that is not finite has no mean
/// and no moments, and its extremes would hide that: all six are NaN, whatever joins them later.
void join_sample(const Tile& tile, std::int64_t rows_before, std::int64_t rows, std::int64_t columns,
                 std::int64_t place, const SiteAccumulators& out) {
    const auto before = static_cast<double>(rows_before);
    const auto here = static_cast<double>(rows);
    for (std::int64_t c = 0; c < columns; ++c) {
        const std::int64_t at = place + c;
        Moments moments{tile.mean[c], tile.m2[c], tile.m3[c], tile.m4[c]};
        float minimum = tile.minimum[c], maximum = tile.maximum[c];
        if (rows_before > 0) {
            moments = join_moments({out.mean[at], out.m2[at], out.m3[at], out.m4[at]}, before, moments, here);
            minimum = std::min(out.minimum[at], minimum);
            maximum = std::max(out.maximum[at], maximum);
        }
        if (!std::isfinite(moments.mean)) {
            minimum = maximum = std::numeric_limits<float>::quiet_NaN();
            const double nan = std::numeric_limits<double>::quiet_NaN();
            moments = {nan, nan, nan, nan};
        }
        out.mean[at] = moments.mean;
        out.m2[at] = moments.m2;
        out.m3[at] = moments.m3;
        out.m4[at] = moments.m4;
        out.minimum[at] = minimum;
        out.maximum[at] = maximum;
    }
}

} // namespace

void accumulate_statistics(const ActivationBatch& batch, SegmentEnds ends, std::span<const std::int64_t> rows_before,
                           const SiteAccumulators& out) {
    const auto segments = static_cast<std::int64_t>(ends.size());
    const std::int64_t tiles = (batch.columns + tile_columns - 1) / tile_columns;
    for (std::int64_t segment = 0; segment < segments; ++segment)
        if (rows_before[static_cast<std::size_t>(segment)] == 0)
            std::fill_n(out.histogram + segment * 2 * histogram_bins, 2 * histogram_bins, 0);
    std::vector<TileHistogram> histograms(static_cast<std::size_t>(segments * tiles));
    const std::int64_t values = batch.samples * batch.length * batch.columns;
    // The last segment, as long as all before it, first: the others fit beside it.
    for_each_band(segments * tiles, work_per_value * values, [&](std::int64_t band) {
        const std::int64_t segment = segments - 1 - band / tiles;
        const std::int64_t first = band % tiles * tile_columns;
        const std::int64_t columns = std::min(tile_columns, batch.columns - first);
        const std::int64_t begin = segment == 0 ? 0 : ends[static_cast<std::size_t>(segment - 1)];
        const std::int64_t length = ends[static_cast<std::size_t>(segment)] - begin;
        const std::int64_t before = rows_before[static_cast<std::size_t>(segment)];
        TileHistogram& histogram = histograms[static_cast<std::size_t>(segment * tiles + band % tiles)];
        TileRows input(batch, first, columns);
        Tile tile;
        for (std::int64_t sample = 0; sample < batch.samples; ++sample) {
            start_tile(tile);
            for (std::int64_t row = 0; row < length; row += block_rows) {
                const std::int64_t rows = std::min(block_rows, length - row);
                const TileRows::Block block = input.rows(sample * batch.length + begin + row, rows);
                join_block(block.values, block.stride, rows, columns, row, tile);
                count_block(block.values, block.stride, rows, columns, histogram);
            }
            join_sample(tile, before + sample * length, length, columns, segment * batch.columns + first, out);
        }
    });
    for (std::int64_t segment = 0; segment < segments; ++segment) {
        std::int64_t* counts = out.histogram + segment * 2 * histogram_bins;
        for (std::int64_t tile = 0; tile < tiles; ++tile)
            for (const auto& count : histograms[static_cast<std::size_t>(segment * tiles + tile)].count)
                for (int slot = 0; slot < 2 * histogram_bins; ++slot) counts[slot] += count[slot];
    }
}

} // namespace graticule::cpu
