#include "core/runtime/linear/product_weights.h"

#include <algorithm>

#include "core/runtime/linear/device_codes.h"
#include "core/runtime/parameter_loader.h"

namespace graticule {

namespace {

/// A zero point that the products' contract does not have, in words.
std::optional<std::string> zero_out_of_range(const std::vector<float>& zeros, const CodeGrid& grid) {
    const ZeroRange range = zero_range(grid);
    const auto outside = std::ranges::find_if(zeros, [&](float zero) {
        return !(zero >= static_cast<float>(range.lowest) && zero <= static_cast<float>(range.highest));
    });
    if (outside == zeros.end()) return std::nullopt;
    return "zero point " + std::to_string(*outside) + " of its weight is outside " + std::to_string(range.lowest) +
           " ... " + std::to_string(range.highest);
}

} // namespace

std::optional<GemmProblem> product_of(const QuantizedLinear& quantized, const Linear& linear, at::ScalarType type,
                                      std::string& why) {
    const auto output = value_type(type);
    if (!output) {
        why = "products with codes do not give float64";
        return std::nullopt;
    }
    const TensorScheme& weight = *quantized.choice.scheme.weight;
    if (const auto reason = zero_out_of_range(quantized.params.zero, weight.format->grid)) {
        why = *reason;
        return std::nullopt;
    }
    GemmProblem problem;
    problem.outputs = linear.out_features();
    problem.inputs = linear.in_features();
    problem.grid = &weight.format->grid;
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
    why = "weights in " + to_text(weight) + " have no product of codes";
    return std::nullopt;
}

ProductWeights::ProductWeights(const GemmProblem& problem, const QuantizedLinear& quantized, const Linear& linear,
                               const at::Tensor& bias, ParameterLoader& loader)
    : codes_(DeviceCodes(quantized, linear, loader).unpacked()) {
    const Device& device = loader.device();
    const QParams& params = quantized.params;
    const bool dual = problem.grain == GemmGrain::dual;
    const auto spread = [&](const std::vector<float>& values) { // one for the whole tensor: one per output
        const at::Tensor sent = to_torch(values, {static_cast<std::int64_t>(values.size())}, device);
        return values.size() == 1 ? sent.expand({problem.outputs}).contiguous() : sent;
    };
    scale_ = spread(dual ? params.coarse->scale : params.scale);
    zero_ = spread(params.zero);
    if (dual) {
        const std::vector<float> whole = fine_scales(params, problem.inputs);
        group_scale_ = at::empty({std::ssize(whole)}, at::kChar);
        std::ranges::transform(whole, group_scale_.data_ptr<std::int8_t>(),
                               [](float whole_number) { return static_cast<std::int8_t>(whole_number); });
        group_scale_ = group_scale_.to(torch_device(device));
    }
    if (bias.defined()) bias_ = bias.to(at::kFloat).contiguous();
}

GemmWeights ProductWeights::view() const {
    GemmWeights weights;
    weights.codes = {codes_.data_ptr<std::uint8_t>(), codes_.size(0), codes_.size(1)};
    weights.scale = scale_.data_ptr<float>();
    weights.zero = zero_.data_ptr<float>();
    if (group_scale_.defined()) weights.group_scale = group_scale_.data_ptr<std::int8_t>();
    if (bias_.defined()) weights.bias = bias_.data_ptr<float>();
    return weights;
}

} // namespace graticule
