#include "core/runtime/kernel_uses.h"

namespace graticule {

namespace {

class NotedOp final : public LinearOp {
public:
    NotedOp(PreparedLinear prepared, Role role, KernelUses& uses)
        : prepared_(std::move(prepared))
        , role_(role)
        , uses_(uses) {}

    [[nodiscard]] at::Tensor run(const SiteInput& x) const override {
        const std::string_view kernel = kernel_for(tokens_of(x));
        if (kernel.data() != noted_) { // mostly the one of the pass before
            uses_.add(kernel, prepared_.no_integers, role_);
            noted_ = kernel.data();
        }
        return prepared_.operation->run(x);
    }
    [[nodiscard]] std::int64_t device_bytes() const override { return prepared_.operation->device_bytes(); }
    [[nodiscard]] std::string_view kernel() const override { return prepared_.operation->kernel(); }
    [[nodiscard]] std::string_view kernel_for(std::int64_t tokens) const override {
        return prepared_.operation->kernel_for(tokens);
    }
    [[nodiscard]] bool multiplies_integers() const override { return prepared_.operation->multiplies_integers(); }

private:
    PreparedLinear prepared_;
    Role role_;
    KernelUses& uses_;
    mutable const char* noted_ = nullptr; ///< where the name that was noted last stands
};

} // namespace

std::shared_ptr<const LinearOp> noted_op(PreparedLinear prepared, Role role, KernelUses& uses) {
    return std::make_shared<NotedOp>(std::move(prepared), role, uses);
}

} // namespace graticule
