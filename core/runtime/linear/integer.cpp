// A row of the table of integer products (kernels/api/gemm.h), with inputs quantized once per site.
#include <algorithm>

#include "core/base/error.h"
#include "core/runtime/linear/device_codes.h"
#include "core/runtime/linear/linear_op.h"
#include "core/runtime/linear/workspace.h"
#include "core/runtime/parameter_loader.h"
#include "kernels/api/gemm.h"

namespace graticule {

namespace {

/// The product that a quantized linear stands for; `why` says what has no integer form.
std::optional<GemmProblem> problem_of(const QuantizedLinear& quantized, const Linear& linear, at::ScalarType type,
                                      std::string& why) {
    const TensorScheme& weight = *quantized.choice.scheme.weight;
    const std::optional<ActivationRounding> input = input_rounding(quantized);
    if (!input) {
        why = "its inputs are not quantized";
        return std::nullopt;
    }
    if (!integer_input(*input)) {
        why = "inputs in " + to_text(input->scheme) + " are no int8 with one scale per token, or one for all";
        return std::nullopt;
    }
    const auto output = value_type(type);
    if (!output) {
        why = "integer products do not give float64";
        return std::nullopt;
    }
    GemmProblem problem;
    problem.outputs = linear.out_features();
    problem.inputs = linear.in_features();
    problem.grid = &weight.format->grid;
    problem.input_zeros = !input->scheme.symmetric;
    problem.output = *output;
    if (is_dual_grain(weight.levels)) {
        problem.grain = GemmGrain::dual;
        problem.group = weight.grain().group_size;
        return problem;
    }
    switch (weight.grain().kind) {  // further levels are in the scales
    case Granularity::Kind::tensor: // one scale for all is one per output that happens to be the same
    case Granularity::Kind::channel:
        problem.grain = GemmGrain::channel;
        return problem;
    case Granularity::Kind::group:
        problem.grain = GemmGrain::group;
        problem.group = weight.grain().group_size;
        return problem;
    case Granularity::Kind::token:
        break;
    }
    why = "weights in " + to_text(weight) + " have no integer product";
    return std::nullopt;
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
        std::vector<std::int64_t> shape = x.raw().sizes().vec();
        problem.tokens = x.raw().numel() / shape.back();
        shape.back() = problem.outputs;
        at::Tensor y = at::empty(shape, x.raw().options());
        const GemmInput values{static_cast<const std::int8_t*>(input.values.data_ptr()), input.scale.data_ptr<float>(),
                               problem.input_zeros ? input.zero.data_ptr<float>() : nullptr,
                               input.row_sum.data_ptr<std::int32_t>()};
        row_.run(problem, packed_.data_ptr(), values, {y.data_ptr(), problem.outputs},
                 workspace_->at_least(row_.workspace_bytes(problem)), current_stream(device_));
        return y;
    }
    [[nodiscard]] std::int64_t device_bytes() const override { return static_cast<std::int64_t>(packed_.nbytes()); }
    [[nodiscard]] std::string_view kernel() const override { return row_.name; }

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

    const QParams& params = quantized.params;
    const bool dual = problem->grain == GemmGrain::dual;
    const at::Tensor codes = DeviceCodes(quantized, linear, loader).unpacked();
    const auto spread = [&](const std::vector<float>& values) { // one for the whole tensor: one per output
        const at::Tensor sent = to_torch(values, {static_cast<std::int64_t>(values.size())}, device);
        return values.size() == 1 ? sent.expand({problem->outputs}).contiguous() : sent;
    };
    const at::Tensor scale = spread(dual ? params.coarse->scale : params.scale), zero = spread(params.zero);
    at::Tensor group_scale;
    if (dual) {
        const std::vector<float> whole = fine_scales(params, problem->inputs);
        group_scale = at::empty({std::ssize(whole)}, at::kChar);
        std::ranges::transform(whole, group_scale.data_ptr<std::int8_t>(),
                               [](float whole_number) { return static_cast<std::int8_t>(whole_number); });
        group_scale = group_scale.to(torch_device(device));
    }
    const at::Tensor wide_bias = bias.defined() ? bias.to(at::kFloat).contiguous() : at::Tensor();
    at::Tensor packed = aligned_bytes(row->packed_bytes(*problem), device);
    GemmWeights weights;
    weights.codes = {codes.data_ptr<std::uint8_t>(), problem->outputs, problem->inputs};
    weights.scale = scale.data_ptr<float>();
    weights.zero = zero.data_ptr<float>();
    if (dual) weights.group_scale = group_scale.data_ptr<std::int8_t>();
    if (bias.defined()) weights.bias = wide_bias.data_ptr<float>();
    row->pack(*problem, weights, packed.data_ptr(), current_stream(device));
    return std::make_shared<IntegerOp>(*row, *problem, *problem->grid, std::move(packed), loader.workspace(), device);
}

} // namespace graticule
