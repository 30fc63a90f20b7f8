// values[r, c] = value of codes[r, c] in its block                                     (rows, columns) -> (rows,
// columns)
#include <algorithm>

#include "kernels/cpu/ops.h"
#include "kernels/cpu/parallel.h"
#include "kernels/cpu/quantize_run.h"

namespace graticule::cpu {

void dequantize(MatrixView<const std::uint8_t> codes, BlockLayout layout, const GridPoints& points, const float* scale,
                const float* zero, MatrixView<float> values) {
    const std::int64_t across = layout.blocks_across(codes.columns);
    const bool one_block = layout.columns_per_block > 1 || across == 1;
    const std::int64_t run_length = one_block ? layout.columns_per_block : codes.columns;
    const std::int64_t band = band_rows(codes.rows, codes.columns, 1);
    for_each_band((codes.rows + band - 1) / band, codes.rows * codes.columns, [&](std::int64_t index) {
        const std::int64_t end = std::min(codes.rows, (index + 1) * band);
        for (std::int64_t row = index * band; row < end; ++row)
            for (std::int64_t begin = 0; begin < codes.columns; begin += run_length) {
                const std::int64_t block = row / layout.rows_per_block * across + (one_block ? begin / run_length : 0);
                dequantize_run(points, codes.data + row * codes.row_stride + begin, run_length, scale + block,
                               zero + block, one_block, values.data + row * values.row_stride + begin);
            }
    });
}

} // namespace graticule::cpu
