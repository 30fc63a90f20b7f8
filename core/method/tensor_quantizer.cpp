#include "core/method/tensor_quantizer.h"

#include "core/base/error.h"

namespace graticule {

namespace {

constexpr float least_activation_range = 1e-5F;

MatrixView<std::uint8_t> code_view(const at::Tensor& codes) {
    return {codes.data_ptr<std::uint8_t>(), codes.size(0), codes.size(1)};
}

} // namespace

ScaleOptions scale_options(const TensorScheme& scheme, bool activation) {
    ScaleOptions options;
    options.rule = scheme.symmetric ? ScaleRule::symmetric_absmax : ScaleRule::asymmetric_through_zero;
    options.epsilon = activation ? least_activation_range : 0.0F;
    return options;
}

DeviceParams find_params(const Device& device, const at::Tensor& values, const TensorScheme& scheme,
                         const ScaleOptions& options) {
    const at::Tensor dense = values.contiguous();
    DeviceParams params;
    params.layout = layout_of(scheme.granularity, dense.size(0), dense.size(1));
    const std::int64_t blocks = params.layout.count(dense.size(0), dense.size(1));
    params.scale = at::empty({blocks}, dense.options());
    params.zero = at::empty({blocks}, dense.options());
    device.kernels().find_scales(view_of(dense), params.layout, scheme.format->grid, options,
                                 params.scale.data_ptr<float>(), params.zero.data_ptr<float>(), current_stream(device));
    return params;
}

at::Tensor quantize_tensor(const Device& device, const at::Tensor& values, const CodeGrid& grid,
                           const DeviceParams& params) {
    const at::Tensor dense = values.contiguous();
    at::Tensor codes = at::empty(dense.sizes(), dense.options().dtype(at::kByte));
    device.kernels().quantize(view_of(dense), params.layout, grid, params.scale.data_ptr<float>(),
                              params.zero.data_ptr<float>(), code_view(codes), nullptr, current_stream(device));
    return codes;
}

at::Tensor dequantize_tensor(const Device& device, const at::Tensor& codes, const CodeGrid& grid,
                             const DeviceParams& params) {
    const at::Tensor dense = codes.contiguous();
    at::Tensor values = at::empty(dense.sizes(), dense.options().dtype(at::kFloat));
    device.kernels().dequantize(code_view(dense), params.layout, grid, params.scale.data_ptr<float>(),
                                params.zero.data_ptr<float>(), writable_view_of(values), current_stream(device));
    return values;
}

at::Tensor fake_quantize_tensor(const Device& device, const at::Tensor& values, const CodeGrid& grid,
                                const DeviceParams& params) {
    const at::Tensor dense = values.contiguous();
    at::Tensor out = at::empty_like(dense);
    device.kernels().fake_quantize(view_of(dense), params.layout, grid, params.scale.data_ptr<float>(),
                                   params.zero.data_ptr<float>(), writable_view_of(out), nullptr,
                                   current_stream(device));
    return out;
}

at::Tensor fake_quantize_weight(const Device& device, const at::Tensor& weight, const TensorScheme& scheme) {
    const at::Tensor dense = weight.contiguous();
    at::Tensor out = at::empty_like(dense);
    device.kernels().fake_quantize_dynamic(view_of(dense), layout_of(scheme.granularity, dense.size(0), dense.size(1)),
                                           scheme.format->grid, scale_options(scheme, false), writable_view_of(out),
                                           nullptr, current_stream(device));
    return out;
}

at::Tensor fake_quantize_input(const Device& device, const at::Tensor& input, const TensorScheme& scheme,
                               const DeviceParams* fixed) {
    const at::Tensor dense = input.contiguous();
    if (!scheme.dynamic) {
        GRATICULE_ASSERT(fixed != nullptr, "a static scheme has its scale from calibration");
        DeviceParams whole = *fixed;
        whole.layout = {dense.size(0), dense.size(1)};
        return fake_quantize_tensor(device, dense, scheme.format->grid, whole);
    }
    at::Tensor out = at::empty_like(dense);
    device.kernels().fake_quantize_dynamic(view_of(dense), layout_of(scheme.granularity, dense.size(0), dense.size(1)),
                                           scheme.format->grid, scale_options(scheme, true), writable_view_of(out),
                                           nullptr, current_stream(device));
    return out;
}

DeviceParams static_params(const Device& device, const TensorScheme& scheme, float minimum, float maximum) {
    const at::Tensor ends = at::tensor({minimum, maximum}, at::kFloat).view({1, 2}).to(torch_device(device));
    return find_params(device, ends, scheme, scale_options(scheme, true));
}

at::Tensor spread(const at::Tensor& per_block, const BlockLayout& layout, std::int64_t rows, std::int64_t columns) {
    const std::int64_t down = layout.blocks_down(rows), across = layout.blocks_across(columns);
    return per_block.view({down, 1, across, 1})
        .expand({down, layout.rows_per_block, across, layout.columns_per_block})
        .reshape({rows, columns});
}

QParams to_host(const DeviceParams& params) {
    QParams host;
    host.layout = params.layout;
    host.scale = to_vector(params.scale);
    host.zero = to_vector(params.zero);
    return host;
}

DeviceParams to_device(const QParams& params, const Device& device) {
    const std::int64_t blocks = std::int64_t(params.scale.size());
    return {params.layout, to_torch(params.scale, {blocks}, device), to_torch(params.zero, {blocks}, device)};
}

} // namespace graticule
