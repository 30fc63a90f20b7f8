#include "core/runtime/fixed_products.h"
#include "core/runtime/linear/linear_op.h"

namespace graticule {

namespace {

class DenseOp final : public LinearOp {
public:
    DenseOp(at::Tensor weight, at::Tensor bias, bool inputs_rounded)
        : weight_(std::move(weight))
        , bias_(std::move(bias))
        , inputs_rounded_(inputs_rounded) {}

    [[nodiscard]] at::Tensor run(const SiteInput& x) const override {
        const at::ScalarType type = x.raw().scalar_type();
        if (weight_.scalar_type() != type) weight_ = weight_.to(type); // a method's float32 tensors, once
        if (bias_.defined() && bias_.scalar_type() != type) bias_ = bias_.to(type);
        return fixed_linear(x.values(), weight_, bias_);
    }
    [[nodiscard]] std::int64_t device_bytes() const override {
        return std::int64_t(weight_.nbytes()) + (bias_.defined() ? std::int64_t(bias_.nbytes()) : 0);
    }
    [[nodiscard]] std::string_view kernel() const override {
        return inputs_rounded_ ? "dense, of rounded inputs" : "dense";
    }

private:
    mutable at::Tensor weight_, bias_; ///< of the type of the inputs, from the first one on
    bool inputs_rounded_;
};

} // namespace

std::shared_ptr<const LinearOp> dense_op(at::Tensor weight, at::Tensor bias, bool inputs_rounded) {
    return std::make_shared<DenseOp>(std::move(weight), std::move(bias), inputs_rounded);
}

} // namespace graticule
