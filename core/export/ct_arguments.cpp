#include "core/export/ct_arguments.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

#include "core/base/cut_short.h"
#include "core/base/error.h"
#include "core/base/word_list.h"
#include "core/export/name_pattern.h"
#include "core/export/unknown_fields.h"

namespace graticule {
namespace {

using nlohmann::json;

/// Fields of quantization_config that are read, and those that change no weight: quantization_status (what is codes is
/// seen from a tensor's type), how small the file became, who wrote it, how a client is to compute with it.
constexpr std::string_view config_fields =
    "config_groups format ignore kv_cache_scheme sparsity_config transform_config moe_sparsity_config "
    "quant_method quantization_status global_compression_ratio version run_compressed dequantize "
    "use_optimized_inference graticule";
constexpr std::string_view group_fields = "targets weights input_activations output_activations format";
/// Unread of weights: actorder and observers (how scales and codes were found), zp_dtype and scale_dtype (the stored
/// tensors have types).
constexpr std::string_view argument_fields = "num_bits type symmetric strategy group_size dynamic block_structure "
                                             "actorder observer observer_kwargs zp_dtype scale_dtype";
constexpr std::string_view known_formats =
    "dense int-quantized float-quantized naive-quantized pack-quantized mixed-precision nvfp4-pack-quantized "
    "mxfp4-pack-quantized mxfp8-quantized";

bool is_set(const json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && !found->is_null() && !(found->is_structured() && found->empty());
}

/// compressed-tensors refuses fields of groups and of their parts that it does not know, so there is no telling what
/// they would do.
void refuse_unknown(const json& object, std::string_view known, const std::string& where) {
    if (!object.is_object()) throw Error(ErrorKind::bad_input, where + " is " + cut_short(object));
    for (const auto& [field, value] : object.items())
        if (!value.is_null() && !lists(known, field))
            throw Error(ErrorKind::unsupported,
                        where + "." + field + " is " + cut_short(value) +
                            "; neither this program nor compressed-tensors knows the field. Take it out if it "
                            "changes nothing, else save the model with a version that does without it");
}

void check_format(const json& object, const std::string& where) {
    if (!is_set(object, "format")) return;
    const json& value = object.at("format");
    const std::string format = value.is_string() ? value.get<std::string>() : value.dump();
    if (format == "marlin-24" || format.starts_with("sparse"))
        throw Error(ErrorKind::unsupported,
                    where + "format \"" + format +
                        "\": sparse weights of early versions of compressed-tensors are not read; "
                        "save the model as pack-quantized");
    if (!lists(known_formats, format))
        throw Error(ErrorKind::unsupported, where + "format \"" + format +
                                                "\": how weights are packed there is not known; save the model as "
                                                "pack-quantized or int-quantized");
}

void refuse_other_arithmetic(const json& config) {
    // Sparse weights leave most positions out of the file; rotations act on inputs at run time.
    for (const auto& [key, what] : {std::pair("sparsity_config", "sparse weights"),
                                    std::pair("transform_config", "rotations of the inputs at run time"),
                                    std::pair("moe_sparsity_config", "experts that are left out")}) {
        if (!is_set(config, key)) continue;
        const json& value = config.at(key);
        if (value.is_object() && value.value("format", json()) == "dense") continue;
        if (value.is_object() && value.size() == 1 && value.contains("config_groups") &&
            !is_set(value, "config_groups"))
            continue;
        throw Error(ErrorKind::unsupported,
                    std::string(key) + ": " + what + " are not read; save the model dense, without them");
    }
}

std::int64_t positive(const json& value, const std::string& what) {
    if (!value.is_number_unsigned() || value < 1 || value > (1 << 30))
        throw Error(ErrorKind::bad_input, what + " is " + cut_short(value) + "; a whole number above 0 is expected");
    return value.get<std::int64_t>();
}

/// As compressed-tensors: without a strategy it follows from group_size, and -1 is a whole row.
void read_tile(const json& weights, const std::string& where, CtWeightArguments& read) {
    const json size = weights.value("group_size", json());
    const bool grouped = !size.is_null() && size != -1;
    const json strategy = is_set(weights, "strategy") ? weights.at("strategy")
                                                      : json(grouped      ? "group"
                                                             : size == -1 ? "channel"
                                                                          : "tensor");
    read.tile_said = "\"strategy\" " + strategy.dump();
    if (strategy == "tensor") return;
    read.tile.rows = 1;
    if (strategy == "channel") return;
    if (strategy == "group" || strategy == "tensor_group") {
        read.tile.columns = positive(size, where + ".group_size");
        read.tile_said += ", \"group_size\" " + size.dump();
    } else if (const json block = weights.value("block_structure", json());
               strategy == "block" && block.is_array() && block.size() == 2) {
        read.tile = {positive(block[0], where + ".block_structure"), positive(block[1], where + ".block_structure")};
        read.tile_said += ", \"block_structure\" " + block.dump();
    } else {
        throw Error(ErrorKind::unsupported, where + ".strategy is " + strategy.dump() +
                                                (strategy == "block" ? " without two sizes in block_structure" : "") +
                                                "; tensor, channel, group, tensor_group and block are read of weights");
    }
}

CtWeightArguments read_weights(const json& weights, const std::string& where) {
    CtWeightArguments read;
    if (const auto bits = weights.find("num_bits"); bits != weights.end() && !bits->is_null()) {
        if (!bits->is_number_unsigned() || *bits < 1 || *bits > 8)
            throw Error(ErrorKind::bad_input,
                        where + ".num_bits is " + cut_short(*bits) + "; a width from 1 to 8 is expected");
        read.bits = bits->get<int>();
    }
    const json type = weights.value("type", json("int")), symmetric = weights.value("symmetric", json(true));
    if (type != "int" && type != "float")
        throw Error(ErrorKind::bad_input, where + ".type is " + cut_short(type) + "; int or float is expected");
    if (!symmetric.is_boolean())
        throw Error(ErrorKind::bad_input,
                    where + ".symmetric is " + cut_short(symmetric) + "; true or false is expected");
    if (const json dynamic = weights.value("dynamic", json()); !dynamic.is_null() && dynamic != false)
        throw Error(ErrorKind::unsupported, where + ".dynamic is " + cut_short(dynamic) +
                                                ": weights whose scales are found as they are used are not read");
    read.floating = type == "float";
    read.symmetric = symmetric;
    read_tile(weights, where, read);
    return read;
}

std::vector<std::string> texts(const json& object, const char* key, const std::string& where) {
    if (!is_set(object, key)) return {};
    std::vector<std::string> all;
    for (const json& text : object.at(key)) {
        if (!text.is_string())
            throw Error(ErrorKind::bad_input, where + key + " holds " + cut_short(text) + ", which is no name");
        all.push_back(text);
    }
    return all;
}

/// Embeddings are no Linear; which modules they are shows in their names alone.
std::string_view class_of(std::string_view module) {
    for (const std::string_view ending :
         {"embed_tokens", "embed_positions", "wte", "wpe", "word_embeddings", "embed_in"})
        if (module.ends_with(ending)) return "Embedding";
    return "Linear";
}

bool by_pattern(const std::string& target, const std::string& name) {
    return target.starts_with("re:") && matches_at_start(target.substr(3), name, "the target \"" + target + "\"");
}

} // namespace

CtArguments::CtArguments(const json& config) {
    refuse_other_arithmetic(config);
    check_format(config, "");
    warnings_ = unknown_fields(config, [](const auto& field, const json&) { return lists(config_fields, field); });
    if (is_set(config, "kv_cache_scheme"))
        warnings_.push_back("the file asks for quantized keys and values (kv_cache_scheme), which is not done");
    ignored_ = texts(config, "ignore", "");
    if (!is_set(config, "config_groups")) return;
    const json& groups = config.at("config_groups");
    if (!groups.is_object()) throw Error(ErrorKind::bad_input, "config_groups is not an object");
    for (const auto& [name, group] : groups.items()) {
        const std::string where = "config_groups." + name;
        refuse_unknown(group, group_fields, where);
        check_format(group, where + ": ");
        for (const char* part : {"weights", "input_activations", "output_activations"})
            if (is_set(group, part)) refuse_unknown(group.at(part), argument_fields, where + "." + part);
        if (is_set(group, "output_activations"))
            warnings_.push_back("the file asks for quantized outputs of linears (" + where +
                                ".output_activations), which is not done");
        if (!is_set(group, "weights")) continue; // inputs only
        groups_.push_back(
            {texts(group, "targets", where + "."), read_weights(group.at("weights"), where + ".weights")});
    }
}

bool CtArguments::ignores(const std::string& name) const {
    return std::ranges::any_of(ignored_, [&](const std::string& entry) {
        return entry == name || entry == class_of(name) || by_pattern(entry, name);
    });
}

std::optional<CtWeightArguments> CtArguments::of_module(const std::string& name) const {
    if (ignores(name)) return std::nullopt;
    const auto first = [&](auto fits) -> const Group* {
        for (const Group& group : groups_)
            if (std::ranges::any_of(group.targets, fits)) return &group;
        return nullptr;
    };
    const Group* group = first([&](const std::string& target) { return target == name; });
    if (group == nullptr) group = first([&](const std::string& target) { return by_pattern(target, name); });
    if (group == nullptr) group = first([&](const std::string& target) { return target == class_of(name); });
    return group == nullptr ? std::nullopt : std::optional(group->weights);
}

} // namespace graticule
