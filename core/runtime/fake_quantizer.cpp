#include "core/runtime/fake_quantizer.h"

#include <ATen/Parallel.h>

#include <utility>

#include "core/base/error.h"
#include "core/format/granularity.h"

namespace graticule {

namespace {

/// Rectangles for (..., tokens, channels) seen as a matrix; see fake_quantize_activation.
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
    // Bands of whole blocks are independent: one a thread.
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

ScaleOptions activation_scale_options(const TensorScheme& scheme) {
    ScaleOptions options;
    options.rule = scheme.symmetric ? ScaleRule::symmetric_absmax : ScaleRule::asymmetric_through_zero;
    options.epsilon = 1e-5F;
    return options;
}

at::Tensor fake_quantize_activation(const TensorScheme& scheme, const at::Tensor& x, const Device& device,
                                    std::optional<StaticScale> fixed, std::span<const std::int32_t> kept_channels) {
    GRATICULE_ASSERT(scheme.format != nullptr && x.dim() >= 2, "a resolved scheme and (..., tokens, channels)");
    GRATICULE_ASSERT(scheme.dynamic || fixed, "a static activation without its scale");
    const TorchScope scope(device);
    const at::ScalarType type = x.scalar_type();
    at::Tensor rounded = x.to(at::kFloat, /*non_blocking=*/false, /*copy=*/true).contiguous();
    at::Tensor kept;
    if (!kept_channels.empty()) {
        const std::vector<std::int64_t> indices(kept_channels.begin(), kept_channels.end());
        kept = at::tensor(indices, at::kLong).to(x.device());
        rounded.index_fill_(-1, kept, 0); // out of the way of every scale
    }
    if (fixed)
        round_statically(scheme, rounded, *fixed, device);
    else
        round_dynamically(scheme, rounded, activation_layout(scheme, rounded), device);
    if (kept.defined()) rounded.index_copy_(-1, kept, x.index_select(-1, kept).to(at::kFloat));
    return rounded.to(type);
}

namespace {

class ActivationQuantizers final : public DecoderHooks {
public:
    ActivationQuantizers(std::shared_ptr<const QuantizedModel> model, Device device)
        : model_(std::move(model))
        , device_(std::move(device)) {}

    [[nodiscard]] at::Tensor linear_input(LayerId layer, const at::Tensor& x) override {
        const auto& quantized = model_->linears.at(index_of(layer));
        if (!quantized || !quantized->choice.scheme.input) return x;
        const TensorScheme& scheme = *quantized->choice.scheme.input;
        const std::optional<StaticScale> fixed = static_scale(*quantized, scheme);
        // q, k and v (gate and up) read the same tensor and mostly round it the same way.
        const bool same = last_source_.is_same(x) && last_scheme_ == scheme && last_fixed_ == fixed &&
                          last_kept_ == quantized->kept_channels;
        if (!same) {
            last_result_ = fake_quantize_activation(scheme, x, device_, fixed, quantized->kept_channels);
            last_source_ = x;
            last_scheme_ = scheme;
            last_fixed_ = fixed;
            last_kept_ = quantized->kept_channels;
        }
        return last_result_;
    }

    [[nodiscard]] at::Tensor attention_operand(Operand operand, BlockId block, const at::Tensor& x) override {
        const QuantizedLinear* owner = owner_of(operand, block);
        if (owner == nullptr) return x;
        const auto& scheme = owner->choice.scheme[operand];
        if (!scheme) return x;
        if (scheme->dynamic) return fake_quantize_activation(*scheme, x, device_);
        const auto found = owner->static_operands.find(operand);
        if (found == owner->static_operands.end()) fail_uncalibrated(*owner, *scheme);
        return fake_quantize_activation(*scheme, x, device_, found->second);
    }

    [[nodiscard]] bool wants_probabilities(BlockId block) const override {
        const QuantizedLinear* owner = owner_of(Operand::probability, block);
        return owner != nullptr && owner->choice.scheme.probability.has_value();
    }

private:
    [[nodiscard]] const QuantizedLinear* owner_of(Operand operand, BlockId id) const {
        const Block& block = model_->base->blocks().at(index_of(id));
        const LayerId layer = operand == Operand::query ? block.q : operand == Operand::key ? block.k : block.v;
        const auto& quantized = model_->linears.at(index_of(layer));
        return quantized ? &*quantized : nullptr;
    }

    [[nodiscard]] std::optional<StaticScale> static_scale(const QuantizedLinear& quantized,
                                                          const TensorScheme& scheme) const {
        if (scheme.dynamic) return std::nullopt;
        if (!quantized.static_input) fail_uncalibrated(quantized, scheme);
        return quantized.static_input;
    }

    [[noreturn]] void fail_uncalibrated(const QuantizedLinear& quantized, const TensorScheme& scheme) const {
        throw Error(ErrorKind::bad_input, "layer " + model_->base->linear(quantized.layer).short_name +
                                              " has a static activation scheme (" + to_text(scheme) +
                                              ") and no scale; calibrate first");
    }

    std::shared_ptr<const QuantizedModel> model_;
    Device device_;
    at::Tensor last_source_, last_result_;
    std::optional<TensorScheme> last_scheme_;
    std::optional<StaticScale> last_fixed_;
    std::vector<std::int32_t> last_kept_;
};

} // namespace

std::unique_ptr<DecoderHooks> activation_quantizers(std::shared_ptr<const QuantizedModel> model, const Device& device) {
    bool any = false;
    for (const auto& linear : model->linears) {
        if (!linear) continue;
        const QuantScheme& scheme = linear->choice.scheme;
        any = any || scheme.input || scheme.query || scheme.key || scheme.value || scheme.probability;
    }
    if (!any) return nullptr;
    return std::make_unique<ActivationQuantizers>(std::move(model), device);
}

} // namespace graticule
