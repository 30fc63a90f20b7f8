// values[r, c] = value of codes[r, c] in its block                                   (rows, columns) -> (rows, columns)
#include <algorithm>

#include "kernels/cpu/ops.h"
#include "kernels/cpu/parallel.h"
#include "kernels/cpu/quantize_run.h"

namespace graticule::cpu {

void dequantize(MatrixView<const std::uint8_t> codes, BlockLayout layout, const GridPoints& points, const float* scale,
                const float* zero, MatrixView<float> values) {
    const std::int64_t band = band_rows(codes.rows, codes.columns, 1);
    for_each_band((codes.rows + band - 1) / band, codes.rows * codes.columns, [&](std::int64_t index) {
        for (std::int64_t row = index * band; row < std::min(codes.rows, (index + 1) * band); ++row)
            dequantize_row(points, codes.data + row * codes.row_stride, layout, row, codes.columns, scale, zero,
                           values.data + row * values.row_stride);
    });
}

} // namespace graticule::cpu
