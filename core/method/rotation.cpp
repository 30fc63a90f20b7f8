#include "core/method/rotation.h"

#include <algorithm>
#include <utility>

#include "core/method/stages.h"
#include "core/model/family.h"

namespace graticule {

bool reads_residual(const Linear& linear) {
    return linear.role != Role::o && linear.role != Role::down && linear.role != Role::fc2;
}

std::optional<HadamardChoice> hadamard_of(const SchemeChoice& choice, const Linear& linear, const Model& model) {
    const auto rotation = chosen<Rotation>(choice);
    if (!rotation) return std::nullopt;
    const std::int64_t width = linear.role == Role::o ? model.config().head_dim : linear.in_features();
    const bool stream = rotation.method->residual(rotation.params()), reads = reads_residual(linear);
    return HadamardChoice{hadamard_block(width), stream && reads, stream && !reads};
}

std::optional<std::int64_t> residual_block(const LayerChoices& choices, const Model& model) {
    const bool any = std::any_of(choices.begin(), choices.end(), [](const auto& choice) {
        if (!choice) return false;
        const auto rotation = chosen<Rotation>(*choice);
        return rotation && rotation.method->residual(rotation.params());
    });
    return any ? std::optional(hadamard_block(model.config().hidden)) : std::nullopt;
}

InputMap residual_map(std::vector<float> norm_factors, std::int64_t block) {
    return {{DiagonalMap{std::move(norm_factors), true}, HadamardMap{block, true}}};
}

InputMap input_map(InputMap before, std::vector<float> scale, const std::optional<HadamardChoice>& rotation) {
    InputMap map = std::move(before);
    if (!scale.empty()) map.steps.emplace_back(DiagonalMap{std::move(scale)});
    if (rotation && !rotation->residual) map.steps.emplace_back(HadamardMap{rotation->block, false});
    return map;
}

std::string why_residual_stays(const Model& model) {
    const std::string without = "; leave residual=true out, which rotates each input at run time instead";
    const std::string family = std::string(model.family().name) + " models ";
    const ModelConfig& config = model.config();
    if (config.norm == NormKind::layer)
        return family + "have LayerNorms, whose mean is not that of the rotated stream" + without;
    if (config.norm_after) return family + "put their norms after the modules, where no linear takes them in" + without;
    const Model::Parts& parts = model.parts();
    if (parts.project_in || parts.project_out || parts.positions)
        return family + "have position embeddings or projections around the blocks" + without;
    for (const Block& block : model.blocks()) {
        if (block.norm(NormSlot::post_attention).present() || block.norm(NormSlot::post_mlp).present())
            return family + "have norms between a module and the residual stream, which scale single channels" +
                   without;
        if (block.router) return family + "have a router that reads the residual stream beside the experts" + without;
    }
    return {};
}

} // namespace graticule
