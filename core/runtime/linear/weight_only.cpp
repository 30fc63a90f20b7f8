// A weight-only row of the table of products (kernels/api/gemm.h): inputs in 16 bits as they are, weights as codes.
// Many tokens are multiplied with the weight in full, made for the moment from the same packed codes.
#include "core/runtime/fixed_products.h"
#include "core/runtime/linear/linear_op.h"
#include "core/runtime/linear/product_weights.h"
#include "core/runtime/linear/workspace.h"
#include "core/runtime/parameter_loader.h"

namespace graticule {

namespace {

class WeightOnlyOp final : public LinearOp {
public:
    WeightOnlyOp(const WeightOnlyRow& row, const GemmProblem& problem, at::Tensor packed, at::Tensor bias,
                 std::shared_ptr<Workspace> workspace, const Device& device)
        : row_(row)
        , problem_(problem)
        , grid_(*problem.grid)
        , packed_(std::move(packed))
        , bias_(std::move(bias))
        , workspace_(std::move(workspace))
        , device_(device)
        , kernel_(std::string(row.name) + ", dense from " + std::to_string(row.dense_tokens) + " tokens")
        , dense_kernel_("dense, expanded by " + std::string(row.name)) {
        problem_.grid = &grid_;
    }

    [[nodiscard]] at::Tensor run(const SiteInput& input) const override {
        const at::Tensor x = input.raw().contiguous();
        GemmProblem problem = problem_;
        problem.tokens = x.numel() / problem.inputs;
        const Stream stream = current_stream(device_);
        if (dense(problem.tokens)) {
            const at::Tensor weight = at::empty({problem.outputs, problem.inputs}, x.options());
            row_.expand(problem, packed_.data_ptr(), weight.data_ptr(), stream);
            return fixed_linear(x, weight, bias_);
        }
        std::vector<std::int64_t> shape = x.sizes().vec();
        shape.back() = problem.outputs;
        at::Tensor y = at::empty(shape, x.options());
        row_.run(problem, packed_.data_ptr(),
                 {x.data_ptr(), problem.output, problem.tokens, problem.inputs, problem.inputs},
                 {y.data_ptr(), problem.outputs}, workspace_->at_least(row_.workspace_bytes(problem)), stream);
        return y;
    }
    [[nodiscard]] std::int64_t device_bytes() const override {
        return static_cast<std::int64_t>(packed_.nbytes() + (bias_.defined() ? bias_.nbytes() : 0));
    }
    [[nodiscard]] std::string_view kernel() const override { return kernel_; }
    [[nodiscard]] std::string_view kernel_for(std::int64_t tokens) const override {
        return dense(tokens) ? std::string_view(dense_kernel_) : row_.name;
    }

private:
    [[nodiscard]] bool dense(std::int64_t tokens) const { return tokens >= row_.dense_tokens; }

    const WeightOnlyRow& row_;
    GemmProblem problem_;
    CodeGrid grid_;
    at::Tensor packed_, bias_;
    std::shared_ptr<Workspace> workspace_;
    Device device_;
    std::string kernel_, dense_kernel_;
};

} // namespace

std::shared_ptr<const LinearOp> weight_only_op(const QuantizedLinear& quantized, const Linear& linear,
                                               const at::Tensor& bias, at::ScalarType type, ParameterLoader& loader,
                                               std::string& why) {
    const Device& device = loader.device();
    const std::optional<GemmProblem> problem = product_of(quantized, linear, type, why);
    if (!problem) return nullptr;
    const GemmTable* table = gemm_table(device);
    if (table == nullptr) {
        why = "there are no products of codes for " + device.label();
        return nullptr;
    }
    const WeightOnlyRow* row = choose_weight_only(*table, *problem, why);
    if (row == nullptr) return nullptr;
    const ProductWeights weights(*problem, quantized, linear, bias, loader);
    at::Tensor packed = aligned_bytes(row->packed_bytes(*problem), device);
    row->pack(*problem, weights.view(), packed.data_ptr(), current_stream(device));
    return std::make_shared<WeightOnlyOp>(*row, *problem, std::move(packed), bias, loader.workspace(), device);
}

} // namespace graticule
