// Scales from the values themselves, then fake quantization with them, one row of blocks at a time: for tokens and
// groups a row is still in the first-level cache when it is quantized, so memory is read once and written once.
#include <algorithm>
#include <vector>

#include "kernels/cpu/band_counts.h"
#include "kernels/cpu/ops.h"
#include "kernels/cpu/parallel.h"

namespace graticule::cpu {

void fake_quantize_dynamic(MatrixView<const float> values, BlockLayout layout, const GridPoints& points,
                           ScaleOptions options, MatrixView<float> out, QuantizeCounts* counts) {
    const std::int64_t step = layout.rows_per_block;
    const std::int64_t band = band_rows(values.rows, values.columns, step);
    const std::int64_t bands = (values.rows + band - 1) / band;
    BandCounts band_counts(counts, bands);
    for_each_band(bands, values.rows * values.columns, [&](std::int64_t index) {
        const auto across = static_cast<std::size_t>(layout.blocks_across(values.columns));
        std::vector<float> scale(across), zero(across);
        const std::int64_t end = std::min(values.rows, (index + 1) * band);
        for (std::int64_t row = index * band; row < end; row += step) {
            find_scales_of_rows(values, layout, points, options, row, row + step, scale.data(), zero.data());
            quantize_rows(values, layout, points, row, row + step, row / step, scale.data(), zero.data(),
                          {out.data, out.row_stride, nullptr, 0}, band_counts.of(index));
        }
    });
    band_counts.finish();
}

} // namespace graticule::cpu
