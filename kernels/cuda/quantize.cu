// codes[r, c] = nearest code of values[r, c], and counts.                             (rows, columns) -> (rows,
// columns) The kernel is device/quantize_tile.cuh; 5 bytes a value move.
#include "kernels/cuda/device/quantize_tile.cuh"
#include "kernels/cuda/ops.h"

namespace graticule::cuda {

void quantize(MatrixView<const float> values, BlockLayout layout, const GridPoints& points, const float* scale,
              const float* zero, MatrixView<std::uint8_t> codes, QuantizeCounts* counts, cudaStream_t stream) {
    const bool packed = packs_of(values, 4) && packs_of(codes, 4) &&
                        (layout.columns_per_block % 4 == 0 || layout.columns_per_block == 1);
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
                                  nullptr,
                                  codes.data,
                                  codes.row_stride,
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
