// Scale and zero point of every block: extremes of its finite values and 0, then the rule (kernels/api/scale_rule.h).
#include <algorithm>
#include <vector>

#include "kernels/api/scale_rule.h"
#include "kernels/cpu/ops.h"
#include "kernels/cpu/parallel.h"
#include "kernels/cpu/stored_rows.h"
#include "kernels/cpu/vector_clones.h"

namespace graticule::cpu {
namespace {

constexpr int lanes = 32;

/// Extremes of one run of a row joined with low and high. 32 independent lanes, because a single running minimum cannot
/// be vectorized without leave to reorder. A value that is not finite counts as 0, which every range includes anyway.
GRATICULE_VECTOR_CLONES void extremes_of_run(const float* x, std::int64_t length, float& low, float& high) {
    float lows[lanes] = {}, highs[lanes] = {};
    std::int64_t i = 0;
    for (; i + lanes <= length; i += lanes)
        for (int l = 0; l < lanes; ++l) {
            const float value = is_finite(x[i + l]) ? x[i + l] : 0.0F;
            lows[l] = value < lows[l] ? value : lows[l];
            highs[l] = value > highs[l] ? value : highs[l];
        }
    for (std::int64_t l = 0; l < length - i; ++l) {
        const float value = is_finite(x[i + l]) ? x[i + l] : 0.0F;
        lows[l] = value < lows[l] ? value : lows[l];
        highs[l] = value > highs[l] ? value : highs[l];
    }
    for (int half = lanes / 2; half > 0; half /= 2)
        for (int l = 0; l < half; ++l) {
            lows[l] = lows[l + half] < lows[l] ? lows[l + half] : lows[l];
            highs[l] = highs[l + half] > highs[l] ? highs[l + half] : highs[l];
        }
    low = lows[0] < low ? lows[0] : low;
    high = highs[0] > high ? highs[0] : high;
}

/// One row joined into per-column extremes.
GRATICULE_VECTOR_CLONES void extremes_of_columns(const float* x, std::int64_t columns, float* low, float* high) {
    GRATICULE_ELEMENTWISE
    for (std::int64_t i = 0; i < columns; ++i) {
        const float value = is_finite(x[i]) ? x[i] : 0.0F;
        low[i] = value < low[i] ? value : low[i];
        high[i] = value > high[i] ? value : high[i];
    }
}

/// `row_at(row)`: a row's values, good until the next is asked for.
template <class RowAt>
void scales_of_rows(RowAt&& row_at, std::int64_t columns, BlockLayout layout, const GridPoints& points,
                    const ScaleOptions& options, std::int64_t first, std::int64_t last, float* scale, float* zero) {
    const std::int64_t across = layout.blocks_across(columns);
    std::vector<float> low(static_cast<std::size_t>(across)), high(static_cast<std::size_t>(across));
    for (std::int64_t top = first; top < last; top += layout.rows_per_block) {
        std::fill(low.begin(), low.end(), 0.0F);
        std::fill(high.begin(), high.end(), 0.0F);
        const float* x = nullptr;
        for (std::int64_t row = top; row < top + layout.rows_per_block; ++row) {
            x = row_at(row);
            if (layout.columns_per_block == 1) {
                extremes_of_columns(x, across, low.data(), high.data());
                continue;
            }
            for (std::int64_t block = 0; block < across; ++block)
                extremes_of_run(x + block * layout.columns_per_block, layout.columns_per_block,
                                low[static_cast<std::size_t>(block)], high[static_cast<std::size_t>(block)]);
        }
        for (std::int64_t block = 0; block < across; ++block) {
            const auto at = static_cast<std::size_t>(block);
            const std::int64_t column = block * layout.columns_per_block;
            const float coarse = options.coarse.at(top, column, columns);
            ScaleAndZero found = scale_of_range(low[at], high[at], points, options, coarse);
            if (options.second_largest > 0.0F) // blocks are one row high then
                found.scale = better_scale_of_run(found.scale, low[at], high[at], x + column, layout.columns_per_block,
                                                  points, options, coarse);
            *scale++ = found.scale;
            *zero++ = found.zero;
        }
    }
}

} // namespace

void find_scales_of_rows(MatrixView<const float> values, BlockLayout layout, const GridPoints& points,
                         ScaleOptions options, std::int64_t first, std::int64_t last, float* scale, float* zero) {
    scales_of_rows([&](std::int64_t row) { return values.data + row * values.row_stride; }, values.columns, layout,
                   points, options, first, last, scale, zero);
}

void find_scales(const StoredMatrix& weight, BlockLayout layout, const GridPoints& points, const ScaleOptions& options,
                 float* scale, float* zero) {
    const std::int64_t band = band_rows(weight.rows, weight.columns, layout.rows_per_block);
    const std::int64_t across = layout.blocks_across(weight.columns);
    for_each_band((weight.rows + band - 1) / band, weight.rows * weight.columns, [&](std::int64_t index) {
        const std::int64_t first = index * band;
        const std::int64_t block = first / layout.rows_per_block * across;
        scales_of_rows(StoredRows(weight), weight.columns, layout, points, options, first,
                       std::min(weight.rows, first + band), scale + block, zero + block);
    });
}

void find_scales(MatrixView<const float> values, BlockLayout layout, const GridPoints& points, ScaleOptions options,
                 float* scale, float* zero) {
    const std::int64_t band = band_rows(values.rows, values.columns, layout.rows_per_block);
    const std::int64_t across = layout.blocks_across(values.columns);
    for_each_band((values.rows + band - 1) / band, values.rows * values.columns, [&](std::int64_t index) {
        const std::int64_t first = index * band;
        const std::int64_t block = first / layout.rows_per_block * across;
        find_scales_of_rows(values, layout, points, options, first, std::min(values.rows, first + band), scale + block,
                            zero + block);
    });
}

} // namespace graticule::cpu
