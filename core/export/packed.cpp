#include "core/export/packed.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>

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

/// The tensor of the checkpoint, without its ending, that holds this linear among others.
std::string fused_name(const Model& model, const Linear& linear) {
    const ModelFamily::Names& names = model.family().names;
    for (const auto& [role, own, fused] : {std::tuple{Role::q, names.q, names.fused_qkv},
                                           {Role::k, names.k, names.fused_qkv},
                                           {Role::v, names.v, names.fused_qkv},
                                           {Role::gate, names.gate, names.fused_gate_up},
                                           {Role::up, names.up, names.fused_gate_up}})
        if (linear.role == role) return linear.name.substr(0, linear.name.size() - own.size()) + std::string(fused);
    return linear.name;
}

/// Linears that have to stand alone here: turned ones, and those of fused tensors of which one is quantized.
void take_apart(const Model& model, const LayerChoices& choices, FolderLayout& layout) {
    std::set<std::string> fused;
    for (const Linear& linear : model.linears())
        if (!stored_alone(model, linear) && choices.at(index_of(linear.id))) fused.insert(fused_name(model, linear));
    for (const Linear& linear : model.linears()) {
        if (stored_alone(model, linear)) continue;
        const std::string whole = fused_name(model, linear);
        if (!model.family().names.transposed_linears && !fused.contains(whole)) continue;
        layout.taken_apart.push_back(linear.id);
        if (whole != linear.name)
            layout.replaced_tensors.insert(layout.replaced_tensors.end(), {whole + ".weight", whole + ".bias"});
    }
}

/// One entry per linear: the scheme and what a reader needs to know of it without knowing this program.
json describe_linears(const Model& model, const LayerChoices& choices, const std::vector<StoredParts>& parts) {
    json schemes = json::object(), linears = json::object();
    bool beside = false;
    for (const Linear& shape : model.linears()) {
        const auto& choice = choices.at(index_of(shape.id));
        if (!choice) continue;
        const std::string name = to_text(choice->scheme.weight.value());
        if (!schemes.contains(name)) schemes[name] = describe(*choice->scheme.weight);
        json& linear = linears[client_name(model, shape.name)];
        linear = {{"scheme", name}, {"shape", {shape.out_features(), shape.in_features()}}};
        const StoredParts& more = parts.at(index_of(shape.id));
        if (more.kept_channels > 0) linear["kept_channels"] = more.kept_channels;
        if (more.rank > 0) linear["rank"] = more.rank;
        beside = beside || more != StoredParts();
    }
    return {{"version", beside ? packed_version : packed_codes_version}, {"schemes", schemes}, {"linears", linears}};
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
    check_model_folder(model, all, "");
    return all;
}

std::optional<StoredLinear> stored_as_packed(const Linear& linear, const SchemeChoice& choice) {
    if (!choice.scheme.weight) return std::nullopt;
    const TensorScheme& weight = *choice.scheme.weight;
    const Granularity grain = weight.grain();
    return StoredLinear{"packed",
                        weight.format->bits,
                        weight.symmetric,
                        grain.kind == Granularity::Kind::group ? grain.group_size : 0,
                        linear.in_features(),
                        choice.scheme.input};
}

std::unique_ptr<ModelWriter> open_packed(const QuantizedModel& heading, const LayerChoices& choices,
                                         const std::filesystem::path& folder, const ExportOptions& options) {
    const std::shared_ptr<const Model> model = heading.base;
    json header = describe_linears(*model, choices, options.parts);
    header["inputs"] = {{"quantized", quantizes_inputs(choices)}, {"recipe", input_line(choices)}};
    const std::string description = header.dump();
    FolderLayout layout;
    layout.unit_of = [model, choices, parts = options.parts](const Linear& shape) -> std::optional<LinearUnit> {
        const auto& choice = choices.at(index_of(shape.id));
        if (!choice) return std::nullopt;
        return packed_unit(choice->scheme.weight.value(), shape, parts.at(index_of(shape.id)),
                           client_name(*model, shape.name));
    };
    layout.quantization_config = "null";
    layout.stem = packed_stem;
    layout.header = {{packed_header, description}};
    take_apart(*model, choices, layout);
    layout.decode = [description](std::shared_ptr<const Checkpoint> stored) {
        return decode_packed(std::move(stored), description);
    };
    return open_folder(heading, std::move(layout), folder, options);
}

} // namespace graticule
