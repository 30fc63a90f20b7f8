#include "core/runtime/block_operations.h"

#include <algorithm>
#include <utility>

#include "core/base/cancel_point.h"
#include "core/base/error.h"
#include "core/runtime/weight_source.h"

namespace graticule {

const ActivationRounding* AttentionPlan::rounding(Operand operand) const {
    const auto found = operands.find(operand);
    return found == operands.end() ? nullptr : &found->second;
}

LayerId owner_of(Operand operand, const Block& block) {
    return operand == Operand::query ? block.q : operand == Operand::key ? block.k : block.v;
}

AttentionPlan attention_plan(const Model& model, const Block& block, const WeightSource& weights) {
    AttentionPlan plan;
    for (const Operand operand : attention_operands) {
        const Linear& owner = model.linear(owner_of(operand, block));
        const QuantizedLinear* quantized = weights.quantized(owner);
        if (quantized == nullptr || !quantized->choice.scheme[operand]) continue;
        ActivationRounding rounding{*quantized->choice.scheme[operand]};
        const auto found = quantized->static_operands.find(operand);
        if (!rounding.scheme.dynamic && found != quantized->static_operands.end()) rounding.fixed = found->second;
        check_calibrated(rounding, owner);
        plan.operands.emplace(operand, std::move(rounding));
    }
    return plan;
}

BlockOperations::BlockOperations(const BlockWeights& weights)
    : norms(weights.norms)
    , router(weights.router)
    , attention(weights.attention) {
    for (const auto& [layer, tensors] : weights.linears)
        linears.emplace(layer, PreparedLinear{dense_op(tensors.weight, tensors.bias), tensors.input});
}

at::Tensor BlockOperations::run(LayerId layer, SiteInputs& inputs) const {
    cancel_point();
    const PreparedLinear& linear = linears.at(layer);
    return linear.operation->run(inputs.under(linear.input));
}

bool token_by_token(const BlockOperations& operations) {
    return std::ranges::all_of(operations.attention.operands,
                               [](const auto& operand) { return token_by_token(operand.second); }) &&
           std::ranges::all_of(operations.linears, [](const auto& linear) {
               const auto& rounding = linear.second.input.rounding;
               return !rounding || token_by_token(*rounding);
           });
}

} // namespace graticule
