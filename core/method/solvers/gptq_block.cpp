#include "core/method/solvers/gptq_block.h"

#include <ATen/Parallel.h>

namespace graticule::solvers {
namespace {

GptqBlockResult empty_result(const GptqBlock& block) {
    return {at::empty(block.weight.sizes(), block.weight.options().dtype(at::kByte)), at::empty_like(block.weight),
            at::empty_like(block.weight)};
}

} // namespace

GptqBlockResult gptq_block_by_rows(const GptqBlock& block, const CodeGrid& grid, const Device& device) {
    GptqBlockResult result = empty_result(block);
    const std::int64_t columns = block.weight.size(1);
    const auto walk = [&](std::int64_t first, std::int64_t last) {
        const auto rows_of = [&](const at::Tensor& x) {
            return MatrixView<const float>(x.const_data_ptr<float>() + first * columns, last - first, columns);
        };
        const auto out_rows_of = [&](at::Tensor& x) {
            return MatrixView<float>(x.data_ptr<float>() + first * columns, last - first, columns);
        };
        device.kernels().gptq_walk({rows_of(block.weight),
                                    rows_of(block.scale),
                                    rows_of(block.zero),
                                    view_of(block.factor),
                                    {result.codes.data_ptr<std::uint8_t>() + first * columns, last - first, columns},
                                    out_rows_of(result.values),
                                    out_rows_of(result.error)},
                                   grid, current_stream(device));
    };
    if (device.is_cuda())
        walk(0, block.weight.size(0));
    else
        at::parallel_for(0, block.weight.size(0), 16, walk);
    return result;
}

GptqBlockResult gptq_block_by_columns(const GptqBlock& block, const CodeGrid& grid, const Device& device) {
    GptqBlockResult result = empty_result(block);
    const std::int64_t columns = block.weight.size(1);
    // Columns become rows, so that each is contiguous.
    at::Tensor slab = block.weight.t().contiguous(); // (columns, out)
    const at::Tensor scale = block.scale.t().contiguous(), zero = block.zero.t().contiguous();
    const at::Tensor diagonal = block.factor.diagonal().contiguous();
    for (std::int64_t i = 0; i < columns; ++i) {
        const at::Tensor column = slab.select(0, i);
        const RoundedColumn rounded = quantize_column(column, grid, scale.select(0, i), zero.select(0, i), device);
        const at::Tensor error = (column - rounded.values) / diagonal.select(0, i);
        if (i + 1 < columns) slab.slice(0, i + 1).addr_(block.factor.select(0, i).slice(0, i + 1), error, 1, -1);
        result.codes.select(1, i).copy_(rounded.codes);
        result.values.select(1, i).copy_(rounded.values);
        result.error.select(1, i).copy_(error);
    }
    return result;
}

} // namespace graticule::solvers
