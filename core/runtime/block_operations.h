// One decoder block in two forms: its parameters as tensors, which quantizing changes, and the operations that a
// forward pass runs.
//
//     BlockWeights weights = decoder.load(block.id);            // tensors in full precision
//     weights.at(layer).weight = quantized;                     // what later passes use
//     weights.at(layer).input.rounding = input_rounding(linear); // ... with this input rounded as at run time
//     decoder.forward(block.id, weights, hidden);               // dense operations are made on the way
//     decoder.forward(block.id, decoder.prepare(block.id), hidden);   // the weight source's own: codes stay codes
#pragma once

#include <array>
#include <map>
#include <optional>

#include "core/model/model.h"
#include "core/runtime/linear/linear_op.h"

namespace graticule {

/// How the operands of a block's attention products are rounded; absent: as they are. They are tensors of the
/// attention, though schemes name them beside a linear.
struct AttentionPlan {
    std::map<Operand, ActivationRounding> operands; ///< of query, key, value, probability
    [[nodiscard]] const ActivationRounding* rounding(Operand operand) const;
};
inline constexpr Operand attention_operands[] = {Operand::query, Operand::key, Operand::value, Operand::probability};
/// The linear whose scheme says how the operand is rounded: query q's, key k's, value and probability v's.
[[nodiscard]] LayerId owner_of(Operand operand, const Block& block);
/// Throws Error{bad_input} when a static operand has no scale.
[[nodiscard]] AttentionPlan attention_plan(const Model& model, const Block& block, const WeightSource& weights);

struct NormWeights {
    at::Tensor weight; ///< undefined: the norm is absent
    at::Tensor bias;
};
struct BlockNorms {
    std::array<NormWeights, norm_slots> slots; ///< by NormSlot
    [[nodiscard]] const NormWeights& at(NormSlot slot) const { return slots[std::size_t(slot)]; }
    [[nodiscard]] NormWeights& at(NormSlot slot) { return slots[std::size_t(slot)]; }
};

struct LinearWeights {
    at::Tensor weight;           ///< (out, in)
    at::Tensor bias;             ///< (out) or undefined
    InputPreparation input = {}; ///< of what it reads
};
/// Parameters of one block on the device. Values: copying one copies references to the same tensors, so replace
/// tensors, never write into them.
struct BlockWeights {
    BlockNorms norms;
    std::map<LayerId, LinearWeights> linears;
    at::Tensor router; ///< (experts, hidden); undefined: the block has one MLP
    AttentionPlan attention;
    [[nodiscard]] LinearWeights& at(LayerId id) { return linears.at(id); }
    [[nodiscard]] const LinearWeights& at(LayerId id) const { return linears.at(id); }
};

struct BlockOperations {
    BlockNorms norms;
    std::map<LayerId, PreparedLinear> linears;
    at::Tensor router; ///< as in BlockWeights
    AttentionPlan attention;

    BlockOperations() = default;
    /// Dense operations on these tensors: nothing is copied. Implicit, so that whoever holds weights may run them.
    BlockOperations(const BlockWeights& weights);
    /// The linear's output from its site's input.
    [[nodiscard]] at::Tensor run(LayerId linear, SiteInputs& inputs) const;
};

/// Whether everything that the block rounds is rounded token by token: then what it makes of a token depends on no
/// later one, and keys and values may be kept (key_value_cache.h).
[[nodiscard]] bool token_by_token(const BlockOperations& operations);

} // namespace graticule
