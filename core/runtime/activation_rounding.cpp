#include "core/runtime/activation_rounding.h"

#include <algorithm>
#include <utility>

#include "core/base/error.h"
#include "core/recipe/scale_options.h"
#include "core/runtime/dynamic_rounding.h"
#include "core/runtime/linear/workspace.h"
#include "core/runtime/transfers.h"

namespace graticule {

namespace {

/// Rectangles for (..., tokens, channels) seen as a matrix; see round_activation.
BlockLayout activation_layout(Granularity grain, const at::Tensor& x) {
    const std::int64_t channels = x.size(-1);
    const std::int64_t rows_of_first = x.dim() > 2 ? x.numel() / x.size(0) / channels : x.size(-2);
    switch (grain.kind) {
    case Granularity::Kind::tensor:
        return {rows_of_first, channels};
    case Granularity::Kind::channel:
        return {x.size(-2), 1};
    case Granularity::Kind::token:
    case Granularity::Kind::group:
        return layout_of(grain, rows_of_first, channels);
    }
    return {};
}

void round_dynamically(const TensorScheme& scheme, at::Tensor& x, const Device& device) {
    const MatrixView<float> values = writable_view_of(x);
    ScaleOptions options = fine_scale_options(scheme, least_activation_range);
    at::Tensor coarse;
    if (scheme.levels.size() > 1) {
        const BlockLayout layout = activation_layout(scheme.levels[1].grain, x);
        coarse = find_coarse_scales(values, layout, scheme.format->grid,
                                    coarse_scale_options(scheme, least_activation_range), device);
        options.coarse = {coarse.data_ptr<float>(), layout};
    }
    round_by_own_scales(values, activation_layout(scheme.grain(), x), scheme.format->grid, options, values, device);
}

void round_statically(const TensorScheme& scheme, at::Tensor& x, StaticScale fixed, const Device& device) {
    const MatrixView<float> values = writable_view_of(x);
    const at::Tensor scale = at::full({1}, fixed.scale, x.options());
    const at::Tensor zero = at::full({1}, fixed.zero, x.options());
    device.kernels().fake_quantize(values, {values.rows, values.columns}, scheme.format->grid, scale.data_ptr<float>(),
                                   zero.data_ptr<float>(), values, nullptr, current_stream(device));
}

} // namespace

std::optional<ActivationRounding> input_rounding(const QuantizedLinear& linear) {
    const auto& scheme = linear.choice.scheme.input;
    if (!scheme) return std::nullopt;
    return ActivationRounding{*scheme, scheme->dynamic ? std::nullopt : linear.static_input, linear.kept_channels};
}

bool token_by_token(const ActivationRounding& rounding) {
    return rounding.fixed || std::ranges::all_of(rounding.scheme.levels, [](const ScaleLevel& level) {
               return level.grain.kind == Granularity::Kind::token || level.grain.kind == Granularity::Kind::group;
           });
}

void check_calibrated(const ActivationRounding& rounding, const Linear& owner) {
    if (rounding.scheme.dynamic || rounding.fixed) return;
    throw Error(ErrorKind::bad_input, "layer " + owner.short_name + " has a static activation scheme (" +
                                          to_text(rounding.scheme) + ") and no scale; calibrate first");
}

namespace {

/// float32 copy for the kernels, kept channels out of the way of every scale.
at::Tensor working_copy(const at::Tensor& x, const at::Tensor& kept) {
    at::Tensor copy = x.to(at::kFloat, /*non_blocking=*/false, /*copy=*/true).contiguous();
    if (kept.defined()) copy.index_fill_(-1, kept, 0);
    return copy;
}

at::Tensor kept_index(const ActivationRounding& rounding, const Device& device) {
    if (rounding.kept_channels.empty()) return {};
    const std::vector<std::int64_t> indices(rounding.kept_channels.begin(), rounding.kept_channels.end());
    return send(at::tensor(indices, at::kLong), device);
}

void check_rounding(const ActivationRounding& rounding, const at::Tensor& x) {
    GRATICULE_ASSERT(rounding.scheme.format != nullptr && x.dim() >= 2,
                     "a resolved scheme and (..., tokens, channels)");
    GRATICULE_ASSERT(rounding.scheme.dynamic || rounding.fixed, "a static activation without its scale");
}

} // namespace

at::Tensor round_activation(const ActivationRounding& rounding, const at::Tensor& x, const Device& device) {
    check_rounding(rounding, x);
    const TorchScope scope(device);
    const TensorScheme& scheme = rounding.scheme;
    const at::Tensor kept = kept_index(rounding, device);
    at::Tensor rounded = working_copy(x, kept);
    if (rounding.fixed)
        round_statically(scheme, rounded, *rounding.fixed, device);
    else
        round_dynamically(scheme, rounded, device);
    if (kept.defined()) rounded.index_copy_(-1, kept, x.index_select(-1, kept).to(at::kFloat));
    return rounded.to(x.scalar_type());
}

bool has_units(const ActivationRounding& rounding) {
    const TensorScheme& scheme = rounding.scheme;
    return scheme.format->grid.shape == CodeGrid::Shape::lattice &&
           (rounding.fixed || (scheme.levels.size() == 1 && scheme.grain().kind == Granularity::Kind::token));
}

UnitActivation round_to_units(const ActivationRounding& rounding, const at::Tensor& x, const Device& device) {
    check_rounding(rounding, x);
    GRATICULE_ASSERT(has_units(rounding), "a scheme whose scale can be applied after the product");
    const TorchScope scope(device);
    const Backend& kernels = device.kernels();
    const CodeGrid& grid = rounding.scheme.format->grid;
    const Stream stream = current_stream(device);
    at::Tensor values = working_copy(x, kept_index(rounding, device));
    const MatrixView<float> matrix = writable_view_of(values);
    const BlockLayout layout{rounding.fixed ? matrix.rows : 1, matrix.columns};
    std::vector<std::int64_t> scale_shape(x.sizes().begin(), x.sizes().end());
    scale_shape.back() = 1;
    if (rounding.fixed) scale_shape = {1};
    UnitActivation result;
    result.scale = at::full(scale_shape, rounding.fixed ? rounding.fixed->scale : 0, values.options());
    const at::Tensor zero = at::full(scale_shape, rounding.fixed ? rounding.fixed->zero : 0, values.options());
    if (!rounding.fixed)
        kernels.find_scales(matrix, layout, grid, fine_scale_options(rounding.scheme, least_activation_range),
                            result.scale.data_ptr<float>(), zero.data_ptr<float>(), stream);
    at::Tensor codes = at::empty(x.sizes(), values.options().dtype(at::kByte));
    const MatrixView<std::uint8_t> code_view(codes.data_ptr<std::uint8_t>(), matrix.rows, matrix.columns);
    kernels.quantize(matrix, layout, grid, result.scale.data_ptr<float>(), zero.data_ptr<float>(), code_view, nullptr,
                     stream);
    const at::Tensor one = at::ones_like(result.scale);
    kernels.dequantize(code_view, layout, grid, one.data_ptr<float>(), zero.data_ptr<float>(), matrix, stream);
    result.units = values.to(x.scalar_type());
    return result;
}

bool integer_input(const ActivationRounding& rounding) {
    const CodeGrid& grid = rounding.scheme.format->grid;
    const bool float_scale = rounding.fixed || rounding.scheme.levels.front().coding == Coding::f32;
    return grid.shape == CodeGrid::Shape::lattice && grid.levels == 256 && grid.special_count == 0 && float_scale &&
           has_units(rounding);
}

const GemmTable* gemm_table(const Device& device) {
    if (!device.has_kernels()) return nullptr;
    return device.is_cuda() ? cuda_gemms() : &cpu_gemms();
}

std::optional<ValueType> value_type(at::ScalarType type) {
    if (type == at::kFloat) return ValueType::f32;
    if (type == at::kBFloat16) return ValueType::bf16;
    if (type == at::kHalf) return ValueType::f16;
    return std::nullopt;
}

IntegerActivation quantize_source(const ActivationRounding& rounding, const InputSource& source, InputLayout layout,
                                  const Device& device) {
    const TorchScope scope(device);
    const std::int64_t tokens = source.values.rows, channels = source.values.columns;
    const auto floats = at::TensorOptions().dtype(at::kFloat).device(torch_device(device));
    IntegerActivation result;
    result.values = aligned_bytes(quantized_input_bytes(layout, tokens, channels), device);
    result.scale = at::empty({tokens}, floats);
    if (!rounding.scheme.symmetric) result.zero = at::empty({tokens}, floats);
    result.row_sum = at::empty({tokens}, floats.dtype(at::kInt));
    InputRounding rule{fine_scale_options(rounding.scheme, least_activation_range), nullptr, nullptr};
    at::Tensor fixed_scale, fixed_zero;
    if (rounding.fixed) {
        fixed_scale = at::full({1}, rounding.fixed->scale, floats);
        rule.fixed_scale = fixed_scale.data_ptr<float>();
        if (result.zero.defined()) { // else the code of 0 is the middle one, as the scheme has it
            fixed_zero = at::full({1}, rounding.fixed->zero, floats);
            rule.fixed_zero = fixed_zero.data_ptr<float>();
        }
    }
    const QuantizedInput out{static_cast<std::int8_t*>(result.values.data_ptr()), result.scale.data_ptr<float>(),
                             result.zero.defined() ? result.zero.data_ptr<float>() : nullptr,
                             result.row_sum.data_ptr<std::int32_t>()};
    gemm_table(device)->quantize_input(source, rule, layout, out, current_stream(device));
    return result;
}

IntegerActivation round_to_integers(const ActivationRounding& rounding, const at::Tensor& x, InputLayout layout,
                                    const Device& device) {
    check_rounding(rounding, x);
    GRATICULE_ASSERT(integer_input(rounding) && value_type(x.scalar_type()), "inputs that have an integer form");
    const TorchScope scope(device);
    const at::Tensor kept = kept_index(rounding, device);
    const at::Tensor dense = kept.defined() ? x.index_fill(-1, kept, 0).contiguous() : x.contiguous();
    const std::int64_t channels = dense.size(-1);
    return quantize_source(
        rounding, {{dense.data_ptr(), *value_type(x.scalar_type()), dense.numel() / channels, channels, channels}},
        layout, device);
}

} // namespace graticule
