#include "core/method/solvers/tensor_quantizer.h"

#include "core/base/error.h"
#include "core/runtime/activation_rounding.h"

namespace graticule::solvers {
namespace {

MatrixView<std::uint8_t> code_view(const at::Tensor& codes) {
    return {codes.data_ptr<std::uint8_t>(), codes.size(0), codes.size(1)};
}

ScaleRule rule_of(const TensorScheme& scheme, bool full_range) {
    if (!scheme.symmetric) return ScaleRule::asymmetric_through_zero;
    return full_range ? ScaleRule::symmetric_full_range : ScaleRule::symmetric_absmax;
}

} // namespace

BlockLayout TensorQuantizer::layout(const at::Tensor& values) const {
    GRATICULE_ASSERT(values.dim() == 2, "quantizers work on matrices");
    return layout_of(granularity, values.size(0), values.size(1));
}

TensorQuantizer weight_quantizer(const TensorScheme& scheme, bool full_range) {
    GRATICULE_ASSERT(scheme.format != nullptr, "a resolved scheme has a format");
    return {scheme.format->grid, scheme.granularity, {.rule = rule_of(scheme, full_range)}};
}

TensorQuantizer input_quantizer(const TensorScheme& scheme) {
    GRATICULE_ASSERT(scheme.format != nullptr, "a resolved scheme has a format");
    return {scheme.format->grid, scheme.granularity, activation_scale_options(scheme)};
}

BlockParams find_params(const at::Tensor& values, const TensorQuantizer& quantizer, const Device& device) {
    const at::Tensor dense = values.contiguous();
    BlockParams params;
    params.layout = quantizer.layout(dense);
    const std::int64_t down = params.layout.blocks_down(dense.size(0));
    const std::int64_t across = params.layout.blocks_across(dense.size(1));
    params.scale = at::empty({down, across}, dense.options());
    params.zero = at::empty({down, across}, dense.options());
    device.kernels().find_scales(view_of(dense), params.layout, quantizer.grid, quantizer.scale,
                                 params.scale.data_ptr<float>(), params.zero.data_ptr<float>(), current_stream(device));
    return params;
}

at::Tensor quantize(const at::Tensor& values, const CodeGrid& grid, const BlockParams& params, const Device& device) {
    const at::Tensor dense = values.contiguous();
    const at::Tensor scale = params.scale.contiguous(), zero = params.zero.contiguous();
    at::Tensor codes = at::empty(dense.sizes(), dense.options().dtype(at::kByte));
    device.kernels().quantize(view_of(dense), params.layout, grid, scale.data_ptr<float>(), zero.data_ptr<float>(),
                              code_view(codes), nullptr, current_stream(device));
    return codes;
}

at::Tensor dequantize(const at::Tensor& codes, const CodeGrid& grid, const BlockParams& params, const Device& device) {
    const at::Tensor dense = codes.contiguous();
    const at::Tensor scale = params.scale.contiguous(), zero = params.zero.contiguous();
    at::Tensor values = at::empty(dense.sizes(), dense.options().dtype(at::kFloat));
    device.kernels().dequantize(code_view(dense), params.layout, grid, scale.data_ptr<float>(), zero.data_ptr<float>(),
                                writable_view_of(values), current_stream(device));
    return values;
}

QuantizedTensor quantize_to_nearest(const at::Tensor& values, const TensorQuantizer& quantizer, const Device& device) {
    const at::Tensor dense = values.contiguous();
    QuantizedTensor result;
    result.params = find_params(dense, quantizer, device);
    result.codes = quantize(dense, quantizer.grid, result.params, device);
    result.dequantized = dequantize(result.codes, quantizer.grid, result.params, device);
    return result;
}

at::Tensor round_to_nearest(const at::Tensor& values, const TensorQuantizer& quantizer, const Device& device) {
    const at::Tensor dense = values.contiguous();
    at::Tensor rounded = at::empty_like(dense);
    device.kernels().fake_quantize_dynamic(view_of(dense), quantizer.layout(dense), quantizer.grid, quantizer.scale,
                                           writable_view_of(rounded), nullptr, current_stream(device));
    return rounded;
}

RoundedColumn quantize_column(const at::Tensor& column, const CodeGrid& grid, const at::Tensor& scale,
                              const at::Tensor& zero, const Device& device) {
    const BlockParams params{{1, 1}, scale.unsqueeze(1), zero.unsqueeze(1)};
    const at::Tensor codes = quantize(column.unsqueeze(1), grid, params, device);
    return {codes.squeeze(1), dequantize(codes, grid, params, device).squeeze(1)};
}

at::Tensor spread_over_blocks(const at::Tensor& per_block, BlockLayout layout) {
    return per_block.repeat_interleave(layout.rows_per_block, 0).repeat_interleave(layout.columns_per_block, 1);
}

} // namespace graticule::solvers
