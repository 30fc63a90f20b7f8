#include "core/runtime/fixed_products.h"
#include "core/runtime/linear/device_codes.h"
#include "core/runtime/linear/linear_op.h"
#include "core/runtime/parameter_loader.h"
#include "core/runtime/transfers.h"

namespace graticule {

namespace {

/// float16 ends at 65504, sums of products of 8-bit integers do not. Powers of two move both factors down without
/// rounding them: 2^-14 in all, which leaves a sum of 1 a normal number.
struct UnitShift {
    double input = 1, weight = 1;
};
UnitShift unit_shift(at::ScalarType type) { return type == at::kHalf ? UnitShift{1.0 / 64, 1.0 / 256} : UnitShift{}; }

class SimulatedOp final : public LinearOp {
public:
    SimulatedOp(const QuantizedLinear& quantized, const Linear& linear, at::Tensor bias, ParameterLoader& loader)
        : grid_(quantized.choice.scheme.weight->format->grid)
        , layout_(quantized.params.layout)
        , codes_(quantized, linear, loader)
        , columns_(linear.in_features())
        , scale_(send(at::tensor(quantized.params.scale), loader.device()))
        , zero_(send(at::tensor(quantized.params.zero), loader.device()))
        , bias_(std::move(bias))
        , float_bias_(bias_.defined() ? bias_.to(at::kFloat) : bias_)
        , device_(loader.device()) {}

    [[nodiscard]] at::Tensor run(const SiteInput& x) const override {
        const at::ScalarType type = x.raw().scalar_type();
        if (type != at::kFloat && type != at::kDouble)
            if (const UnitActivation* units = x.units()) return run_units(*units, type);
        return fixed_linear(x.values(), dequantized(scale_, type), bias_);
    }
    [[nodiscard]] std::int64_t device_bytes() const override {
        return codes_.device_bytes() + std::int64_t(scale_.nbytes() + zero_.nbytes()) +
               (bias_.defined() ? std::int64_t(bias_.nbytes()) : 0);
    }
    [[nodiscard]] std::string_view kernel() const override { return "simulated"; }

private:
    /// In 16 bits rounded values are not exact, but integers up to 256 are: those are multiplied, and scales that a
    /// whole row of the product shares come afterwards, in float32.
    [[nodiscard]] at::Tensor run_units(const UnitActivation& x, at::ScalarType type) const {
        const UnitShift shift = unit_shift(type);
        const bool per_output = layout_.rows_per_block == 1 && layout_.columns_per_block == columns_ &&
                                grid_.shape == CodeGrid::Shape::lattice;
        const at::Tensor units = shift.input == 1 ? x.units : x.units * shift.input;
        at::Tensor weight = dequantized(per_output ? at::ones_like(scale_) : scale_, type);
        if (per_output && shift.weight != 1) weight.mul_(shift.weight);
        const at::Tensor y = fixed_linear(units, weight).contiguous();
        const std::int64_t rows = y.numel() / y.size(-1);
        const at::Tensor scale = shift.input == 1 ? x.scale : x.scale / shift.input;
        const at::Tensor of_rows = scale.reshape({-1, 1}).expand({rows, 1}).contiguous(); // static: one for all
        const at::Tensor of_columns = shift.weight == 1 ? scale_ : scale_ / shift.weight;
        const ProductScales scales{of_rows.data_ptr<float>(), per_output ? of_columns.data_ptr<float>() : nullptr,
                                   float_bias_.defined() ? float_bias_.data_ptr<float>() : nullptr};
        gemm_table(device_)->scale_product(scales, *value_type(type), y.data_ptr(), rows, y.size(-1),
                                           current_stream(device_));
        return y;
    }
    [[nodiscard]] at::Tensor dequantized(const at::Tensor& scale, at::ScalarType type) const {
        (void)device_.kernels(); // says why where there is no back end; one that is there has the table too
        const ValueType made = value_type(type).value_or(ValueType::f32);
        at::Tensor weight = at::empty({codes_.packed().rows, columns_},
                                      scale.options().dtype(made == ValueType::f32 ? at::kFloat : type));
        gemm_table(device_)->dequantize(codes_.packed(), layout_, grid_, scale.data_ptr<float>(),
                                        zero_.data_ptr<float>(), made, weight.data_ptr(), current_stream(device_));
        return weight.to(type);
    }

    CodeGrid grid_;
    BlockLayout layout_;
    DeviceCodes codes_;
    std::int64_t columns_;
    at::Tensor scale_, zero_; ///< float32, one per block of the layout
    at::Tensor bias_, float_bias_;
    Device device_;
};

} // namespace

std::shared_ptr<const LinearOp> simulated_op(const QuantizedLinear& quantized, const Linear& linear, at::Tensor bias,
                                             ParameterLoader& loader) {
    return std::make_shared<SimulatedOp>(quantized, linear, std::move(bias), loader);
}

} // namespace graticule
