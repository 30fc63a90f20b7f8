// The nearest code of every value, as codes or as the values they stand for, with counts. (rows, columns) -> (same)
// The kernel is device/quantize_tile.cuh; 5 bytes a value move for codes, 8 for values.
#include "kernels/cuda/device/quantize_tile.cuh"
#include "kernels/cuda/ops.h"

namespace graticule::cuda {
namespace {

/// One of the two pointers is set.
struct Output {
    float* values = nullptr;
    std::uint8_t* codes = nullptr;
    std::int64_t row_stride = 0;
    bool packs = false; ///< four neighbours may be written at once
};

void quantize_to(const Output& out, MatrixView<const float> values, BlockLayout layout, const GridPoints& points,
                 const float* scale, const float* zero, QuantizeCounts* counts, cudaStream_t stream) {
    const bool packed =
        packs_of(values, 4) && out.packs && (layout.columns_per_block % 4 == 0 || layout.columns_per_block == 1);
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
                                  out.values,
                                  out.codes,
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

} // namespace

void quantize(MatrixView<const float> values, BlockLayout layout, const GridPoints& points, const float* scale,
              const float* zero, MatrixView<std::uint8_t> codes, QuantizeCounts* counts, cudaStream_t stream) {
    quantize_to({nullptr, codes.data, codes.row_stride, packs_of(codes, 4)}, values, layout, points, scale, zero,
                counts, stream);
}

/// `out` may be `values`.
void fake_quantize(MatrixView<const float> values, BlockLayout layout, const GridPoints& points, const float* scale,
                   const float* zero, MatrixView<float> out, QuantizeCounts* counts, cudaStream_t stream) {
    quantize_to({out.data, nullptr, out.row_stride, packs_of(out, 4)}, values, layout, points, scale, zero, counts,
                stream);
}

} // namespace graticule::cuda
