#include "core/runtime/activation_rounding.h"

#include <ATen/Parallel.h>

#include <utility>

#include "core/base/error.h"
#include "core/format/granularity.h"

namespace graticule {

namespace {

/// Rectangles for (..., tokens, channels) seen as a matrix; see round_activation.
BlockLayout activation_layout(const TensorScheme& scheme, const at::Tensor& x) {
    const std::int64_t channels = x.size(-1);
    const std::int64_t rows_of_first = x.dim() > 2 ? x.numel() / x.size(0) / channels : x.size(-2);
    switch (scheme.granularity.kind) {
    case Granularity::Kind::tensor:
        return {rows_of_first, channels};
    case Granularity::Kind::token:
        return {1, channels};
    case Granularity::Kind::channel:
        return {x.size(-2), 1};
    case Granularity::Kind::group: {
        const std::string problem = check_granularity(scheme.granularity, channels);
        if (!problem.empty()) throw Error(ErrorKind::bad_input, problem);
        return {1, scheme.granularity.group_size};
    }
    case Granularity::Kind::dual_grain:
        break;
    }
    throw Error(ErrorKind::unsupported,
                "activations in \"" + to_text(scheme) + "\": dual grain is for weights; use token, tensor or gN");
}

void round_dynamically(const TensorScheme& scheme, at::Tensor& x, BlockLayout layout, const Device& device) {
    const Backend& kernels = device.kernels();
    const MatrixView<float> values = writable_view_of(x);
    const ScaleOptions options = activation_scale_options(scheme);
    const CodeGrid& grid = scheme.format->grid;
    const Stream stream = current_stream(device);
    if (device.is_cuda()) {
        kernels.fake_quantize_dynamic(values, layout, grid, options, values, nullptr, stream);
        return;
    }
    // Bands of whole blocks are independent: one per thread.
    const std::int64_t bands = values.rows / layout.rows_per_block;
    at::parallel_for(0, bands, 1, [&](std::int64_t first, std::int64_t last) {
        const MatrixView<float> band(values.data + first * layout.rows_per_block * values.row_stride,
                                     (last - first) * layout.rows_per_block, values.columns, values.row_stride);
        kernels.fake_quantize_dynamic(band, layout, grid, options, band, nullptr, stream);
    });
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

void check_calibrated(const ActivationRounding& rounding, const Linear& owner) {
    if (rounding.scheme.dynamic || rounding.fixed) return;
    throw Error(ErrorKind::bad_input, "layer " + owner.short_name + " has a static activation scheme (" +
                                          to_text(rounding.scheme) + ") and no scale; calibrate first");
}

ScaleOptions activation_scale_options(const TensorScheme& scheme) {
    ScaleOptions options;
    options.rule = scheme.symmetric ? ScaleRule::symmetric_absmax : ScaleRule::asymmetric_through_zero;
    options.epsilon = 1e-5F;
    return options;
}

at::Tensor round_activation(const ActivationRounding& rounding, const at::Tensor& x, const Device& device) {
    const TensorScheme& scheme = rounding.scheme;
    GRATICULE_ASSERT(scheme.format != nullptr && x.dim() >= 2, "a resolved scheme and (..., tokens, channels)");
    GRATICULE_ASSERT(scheme.dynamic || rounding.fixed, "a static activation without its scale");
    const TorchScope scope(device);
    const at::ScalarType type = x.scalar_type();
    at::Tensor rounded = x.to(at::kFloat, /*non_blocking=*/false, /*copy=*/true).contiguous();
    at::Tensor kept;
    if (!rounding.kept_channels.empty()) {
        const std::vector<std::int64_t> indices(rounding.kept_channels.begin(), rounding.kept_channels.end());
        kept = at::tensor(indices, at::kLong).to(x.device());
        rounded.index_fill_(-1, kept, 0); // out of the way of every scale
    }
    if (rounding.fixed)
        round_statically(scheme, rounded, *rounding.fixed, device);
    else
        round_dynamically(scheme, rounded, activation_layout(scheme, rounded), device);
    if (kept.defined()) rounded.index_copy_(-1, kept, x.index_select(-1, kept).to(at::kFloat));
    return rounded.to(type);
}

} // namespace graticule
