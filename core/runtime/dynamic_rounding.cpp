#include "core/runtime/dynamic_rounding.h"

#include <ATen/Parallel.h>

namespace graticule {

at::Tensor find_coarse_scales(MatrixView<const float> values, BlockLayout layout, const CodeGrid& grid,
                              const ScaleOptions& options, const Device& device) {
    at::Tensor scale = at::empty({layout.blocks_down(values.rows), layout.blocks_across(values.columns)},
                                 at::TensorOptions(at::kFloat).device(torch_device(device)));
    at::Tensor zero = at::empty_like(scale);
    device.kernels().find_scales(values, layout, grid, options, scale.data_ptr<float>(), zero.data_ptr<float>(),
                                 current_stream(device));
    return scale;
}

void round_by_own_scales(MatrixView<const float> values, BlockLayout layout, const CodeGrid& grid,
                         const ScaleOptions& options, MatrixView<float> out, const Device& device) {
    if (values.rows == 0) return; // an expert that no token came to
    const Backend& kernels = device.kernels();
    const Stream stream = current_stream(device);
    if (device.is_cuda()) {
        const at::Tensor workspace = dynamic_workspace(values.rows, values.columns, layout, device);
        kernels.fake_quantize_dynamic(values, layout, grid, options, out, nullptr, workspace.data_ptr(), stream);
        return;
    }
    // Bands of whole blocks, of the coarse level where there is one, are independent: one per thread.
    const bool coarse = options.coarse.scale != nullptr;
    const std::int64_t band_rows = coarse ? options.coarse.layout.rows_per_block : layout.rows_per_block;
    at::parallel_for(0, values.rows / band_rows, 1, [&](std::int64_t first, std::int64_t last) {
        const std::int64_t row = first * band_rows, rows = (last - first) * band_rows;
        ScaleOptions of_band = options;
        if (coarse) of_band.coarse.scale += first * options.coarse.layout.blocks_across(values.columns);
        kernels.fake_quantize_dynamic({values.data + row * values.row_stride, rows, values.columns, values.row_stride},
                                      layout, grid, of_band,
                                      {out.data + row * out.row_stride, rows, out.columns, out.row_stride}, nullptr,
                                      nullptr, stream); // none on a CPU
    });
}

} // namespace graticule
