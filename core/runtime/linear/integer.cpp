// A row of the table of integer products (kernels/api/gemm.h), with inputs quantized once per site.
#include "core/runtime/linear/linear_op.h"
#include "core/runtime/linear/product_weights.h"
#include "core/runtime/linear/workspace.h"
#include "core/runtime/parameter_loader.h"

namespace graticule {

namespace {

/// The product that a quantized linear stands for; `why` says what has no integer form.
std::optional<GemmProblem> problem_of(const QuantizedLinear& quantized, const Linear& linear, at::ScalarType type,
                                      std::string& why) {
    const std::optional<ActivationRounding> input = input_rounding(quantized);
    if (!input) {
        why = "its inputs are not quantized";
        return std::nullopt;
    }
    if (!integer_input(*input)) {
        const bool found_over_all =
            input->scheme.grain().kind == Granularity::Kind::tensor && input->scheme.levels.size() == 1;
        why = "inputs in " + to_text(input->scheme) +
              (found_over_all ? " have one scale for all that is found as it runs; int8 with one per token, or with a "
                                "static one for all, is possible"
                              : " are not int8 with one scale per token, or a static one for all");
        return std::nullopt;
    }
    std::optional<GemmProblem> problem = product_of(quantized, linear, type, why);
    if (problem) problem->input_zeros = !input->scheme.symmetric;
    return problem;
}

class IntegerOp final : public LinearOp {
public:
    IntegerOp(const GemmRow& row, GemmProblem problem, CodeGrid grid, at::Tensor packed,
              std::shared_ptr<Workspace> workspace, const Device& device)
        : row_(row)
        , problem_(problem)
        , grid_(std::move(grid))
        , packed_(std::move(packed))
        , workspace_(std::move(workspace))
        , device_(device) {
        problem_.grid = &grid_;
    }

    [[nodiscard]] at::Tensor run(const SiteInput& x) const override {
        const IntegerActivation& input = x.integers(row_.input_layout);
        GemmProblem problem = problem_;
        std::vector<std::int64_t> shape = x.sizes().vec();
        problem.tokens = c10::multiply_integers(shape) / shape.back();
        shape.back() = problem.outputs;
        at::Tensor y = at::empty(shape, x.options());
        const GemmInput values{static_cast<const std::int8_t*>(input.values.data_ptr()), input.scale.data_ptr<float>(),
                               problem.input_zeros ? input.zero.data_ptr<float>() : nullptr,
                               input.row_sum.data_ptr<std::int32_t>()};
        row_.run(problem, packed_.data_ptr(), values, {y.data_ptr(), problem.outputs},
                 workspace_->at_least(row_.workspace_bytes(problem)), current_stream(device_));
        return y;
    }
    [[nodiscard]] std::int64_t device_bytes() const override { return static_cast<std::int64_t>(packed_.nbytes()); }
    [[nodiscard]] std::string_view kernel() const override { return row_.name; }
    [[nodiscard]] bool multiplies_integers() const override { return true; }

private:
    const GemmRow& row_;
    GemmProblem problem_;
    CodeGrid grid_;
    at::Tensor packed_;
    std::shared_ptr<Workspace> workspace_;
    Device device_;
};

} // namespace

std::shared_ptr<const LinearOp> integer_op(const QuantizedLinear& quantized, const Linear& linear,
                                           const at::Tensor& bias, at::ScalarType type, ParameterLoader& loader,
                                           std::string& why) {
    const Device& device = loader.device();
    const std::optional<GemmProblem> problem = problem_of(quantized, linear, type, why);
    if (!problem) return nullptr;
    const GemmTable* table = gemm_table(device);
    if (table == nullptr) {
        why = "there are no integer products for " + device.label();
        return nullptr;
    }
    const GemmRow* row = choose_gemm(*table, *problem, why);
    if (row == nullptr) return nullptr;
    if (row->refuses == no_integer_product) why = "the definition, slower than simulation; " + why; // takes everything

    const ProductWeights weights(*problem, quantized, linear, bias, loader);
    at::Tensor packed = aligned_bytes(row->packed_bytes(*problem), device);
    row->pack(*problem, weights.view(), packed.data_ptr(), current_stream(device));
    return std::make_shared<IntegerOp>(*row, *problem, *problem->grid, std::move(packed), loader.workspace(), device);
}

} // namespace graticule
