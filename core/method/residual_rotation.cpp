#include "core/method/residual_rotation.h"

#include "core/model/family.h"
#include "core/runtime/input_mapping.h"
#include "core/runtime/parameters.h"

namespace graticule {

at::Tensor norm_factors(const Model& model, const at::Tensor& weight) {
    return model.config().norm == NormKind::rms_plus_one ? weight + 1 : weight;
}

at::Tensor rotate_outputs(const at::Tensor& weight, std::int64_t block, const Device& device) {
    return hadamard(weight.t(), block, device).t().contiguous();
}

at::Tensor ResidualRotation::states(const at::Tensor& hidden) const { return hadamard(hidden, block_, device_); }

/// The factors that the norm multiplies channels by, which its readers take over.
at::Tensor ResidualRotation::take_norm(const Norm& norm, at::Tensor& weight, Folded& folded) const {
    const bool plus_one = model_.config().norm == NormKind::rms_plus_one;
    const at::Tensor factors = norm_factors(model_, weight);
    if ((factors == 0).any().item<bool>())
        throw Error(ErrorKind::unsupported, norm.name + ".weight holds a zero, so its channel cannot be taken out of "
                                                        "the norm; leave residual=true out");
    weight = plus_one ? at::zeros_like(weight) : at::ones_like(weight);
    folded.insert_or_assign(norm.name + ".weight", weight);
    return factors;
}

void ResidualRotation::rotate(const Block& block, BlockWeights& weights, Folded& folded) {
    norms_.clear();
    norms_[model_.linear(block.q).site] =
        take_norm(block.norm(NormSlot::attention), weights.norms.at(NormSlot::attention).weight, folded);
    norms_[model_.linear(block.mlps.front().up).site] =
        take_norm(block.norm(NormSlot::mlp), weights.norms.at(NormSlot::mlp).weight, folded);
    for (auto& [layer, tensors] : weights.linears) {
        const Linear& linear = model_.linear(layer);
        if (reads_residual(linear)) {
            tensors.weight = hadamard(tensors.weight * norms_.at(linear.site), block_, device_);
        } else {
            tensors.weight = rotate_outputs(tensors.weight, block_, device_);
            if (tensors.bias.defined()) {
                tensors.bias = hadamard(tensors.bias.unsqueeze(0), block_, device_).squeeze(0);
                folded.insert_or_assign(linear.name + ".bias", tensors.bias);
            }
        }
        folded.insert_or_assign(linear.name + ".weight", tensors.weight);
    }
}

InputMap ResidualRotation::map(const Linear& linear) const {
    return reads_residual(linear) ? residual_map(to_vector(norms_.at(linear.site)), block_) : InputMap();
}

Folded ResidualRotation::ends(at::ScalarType type) const {
    Folded folded;
    const Model::Parts& parts = model_.parts();
    const ModelFamily::Names& names = model_.family().names;
    const std::string embedding = parts.prefix + std::string(names.embedding) + ".weight";
    const std::string head = std::string(names.head) + ".weight";
    const at::Tensor table = load_parameter(model_, embedding, parts.embedding, device_, type);
    const at::Tensor untied = parts.head ? load_parameter(model_, head, *parts.head, device_, type) : table;
    at::Tensor norm = load_parameter(model_, parts.final_norm.name + ".weight", parts.final_norm.weight, device_, type);
    const at::Tensor factors = take_norm(parts.final_norm, norm, folded);
    folded[embedding] = hadamard(table, block_, device_);
    folded[head] = hadamard(untied * factors, block_, device_);
    return folded;
}

} // namespace graticule
