// out[r, c] = value of the nearest code of values[r, c]; out may be values.          (rows, columns) -> (rows, columns)
#include <algorithm>

#include "kernels/cpu/band_counts.h"
#include "kernels/cpu/ops.h"
#include "kernels/cpu/parallel.h"

namespace graticule::cpu {

void fake_quantize(MatrixView<const float> values, BlockLayout layout, const GridPoints& points, const float* scale,
                   const float* zero, MatrixView<float> out, QuantizeCounts* counts) {
    const std::int64_t band = band_rows(values.rows, values.columns, 1);
    const std::int64_t bands = (values.rows + band - 1) / band;
    BandCounts band_counts(counts, bands);
    for_each_band(bands, values.rows * values.columns, [&](std::int64_t index) {
        quantize_rows(values, layout, points, index * band, std::min(values.rows, (index + 1) * band), 0, scale, zero,
                      {out.data, out.row_stride, nullptr, 0}, band_counts.of(index));
    });
    band_counts.finish();
}

} // namespace graticule::cpu
