#include "core/export/ct_config.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/export/carry_along.h"
#include "core/export/other_parts.h"
#include "core/model/family.h"

namespace graticule {
namespace {

using nlohmann::ordered_json;

ordered_json weight_args(const CarrierPlan& carrier) {
    using Encoding = CarrierPlan::Encoding;
    const bool grouped = carrier.group > 0;
    const char* strategy = carrier.encoding == Encoding::nvfp4 ? "tensor_group" : grouped ? "group" : "channel";
    ordered_json args = {{"num_bits", carrier.bits},
                         {"type", carrier.encoding == Encoding::integer ? "int" : "float"},
                         {"symmetric", carrier.symmetric},
                         {"strategy", strategy},
                         {"group_size", grouped ? ordered_json(carrier.group) : ordered_json(nullptr)},
                         {"block_structure", nullptr},
                         {"dynamic", false},
                         {"actorder", nullptr},
                         {"observer", "minmax"},
                         {"observer_kwargs", ordered_json::object()}};
    // A key of newer versions, which the older ones refuse: only where nothing is right without it.
    if (carrier.encoding == Encoding::mxfp4) args["scale_dtype"] = "torch.uint8";
    return args;
}

ordered_json input_args(const TensorScheme& scheme) {
    return {{"num_bits", scheme.format->bits},
            {"type", scheme.format->kind == FormatKind::floating ? "float" : "int"},
            {"symmetric", scheme.symmetric},
            {"strategy", scheme.grain().kind == Granularity::Kind::token ? "token" : "tensor"},
            {"group_size", nullptr},
            {"block_structure", nullptr},
            {"dynamic", scheme.dynamic},
            {"actorder", nullptr},
            {"observer", scheme.dynamic ? ordered_json(nullptr) : ordered_json("minmax")},
            {"observer_kwargs", ordered_json::object()}};
}

/// The line that `input_args` came from; empty where the notation has none.
std::string input_line(const nlohmann::json& args) {
    // Compared, not converted: this is for a note, and what other writers put there must not keep a model closed.
    const auto is = [&](const char* key, const nlohmann::json& value) {
        const auto found = args.find(key);
        return found != args.end() && *found == value;
    };
    TensorScheme scheme;
    for (const int bits : {4, 6, 8})
        if (is("num_bits", bits)) scheme.format = find_format("int" + std::to_string(bits));
    if (is("type", "float")) scheme.format = is("num_bits", 8) ? find_format("fp8_e4m3") : nullptr;
    scheme.symmetric = !is("symmetric", false);
    scheme.dynamic = is("dynamic", true); // may be "local", too
    const std::string strategy = is("strategy", "token") ? "token" : is("strategy", "tensor") ? "tensor" : "";
    scheme.levels.front().grain.kind = strategy == "token" ? Granularity::Kind::token : Granularity::Kind::tensor;
    if (scheme.format == nullptr || strategy.empty() || !check_operand_scheme(Operand::input, scheme).empty())
        return {};
    QuantScheme inputs;
    inputs.input = scheme;
    return to_text(inputs);
}

/// Readers guess a group's format from its arguments; where the guess is wrong (formats.md section 6.1) it must be
/// said. Where it is right it is left out, because older readers refuse the key.
bool guessed_right(const CtForm& form) {
    if (form.format == "int-quantized") return form.input.has_value();
    if (form.format == "pack-quantized" || form.carrier.fp4()) return !form.input.has_value();
    return form.input.has_value();
}

std::string check_input(const TensorScheme& input) {
    const std::string name = to_text(input);
    if (input.format->kind == FormatKind::dint)
        return "a=" + name + ": clients have no dINT activations; use a=int8/sym/token";
    if (input.format->kind == FormatKind::floating && input.format->name != "fp8_e4m3")
        return "a=" + name + ": of the floating-point activations clients know fp8_e4m3; use it, or a=int8/sym/token";
    if (input.levels.size() > 1 || input.levels.front().coding != Coding::f32)
        return "a=" + name +
               ": clients find float scales of activations; use a=int8/sym/token, or leave a= out and export "
               "the weights alone";
    switch (input.grain().kind) {
    case Granularity::Kind::token:
        return {};
    case Granularity::Kind::tensor:
        return {};
    case Granularity::Kind::group:
    case Granularity::Kind::channel:
        return "a=" + name +
               ": no client quantizes activations in groups or by channel; use a=int8/sym/token, or leave a= out and "
               "export "
               "the weights alone";
    }
    return {};
}

/// int8 forms for an int8 GEMM; everything narrower is packed.
void choose_format(const SchemeChoice& choice, CtVerdict& verdict) {
    CtForm& form = verdict.form;
    const bool int8_input =
        form.input && form.input->format->kind == FormatKind::integer && form.input->format->bits == 8;
    if (form.carrier.encoding == CarrierPlan::Encoding::float8) {
        form.format = "float-quantized";
        if (form.input && form.input->format->kind != FormatKind::floating)
            verdict.problem =
                "fp8_e4m3 weights with integer activations have no client; use a=fp8_e4m3/sym/token or a=none";
        return;
    }
    if (form.carrier.fp4()) {
        form.format =
            form.carrier.encoding == CarrierPlan::Encoding::nvfp4 ? "nvfp4-pack-quantized" : "mxfp4-pack-quantized";
        if (form.input) verdict.problem = "FP4 weights are written with their inputs in float alone; leave a= out";
        return;
    }
    if (form.input && form.input->format->kind == FormatKind::floating) {
        verdict.problem = "integer weights with floating-point activations have no client; use a=int8/sym/token, or "
                          "w=fp8_e4m3/sym/channel";
        return;
    }
    if (int8_input && choice.scheme.weight->format->kind == FormatKind::dint && form.carrier.group == 0) {
        form.carrier.bits = 8; // the int8 product of doubled values is the W4A8 dINT arithmetic itself
        form.carrier.note =
            std::string(choice.scheme.weight->format->label) +
            " travels as doubled int8 values with half the scale: an int8 product gives the dINT result, "
            "but 8 bits a weight in the file";
    }
    form.format = int8_input && form.carrier.bits == 8 ? "int-quantized" : "pack-quantized";
}

} // namespace

std::string ct_storage_problem(const Model& model, const Linear& linear) {
    const auto& checkpoint = model.parts().checkpoint;
    if (!checkpoint) return {}; // said once for the whole model
    if (!checkpoint->contains(linear.name + ".weight"))
        return "the checkpoint stores this linear inside a fused tensor, which clients cannot quantize apart; ignore "
               "the layer";
    if (checkpoint->tensor(linear.name + ".weight").shape != linear.weight.shape)
        return "the checkpoint stores this weight transposed (Conv1D), which is no Linear to clients; ignore the layer";
    return {};
}

namespace {

/// Clients fuse q, k, v and gate, up into one matrix, which then has one scheme.
void check_fused(const Model& model, const std::vector<std::optional<CtForm>>& forms, LayerProblems& warnings) {
    for (const Block& block : model.blocks()) {
        const auto differ = [&](LayerId a, LayerId b) { return forms[index_of(a)] != forms[index_of(b)]; };
        if (differ(block.q, block.k) || differ(block.q, block.v))
            warnings.add(
                "q, k and v have different schemes: vLLM fuses them into one matrix and will refuse; give the three "
                "the same scheme",
                model.linear(block.q).short_name);
        for (const Mlp& mlp : block.mlps)
            if (mlp.gate && differ(*mlp.gate, mlp.up))
                warnings.add(
                    "gate and up have different schemes: vLLM fuses them into one matrix and will refuse; give both "
                    "the same scheme",
                    model.linear(*mlp.gate).short_name);
    }
}

} // namespace

CtVerdict ct_verdict(const SchemeChoice& choice) {
    CtVerdict verdict;
    const QuantScheme& scheme = choice.scheme;
    if (scheme.query || scheme.key || scheme.value || scheme.probability) {
        verdict.problem =
            "quantized attention operands (q= k= v= p=) have no form in compressed-tensors; leave them out of "
            "the exported recipe";
        return verdict;
    }
    verdict.form.input = scheme.input;
    if (scheme.input) verdict.problem = check_input(*scheme.input);
    const bool int8_input = scheme.input && scheme.input->format->name == "int8";
    verdict.form.carrier = plan_carrier(choice, int8_input);
    if (!verdict.form.carrier.problem.empty()) verdict.problem = verdict.form.carrier.problem;
    if (!verdict.problem.empty()) return verdict;
    choose_format(choice, verdict);
    return verdict;
}

std::string client_name(const Model& model, const std::string& stored_name) {
    if (has_other_parts(model)) return stored_name;        // which part it belongs to is in its name
    const std::string& outer = model.parts().outer_prefix; // clients know nothing of it
    const std::string checkpoint_name = stored_name.starts_with(outer) ? stored_name.substr(outer.size()) : stored_name;
    const auto& prefixes = model.family().names.prefixes;
    if (prefixes.empty()) return checkpoint_name;
    for (std::size_t i = 0; i < prefixes.size(); ++i)
        if (!prefixes[i].empty() && checkpoint_name.starts_with(prefixes[i]))
            return std::string(prefixes.front()) + checkpoint_name.substr(prefixes[i].size());
    const bool bare = std::find(prefixes.begin(), prefixes.end(), std::string_view()) != prefixes.end();
    const bool head = checkpoint_name.starts_with(model.family().names.head);
    return bare && !head ? std::string(prefixes.front()) + checkpoint_name : checkpoint_name;
}

ordered_json ct_quantization_config(const Model& model, const std::vector<std::optional<CtForm>>& forms) {
    std::vector<CtForm> groups;
    std::vector<std::vector<std::string>> members;
    ordered_json ignore = ordered_json::array();
    const bool one_of_several = has_other_parts(model);
    for (const Linear& linear : model.linears()) {
        const auto& form = forms[index_of(linear.id)];
        const std::string name = one_of_several ? module_pattern(model, linear) : client_name(model, linear.name);
        if (!form) {
            ignore.push_back(name);
            continue;
        }
        const auto place = std::find(groups.begin(), groups.end(), *form);
        const auto index = static_cast<std::size_t>(place - groups.begin());
        if (place == groups.end()) {
            groups.push_back(*form);
            members.emplace_back();
        }
        members[index].push_back(name);
    }
    const std::string prefix(model.family().names.prefixes.empty() ? "" : model.family().names.prefixes.front());
    if (model.parts().project_in) ignore.push_back(prefix + "project_in");
    if (model.parts().project_out) ignore.push_back(prefix + "project_out");
    for (const std::string& part : other_parts(model)) ignore.push_back("re:.*" + part + "\\..*");
    if (one_of_several) ignore.push_back("re:.*lm_head$");
    // Always a Linear to clients, tied or not.
    else if (std::find(ignore.begin(), ignore.end(), "lm_head") == ignore.end())
        ignore.push_back("lm_head");

    const bool one_format = std::all_of(groups.begin(), groups.end(),
                                        [&](const CtForm& form) { return form.format == groups.front().format; });
    ordered_json config_groups = ordered_json::object();
    for (std::size_t i = 0; i < groups.size(); ++i) {
        ordered_json group = {
            {"targets", groups.size() == 1 ? std::vector<std::string>{"Linear"} : members[i]},
            {"weights", weight_args(groups[i].carrier)},
            {"input_activations", groups[i].input ? input_args(*groups[i].input) : ordered_json(nullptr)},
            {"output_activations", nullptr}};
        if (groups.size() > 1 || !guessed_right(groups[i])) group["format"] = groups[i].format;
        config_groups["group_" + std::to_string(i)] = std::move(group);
    }
    return {{"quant_method", "compressed-tensors"},
            {"format", one_format && !groups.empty() ? groups.front().format : "mixed-precision"},
            {"quantization_status", "compressed"},
            {"config_groups", std::move(config_groups)},
            {"ignore", std::move(ignore)},
            {"kv_cache_scheme", nullptr},
            {"global_compression_ratio", nullptr}};
}

namespace {

/// Whether a config quantizes every linear of the decoder: one group of all, and none ignored but head and projections.
bool takes_all_linears(const nlohmann::json& quantization_config) {
    const nlohmann::json& groups = quantization_config.at("config_groups");
    if (groups.size() != 1 || !groups.front().is_object()) return false;
    const auto targets = groups.front().find("targets");
    if (targets == groups.front().end() || *targets != nlohmann::json::array({"Linear"})) return false;
    const auto ignore = quantization_config.find("ignore");
    if (ignore == quantization_config.end() || ignore->is_null()) return true;
    return ignore->is_array() && std::ranges::all_of(*ignore, [](const nlohmann::json& entry) {
               if (!entry.is_string()) return false;
               const auto& name = entry.get_ref<const std::string&>();
               return name.ends_with("lm_head") || name.ends_with("project_in") || name.ends_with("project_out");
           });
}

} // namespace

void read_ct_inputs(const nlohmann::json& quantization_config, StoredQuantization& stored) {
    const auto groups = quantization_config.find("config_groups");
    if (groups == quantization_config.end() || !groups->is_object()) return;
    for (const auto& [name, group] : groups->items()) {
        const auto args = group.is_object() ? group.find("input_activations") : group.end();
        const bool quantizes = args != group.end() && args->is_object();
        stored.quantizes_inputs = stored.quantizes_inputs || quantizes;
        if (quantizes && takes_all_linears(quantization_config)) stored.input_line = input_line(*args);
    }
}

Diagnostics ct_check(const Model& model, const LayerChoices& choices, const ExportOptions&) {
    Diagnostics all;
    LayerProblems errors, warnings, notes;
    std::vector<std::optional<CtForm>> forms(model.linears().size());
    std::size_t quantized = 0;
    for (const Linear& linear : model.linears()) {
        const auto& choice = choices.at(index_of(linear.id));
        if (!choice) continue;
        ++quantized;
        if (const std::string problem = ct_storage_problem(model, linear); !problem.empty())
            errors.add(problem, linear.short_name);
        const CtVerdict verdict = ct_verdict(*choice);
        if (!verdict.problem.empty()) {
            errors.add(verdict.problem, linear.short_name);
            continue;
        }
        forms[index_of(linear.id)] = verdict.form;
        if (!verdict.form.carrier.note.empty()) notes.add(verdict.form.carrier.note, linear.short_name);
        if (const auto& input = verdict.form.input;
            input && input->dynamic && input->symmetric && input->format->kind == FormatKind::integer)
            notes.add(
                "clients scale dynamic activations by half the code range (absmax/127.5 at 8 bits) where this program "
                "uses absmax/127: weights are identical, logits differ by that rounding",
                linear.short_name);
    }
    if (quantized == 0)
        all.add(Severity::error, "", "the recipe quantizes no layer, so there is nothing to export; give it a scheme");
    check_model_folder(model, all);
    check_config_for_others(model, all);
    check_fused(model, forms, warnings);
    errors.report(Severity::error, all);
    warnings.report(Severity::warning, all);
    notes.report(Severity::note, all);
    return all;
}

} // namespace graticule
