#include "core/export/gguf_plan.h"

#include <algorithm>

#include "core/export/carry_along.h"
#include "core/export/ct_config.h"
#include "core/io/checkpoint.h"
#include "core/io/gguf/gguf_file.h"
#include "core/model/family.h"

namespace graticule {
namespace {

const TensorScheme* scheme_of(const LayerChoices& choices, const Linear& linear) {
    const auto& choice = choices.at(index_of(linear.id));
    return choice && choice->scheme.weight ? &*choice->scheme.weight : nullptr;
}

} // namespace

std::int64_t GgufPlanned::rows() const {
    std::int64_t all = 0;
    for (const Linear* linear : linears) all += linear->out_features();
    return all;
}

GgufPlan::GgufPlan(const Model& model, const GgufArchitecture& architecture, bool head)
    : model_(model)
    , architecture_(architecture) {
    const Model::Parts& parts = model.parts();
    const ModelFamily::Names& names = model.family().names;
    add_plain(parts.prefix + std::string(names.embedding), ".weight", parts.embedding);
    if (parts.positions) add_plain(parts.prefix + std::string(names.positions), ".weight", *parts.positions);
    add_norm(parts.final_norm);
    if (parts.head) add_plain(std::string(names.head), ".weight", *parts.head);
    for (const Block& block : parts.blocks) {
        for (const Norm& norm : block.norms) add_norm(norm);
        for (const LayerId id : {block.q, block.k, block.v, block.o}) add_linear(model.linear(id));
        for (const Mlp& mlp : block.mlps) {
            if (mlp.gate) add_linear(model.linear(*mlp.gate));
            add_linear(model.linear(mlp.up));
            add_linear(model.linear(mlp.down));
        }
    }
    if (head && !parts.head) add_plain(std::string(names.head), ".weight", {});
}

void GgufPlan::add_norm(const Norm& norm) {
    if (!norm.present()) return;
    add_plain(norm.name, ".weight", norm.weight);
    if (norm.bias) add_plain(norm.name, ".bias", *norm.bias);
}

void GgufPlan::add_plain(const std::string& stored_name, const char* ending, const HostTensor& tensor) {
    const auto place = gguf_name_of(architecture_, client_name(model_, stored_name));
    if (!place) {
        unknown_.push_back(stored_name + ending);
        return;
    }
    tensors_.push_back({place->name, ending, stored_name + ending, {}, tensor, place->change});
}

/// Under its own name, or in the tensor that the family fuses it into.
void GgufPlan::add_linear(const Linear& linear) {
    const ModelFamily::Names& names = model_.family().names;
    const std::string name = client_name(model_, linear.name);
    auto place = gguf_name_of(architecture_, name);
    const bool of_attention = linear.role == Role::q || linear.role == Role::k || linear.role == Role::v;
    const std::string_view fused = of_attention ? names.fused_qkv : names.fused_gate_up;
    if (!place && !fused.empty()) {
        std::string_view own = names.q;
        for (const auto& [role, of_role] :
             {std::pair{Role::k, names.k}, {Role::v, names.v}, {Role::gate, names.gate}, {Role::up, names.up}})
            if (linear.role == role) own = of_role;
        place = gguf_name_of(architecture_, name.substr(0, name.size() - own.size()) + std::string(fused));
    }
    if (!place) {
        unknown_.push_back(linear.name + ".weight");
        return;
    }
    add_rows(*place, ".weight", linear);
    if (linear.bias) add_rows(*place, ".bias", linear);
}

void GgufPlan::add_rows(const GgufMapping& place, const char* ending, const Linear& linear) {
    const auto found = std::ranges::find_if(
        tensors_, [&](const GgufPlanned& tensor) { return tensor.name == place.name && tensor.ending == ending; });
    if (found == tensors_.end())
        tensors_.push_back({place.name, ending, {}, {&linear}, {}, place.change});
    else
        found->linears.push_back(&linear);
}

std::optional<GgufForm> gguf_form_of(const GgufPlanned& tensor, const LayerChoices& choices) {
    std::optional<GgufForm> shared;
    for (const Linear* linear : tensor.linears) {
        const TensorScheme* scheme = scheme_of(choices, *linear);
        GgufForm form;
        if (scheme != nullptr) form = gguf_form(*scheme, linear->in_features());
        if (scheme != nullptr && !form.problem.empty()) return form;
        const bool same = linear == tensor.linears.front() ||
                          (shared.has_value() == (scheme != nullptr) && (!shared || shared->type == form.type));
        if (!same)
            return GgufForm{form.type, "is stored in one tensor (" + tensor.full_name() +
                                           ") with others that have another type; give q, k, v and gate, up of a "
                                           "block the same scheme"};
        if (scheme != nullptr) shared = form;
    }
    return shared;
}

bool has_gguf_tokenizer(const Model& model) {
    const Checkpoint& checkpoint = *model.parts().checkpoint;
    if (!checkpoint.container().starts_with("GGUF")) return has_tokenizer_files(checkpoint.folder());
    return GgufFile::open(checkpoint.files().front())->metadata().contains("tokenizer.ggml.model");
}

} // namespace graticule
