#include "core/export/packed.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "core/base/error.h"
#include "core/export/carry_along.h"
#include "core/export/checkpoint_writer.h"
#include "core/export/ct_config.h"
#include "core/export/packed_layout.h"
#include "core/io/checkpoint.h"
#include "core/model/family.h"

namespace graticule {
namespace {

using nlohmann::json;

/// The checkpoint holds it as a tensor of its own, (out, in).
bool stored_alone(const Model& model, const Linear& linear) {
    return !model.family().names.transposed_linears && model.parts().checkpoint->contains(linear.name + ".weight");
}

/// Linears that one tensor of the checkpoint holds, by that tensor's name without its ending.
class FusedLinears {
public:
    explicit FusedLinears(const QuantizedModel& model) {
        const Model& base = *model.base;
        const ModelFamily::Names& names = base.family().names;
        for (const Linear& linear : base.linears()) {
            if (base.parts().checkpoint->contains(linear.name + ".weight")) continue;
            std::string_view own, fused = names.fused_qkv;
            for (const auto& [role, name, whole] : {std::tuple{Role::q, names.q, names.fused_qkv},
                                                    {Role::k, names.k, names.fused_qkv},
                                                    {Role::v, names.v, names.fused_qkv},
                                                    {Role::gate, names.gate, names.fused_gate_up},
                                                    {Role::up, names.up, names.fused_gate_up}})
                if (linear.role == role) {
                    own = name;
                    fused = whole;
                }
            whole_[linear.id] = linear.name.substr(0, linear.name.size() - own.size()) + std::string(fused);
            if (model.linears.at(index_of(linear.id))) apart_.insert(whole_[linear.id]);
        }
    }
    /// The tensor that holds this linear among others; empty: none.
    [[nodiscard]] std::string of(const Linear& linear) const {
        const auto found = whole_.find(linear.id);
        return found == whole_.end() ? std::string() : found->second;
    }
    /// Whether it has to be taken apart, because one of them is quantized.
    [[nodiscard]] bool apart(const std::string& fused) const { return apart_.contains(fused); }

private:
    std::map<LayerId, std::string> whole_;
    std::set<std::string> apart_;
};

HostTensor current(const QuantizedModel& model, const std::string& name, const HostTensor& stored) {
    const auto replaced = model.replaced.find(name);
    return replaced == model.replaced.end() ? stored : replaced->second;
}

void append(TensorUnit& unit, TensorUnit other) {
    unit.specs.insert(unit.specs.end(), other.specs.begin(), other.specs.end());
    unit.make = [first = std::move(unit.make), second = std::move(other.make)] {
        std::vector<HostTensor> all = first(), more = second();
        all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
        return all;
    };
}

/// One entry per linear: the scheme and what a reader needs to know of it without knowing this program.
json description(const QuantizedModel& model) {
    json schemes = json::object(), linears = json::object();
    for (const Linear& shape : model.base->linears()) {
        const auto& quantized = model.linears.at(index_of(shape.id));
        if (!quantized) continue;
        const TensorScheme& scheme = *quantized->choice.scheme.weight;
        const std::string name = to_text(scheme);
        if (!schemes.contains(name)) schemes[name] = describe(scheme);
        linears[client_name(*model.base, shape.name)] = {{"scheme", name},
                                                         {"shape", {shape.out_features(), shape.in_features()}}};
    }
    return {{"version", packed_version}, {"schemes", schemes}, {"linears", linears}};
}

/// The rest of the recipe, where all linears have the same: what a reader may be told to do with the inputs.
std::string input_line(const LayerChoices& choices) {
    std::optional<std::string> line;
    for (const auto& choice : choices) {
        QuantScheme inputs = choice ? choice->scheme : QuantScheme{};
        inputs.weight.reset();
        const std::string own = to_text(inputs);
        if (line && *line != own) return {};
        line = own;
    }
    return line.value_or("");
}

bool quantizes_inputs(const LayerChoices& choices) {
    return std::ranges::any_of(choices, [](const auto& choice) {
        if (!choice) return false;
        QuantScheme inputs = choice->scheme;
        inputs.weight.reset();
        return !(inputs == QuantScheme{});
    });
}

} // namespace

Diagnostics check_packed(const Model& model, const LayerChoices& choices, const ExportOptions&) {
    Diagnostics all;
    LayerProblems errors;
    bool any = false;
    for (const Linear& linear : model.linears()) {
        const auto& choice = choices.at(index_of(linear.id));
        if (!choice) continue;
        any = true;
        if (!choice->scheme.weight)
            errors.add("quantizes the activations but not the weights; give it a w=, or ignore the layer",
                       linear.short_name);
    }
    if (!any)
        all.add(Severity::error, "", "the recipe quantizes no layer, so there is nothing to export; give it a scheme");
    errors.report(Severity::error, all);
    if (quantizes_inputs(choices))
        all.add(Severity::note, "",
                "the file holds the weights; inputs are rounded where a recipe says so when it is opened again, and "
                "static ranges are calibrated again");
    if (!model.parts().checkpoint)
        all.add(Severity::error, "", "the model has no checkpoint to take the other tensors from");
    else if (!has_tokenizer_files(model.parts().checkpoint->folder()))
        all.add(Severity::warning, "", "no tokenizer files lie beside the model, so none are carried along");
    return all;
}

void write_packed(const QuantizedModel& model, const std::filesystem::path& folder, const ExportOptions& options,
                  JobContext& ctx) {
    const Model& base = *model.base;
    const FusedLinears fused(model);
    const auto unit_of = [&](const Linear& shape) -> std::optional<TensorUnit> {
        const auto& quantized = model.linears.at(index_of(shape.id));
        const std::string whole = fused.of(shape), name = client_name(base, shape.name);
        const bool alone = stored_alone(base, shape);
        if (!quantized && (alone || (!whole.empty() && !fused.apart(whole) && !base.family().names.transposed_linears)))
            return std::nullopt;
        if (quantized && (!quantized->kept_channels.empty() || quantized->low_rank))
            throw Error(ErrorKind::unsupported, shape.short_name +
                                                    ": 16-bit channels and low-rank terms are not stored in this "
                                                    "container; quantize without them");
        TensorUnit unit = quantized
                              ? packed_unit(*quantized, shape, name)
                              : plain_unit(name + ".weight", current(model, shape.name + ".weight", shape.weight));
        if (alone) return unit;
        if (shape.bias) append(unit, plain_unit(name + ".bias", current(model, shape.name + ".bias", *shape.bias)));
        unit.covers = {shape.name + ".bias"};
        if (!whole.empty()) unit.covers.insert(unit.covers.end(), {whole + ".weight", whole + ".bias"});
        return unit;
    };
    const LayerChoices choices = choices_of(model);
    json header = description(model);
    header["inputs"] = {{"quantized", quantizes_inputs(choices)}, {"recipe", input_line(choices)}};
    write_units(model, plan_units(model, unit_of), folder, static_cast<std::uint64_t>(options.shard_bytes), ctx,
                {.stem = "packed", .header = {{packed_header, header.dump()}}});
    write_config(model, nullptr, folder);
    carry_along(base.parts().checkpoint->folder(), folder);
}

} // namespace graticule
