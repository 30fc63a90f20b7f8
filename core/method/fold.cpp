#include "core/method/fold.h"

#include <algorithm>

#include "core/method/method.h"

namespace graticule {

namespace {

/// (tokens, channels) in, (tokens, width) out, `length` tokens a sequence, a few sequences at a time: attention's
/// scores are quadratic.
template <class Module>
at::Tensor in_sequences(const at::Tensor& inputs, std::int64_t length, Module&& module) {
    constexpr std::int64_t tokens_at_once = 2048;
    const std::int64_t batch = std::max<std::int64_t>(1, tokens_at_once / length);
    std::vector<at::Tensor> outputs;
    for (const at::Tensor& part : inputs.reshape({-1, length, inputs.size(1)}).split(batch))
        outputs.push_back(module(part).to(at::kFloat));
    const at::Tensor all = at::cat(outputs);
    return all.reshape({-1, all.size(-1)});
}

BlockWeights with_weights(const std::vector<LayerId>& layers, const BlockWeights& block,
                          std::span<const at::Tensor> weights) {
    BlockWeights changed = block;
    for (std::size_t i = 0; i < layers.size(); ++i) changed.at(layers[i]).weight = weights[i];
    return changed;
}

bool is_gated_mlp_input(const FoldSite& site) {
    return site.kind == FoldSite::Kind::mlp_input && site.consumers.size() == 2;
}

void divide_norm(const FoldSite& site, const Model& model, const Block& block, const at::Tensor& scale,
                 BlockWeights& weights, Folded& folded) {
    const std::string& name = block.norm(*site.norm).name;
    NormWeights& norm = weights.norms.at(*site.norm);
    const bool plus_one = model.config().norm == NormKind::rms_plus_one;
    norm.weight = plus_one ? (norm.weight + 1) / scale - 1 : norm.weight / scale;
    folded.insert_or_assign(name + ".weight", norm.weight);
    if (!norm.bias.defined()) return;
    norm.bias = norm.bias / scale;
    folded.insert_or_assign(name + ".bias", norm.bias);
}

void divide_linear(const Linear& linear, const at::Tensor& scale, BlockWeights& weights, Folded& folded) {
    LinearWeights& source = weights.at(linear.id);
    source.weight = source.weight / scale.unsqueeze(1);
    folded.insert_or_assign(linear.name + ".weight", source.weight);
    if (!source.bias.defined()) return;
    source.bias = source.bias / scale;
    folded.insert_or_assign(linear.name + ".bias", source.bias);
}

} // namespace

const FoldSite* fold_site_of(const Model& model, LayerId layer) {
    for (const FoldSite& site : model.fold_sites())
        if (std::find(site.consumers.begin(), site.consumers.end(), layer) != site.consumers.end()) return &site;
    return nullptr;
}

Chosen<Transform> transform_of(const FoldSite& site, const LayerChoices& choices) {
    for (const LayerId id : site.consumers)
        if (const auto& choice = choices[index_of(id)])
            if (const auto transform = chosen<Transform>(*choice)) return transform;
    return {};
}

bool scale_fits(const FoldSite& site, const Model& model) {
    if (!site.linear) return true;
    return model.linear(*site.linear).out_features() == model.linear(site.consumers.front()).in_features();
}

FoldRequest fold_request(const FoldSite& site, const LayerChoices& choices, const ParamMap& params,
                         const Device& device, const std::function<at::Tensor(LayerId)>& weight_of) {
    FoldRequest request{.site = site, .params = params, .device = device};
    for (const LayerId id : site.consumers) {
        const auto& choice = choices[index_of(id)];
        if (!choice) continue;
        request.layers.push_back(id);
        request.weights.push_back(weight_of(id));
        request.schemes.push_back(&choice->scheme);
    }
    return request;
}

void add_module_outputs(FoldRequest& request, const Decoder& decoder, const Block& block, const BlockWeights& weights,
                        std::int64_t length) {
    using Module = at::Tensor (Decoder::*)(BlockId, const BlockOperations&, const at::Tensor&, DecoderHooks*) const;
    const auto judge = [&](Module module) -> ModuleOutput {
        return [&decoder, &block, &weights, layers = request.layers, length,
                module](std::span<const at::Tensor> changed, const at::Tensor& inputs) {
            const BlockOperations trial = with_weights(layers, weights, changed);
            return in_sequences(inputs, length,
                                [&](const at::Tensor& x) { return (decoder.*module)(block.id, trial, x, nullptr); });
        };
    };
    if (request.site.judged_by_attention()) request.attention = judge(&Decoder::attention);
    // An expert sees the tokens that came to it: what it does to them is judged by its own linears.
    if (is_gated_mlp_input(request.site) && !block.router) request.mlp = judge(&Decoder::mlp);
}

void apply_fold(const FoldSite& site, const Model& model, const Block& block, const at::Tensor& scale,
                BlockWeights& weights, Folded& folded) {
    if (site.norm)
        divide_norm(site, model, block, scale, weights, folded);
    else
        divide_linear(model.linear(*site.linear), scale, weights, folded);
    for (const LayerId id : site.consumers) {
        at::Tensor& weight = weights.at(id).weight;
        weight = weight * scale;
        folded.insert_or_assign(model.linear(id).name + ".weight", weight);
    }
}

void add_to_report(const FoldResult& result, LayerReport& report) {
    if (result.loss && !report.search_loss) {
        report.search_loss = result.loss;
        report.search_loss_before = result.loss_before;
    }
    if (result.note.empty()) return;
    report.method_note += (report.method_note.empty() ? "" : "; ") + result.note;
}

at::Tensor channel_mask(const std::vector<std::int32_t>& channels, std::int64_t count, const Device& device) {
    at::Tensor mask = at::zeros({count}, at::kBool);
    for (const std::int32_t channel : channels) mask.data_ptr<bool>()[channel] = true;
    return mask.to(torch_device(device));
}

} // namespace graticule
