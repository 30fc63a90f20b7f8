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
        GRATICULE_ASSERT(quantized.codes.rows() == rows && quantized.codes.columns() == columns, "one code per weight");
        columns_ = columns;
        bits_ = quantized.codes.bits();
        if (8 % bits_ == 0) {
            const HostTensor& packed = quantized.codes.bytes();
            auto* bytes = const_cast<std::byte*>(packed.bytes.data()); // Torch has no read-only tensors
            codes_ = at::from_blob(bytes, packed.shape, at::kByte).to(torch_device(device), at::kByte, false, true);
        } else { // codes across two bytes: a byte each is simpler to take apart
            std::vector<std::uint8_t> codes = quantized.codes.unpack();
            codes_ = at::from_blob(codes.data(), {rows, columns}, at::kByte)
                         .to(torch_device(device), at::kByte, false, true);
            bits_ = 8;
        }
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
        const at::Tensor codes = unpacked();
        at::Tensor weight = at::empty(codes.sizes(), codes.options().dtype(at::kFloat));
        device_.kernels().dequantize({codes.data_ptr<std::uint8_t>(), codes.size(0), codes.size(1)}, layout_, grid_,
                                     scale_.data_ptr<float>(), zero_.data_ptr<float>(), writable_view_of(weight),
                                     current_stream(device_));
        return weight;
    }

    /// One byte per code.
    [[nodiscard]] at::Tensor unpacked() const {
        if (bits_ == 8) return codes_;
        const std::int64_t in_a_byte = 8 / bits_, mask = (1 << bits_) - 1;
        at::Tensor codes = at::empty({codes_.size(0), codes_.size(1), in_a_byte}, codes_.options());
        for (std::int64_t i = 0; i < in_a_byte; ++i)
            codes.select(2, i).copy_(codes_.bitwise_right_shift(i * bits_).bitwise_and_(mask));
        return codes.view({codes_.size(0), -1}).slice(1, 0, columns_).contiguous();
    }

    CodeGrid grid_;
    BlockLayout layout_;
    at::Tensor codes_; ///< (out, bytes of a row) as in PackedCodes
    std::int64_t columns_ = 0;
    int bits_ = 8;
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
