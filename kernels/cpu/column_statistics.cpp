// Per column minimum, maximum, mean and central moments, and the magnitude histogram of the matrix, in one read of
// memory.
//
//            128 columns (a tile; tiles are independent and run on several threads)
//   32 rows  [ block ]   sums -> block means -> powers of the differences -> joined to what the rows above gave
//   32 rows  [ block ]   (16 KiB: the second and third visit of a value find it in the first-level cache)
//
// Differences from the block's own mean keep m3 and m4 accurate where mean^4 >> m4, which sums of powers do not. All in
// float64.
#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

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

/// A column that holds a value that is not finite has no mean and no moments, and its extremes would hide that: all six
/// are NaN.
void store_tile(const Tile& tile, std::int64_t first, std::int64_t columns, const ColumnStatistics& out) {
    for (std::int64_t c = 0; c < columns; ++c) {
        const bool finite = std::isfinite(tile.mean[c]);
        constexpr double nan = std::numeric_limits<double>::quiet_NaN();
        out.minimum[first + c] = finite ? tile.minimum[c] : std::numeric_limits<float>::quiet_NaN();
        out.maximum[first + c] = finite ? tile.maximum[c] : std::numeric_limits<float>::quiet_NaN();
        out.mean[first + c] = tile.mean[c];
        out.m2[first + c] = finite ? tile.m2[c] : nan;
        out.m3[first + c] = finite ? tile.m3[c] : nan;
        out.m4[first + c] = finite ? tile.m4[c] : nan;
        if (!finite) out.mean[first + c] = nan;
    }
}

} // namespace

void column_statistics(MatrixView<const float> values, ColumnStatistics out, std::int64_t* negative,
                       std::int64_t* positive) {
    const std::int64_t tiles = (values.columns + tile_columns - 1) / tile_columns;
    std::vector<TileHistogram> histograms(static_cast<std::size_t>(tiles));
    for_each_band(tiles, values.rows * values.columns, [&](std::int64_t index) {
        const std::int64_t first = index * tile_columns;
        const std::int64_t columns = std::min(tile_columns, values.columns - first);
        TileHistogram& histogram = histograms[static_cast<std::size_t>(index)];
        Tile tile;
        start_tile(tile);
        for (std::int64_t row = 0; row < values.rows; row += block_rows) {
            const std::int64_t rows = std::min(block_rows, values.rows - row);
            const float* block = values.data + row * values.row_stride + first;
            join_block(block, values.row_stride, rows, columns, row, tile);
            count_block(block, values.row_stride, rows, columns, histogram);
        }
        store_tile(tile, first, columns, out);
    });
    for (const TileHistogram& histogram : histograms)
        for (const auto& count : histogram.count)
            for (int bin = 0; bin < histogram_bins; ++bin) {
                positive[bin] += count[bin];
                negative[bin] += count[histogram_bins + bin];
            }
}

} // namespace graticule::cpu
