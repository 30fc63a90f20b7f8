#include "core/runtime/fixed_products.h"
#include "core/runtime/linear/linear_op.h"

namespace graticule {

namespace {

class SumOp final : public LinearOp {
public:
    SumOp(std::shared_ptr<const LinearOp> main, SumParts parts)
        : main_(std::move(main))
        , parts_(std::move(parts)) {}

    [[nodiscard]] at::Tensor run(const SiteInput& x) const override {
        at::Tensor y = main_->run(x);
        if (parts_.kept_columns.defined())
            y.add_(fixed_linear(x.raw().index_select(-1, parts_.kept_channels), parts_.kept_columns));
        if (parts_.low_rank_in.defined())
            y.add_(fixed_linear(fixed_linear(x.values(), parts_.low_rank_in), parts_.low_rank_out));
        return y;
    }
    [[nodiscard]] std::int64_t device_bytes() const override {
        std::int64_t bytes = main_->device_bytes();
        for (const at::Tensor* part :
             {&parts_.low_rank_out, &parts_.low_rank_in, &parts_.kept_columns, &parts_.kept_channels})
            if (part->defined()) bytes += std::int64_t(part->nbytes());
        return bytes;
    }
    [[nodiscard]] std::string_view kernel() const override { return main_->kernel(); }
    [[nodiscard]] std::string_view kernel_for(std::int64_t tokens) const override { return main_->kernel_for(tokens); }
    [[nodiscard]] bool multiplies_integers() const override { return main_->multiplies_integers(); }

private:
    std::shared_ptr<const LinearOp> main_;
    SumParts parts_;
};

} // namespace

std::shared_ptr<const LinearOp> sum_op(std::shared_ptr<const LinearOp> main, SumParts parts) {
    return std::make_shared<SumOp>(std::move(main), std::move(parts));
}

} // namespace graticule
