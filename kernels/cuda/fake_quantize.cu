// out[r, c] = value of the nearest code of values[r, c], and counts; out may be values.   (rows, columns) -> (rows,
// columns) The kernel is device/quantize_tile.cuh; 8 bytes a value move.
#include "kernels/cuda/device/quantize_tile.cuh"
#include "kernels/cuda/ops.h"

namespace graticule::cuda {

void fake_quantize(MatrixView<const float> values, BlockLayout layout, const GridPoints& points, const float* scale,
                   const float* zero, MatrixView<float> out, QuantizeCounts* counts, cudaStream_t stream) {
    const bool packed =
        packs_of(values, 4) && packs_of(out, 4) && (layout.columns_per_block % 4 == 0 || layout.columns_per_block == 1);
    const TileShape shape(values.rows, packed ? values.columns / 4 : values.columns, counts != nullptr);
    CountsCall call(counts, shape.ctas(), 0, stream);
    const TileArguments arguments{values.data,
                                  values.rows,
                                  values.columns,
                                  values.row_stride,
                                  scale,
                                  zero,
                                  layout.rows_per_block,
                                  layout.columns_per_block,
                                  layout.blocks_across(values.columns),
                                  out.data,
                                  nullptr,
                                  out.row_stride,
                                  call.target()};
    if (packed && counts != nullptr)
        launch_tile<4, true>(shape, arguments, points, stream);
    else if (packed)
        launch_tile<4, false>(shape, arguments, points, stream);
    else if (counts != nullptr)
        launch_tile<1, true>(shape, arguments, points, stream);
    else
        launch_tile<1, false>(shape, arguments, points, stream);
    call.finish(values.rows * values.columns);
}

} // namespace graticule::cuda
