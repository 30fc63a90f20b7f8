#include "core/base/error.h"
#include "core/runtime/linear/linear_op.h"

namespace graticule {

namespace {

class SimulatedOp final : public LinearOp {
public:
    SimulatedOp(const QuantizedLinear& quantized, const Linear& linear, at::Tensor bias, const Device& device)
        : grid_(quantized.choice.scheme.weight->format->grid)
        , layout_(quantized.params.layout)
        , bias_(std::move(bias))
        , device_(device) {
        const std::int64_t rows = linear.out_features(), columns = linear.in_features();
        GRATICULE_ASSERT(std::int64_t(quantized.codes.size()) == rows * columns, "one code a weight");
        auto* codes = const_cast<std::uint8_t*>(quantized.codes.data()); // Torch has no read-only tensors
        codes_ = at::from_blob(codes, {rows, columns}, at::kByte).to(torch_device(device), at::kByte, false, true);
        const std::int64_t blocks = layout_.count(rows, columns);
        scale_ = to_torch(quantized.params.scale, {blocks}, device);
        zero_ = to_torch(quantized.params.zero, {blocks}, device);
    }

    [[nodiscard]] at::Tensor run(const SiteInput& x) const override {
        const at::Tensor weight = dequantized().to(x.raw().scalar_type());
        return bias_.defined() ? at::linear(x.values(), weight, bias_) : at::linear(x.values(), weight);
    }
    [[nodiscard]] std::int64_t device_bytes() const override {
        return std::int64_t(codes_.nbytes() + scale_.nbytes() + zero_.nbytes()) +
               (bias_.defined() ? std::int64_t(bias_.nbytes()) : 0);
    }
    [[nodiscard]] std::string_view kernel() const override { return "simulated"; }

private:
    [[nodiscard]] at::Tensor dequantized() const {
        at::Tensor weight = at::empty(codes_.sizes(), codes_.options().dtype(at::kFloat));
        device_.kernels().dequantize({codes_.data_ptr<std::uint8_t>(), codes_.size(0), codes_.size(1)}, layout_, grid_,
                                     scale_.data_ptr<float>(), zero_.data_ptr<float>(), writable_view_of(weight),
                                     current_stream(device_));
        return weight;
    }

    CodeGrid grid_;
    BlockLayout layout_;
    at::Tensor codes_;        ///< (out, in) uint8
    at::Tensor scale_, zero_; ///< one per block of the layout
    at::Tensor bias_;
    Device device_;
};

} // namespace

std::shared_ptr<const LinearOp> simulated_op(const QuantizedLinear& quantized, const Linear& linear, at::Tensor bias,
                                             const Device& device) {
    return std::make_shared<SimulatedOp>(quantized, linear, std::move(bias), device);
}

} // namespace graticule
