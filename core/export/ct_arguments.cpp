#include "core/export/ct_arguments.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <string_view>

#include "core/base/error.h"

namespace graticule {
namespace {

using nlohmann::json;

/// Python's re.match: at the start, to no particular end. A pattern comes from the file, so its work is bounded.
bool matches(const std::string& pattern, const std::string& name) {
    int problem = 0;
    PCRE2_SIZE place = 0;
    const std::unique_ptr<pcre2_code, decltype(&pcre2_code_free)> code(
        pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                      PCRE2_ANCHORED | PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C, &problem, &place, nullptr),
        pcre2_code_free);
    const auto refuse = [&](const std::string& why) {
        throw Error(ErrorKind::unsupported, "the target \"re:" + pattern + "\" " + why);
    };
    if (!code)
        refuse("is no regular expression that this program can read, near its character " + std::to_string(place));
    const std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)> data(
        pcre2_match_data_create_from_pattern(code.get(), nullptr), pcre2_match_data_free);
    const std::unique_ptr<pcre2_match_context, decltype(&pcre2_match_context_free)> limits(
        pcre2_match_context_create(nullptr), pcre2_match_context_free);
    if (!data || !limits) throw std::bad_alloc();
    pcre2_set_match_limit(limits.get(), 100'000);
    const int result =
        pcre2_match(code.get(), reinterpret_cast<PCRE2_SPTR>(name.data()), name.size(), 0, 0, data.get(), limits.get());
    if (result < 0 && result != PCRE2_ERROR_NOMATCH) refuse("takes too long to match with module names");
    return result >= 0;
}

bool is_set(const json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && !found->is_null() && !(found->is_structured() && found->empty());
}

CtWeightArguments read_weights(const json& weights, const std::string& where) {
    CtWeightArguments read;
    const auto bits = weights.find("num_bits");
    if (bits == weights.end() || !bits->is_number_unsigned() || *bits < 1 || *bits > 8)
        throw Error(ErrorKind::bad_input, where + ".num_bits is " + (bits == weights.end() ? "missing" : bits->dump()) +
                                              "; a width from 1 to 8 is expected");
    read.bits = bits->get<int>();
    read.floating = weights.value("type", "int") == "float";
    read.symmetric = weights.value("symmetric", true);
    return read;
}

} // namespace

CtArguments::CtArguments(const json& config) {
    // Sparse weights leave most positions out of the file; rotations act on inputs at run time.
    for (const auto& [key, what] : {std::pair("sparsity_config", "sparse weights"),
                                    std::pair("transform_config", "rotations of the inputs at run time")}) {
        if (!is_set(config, key)) continue;
        const json& value = config.at(key);
        if (value.is_object() && value.value("format", std::string()) == "dense") continue;
        throw Error(ErrorKind::unsupported,
                    std::string(key) + ": " + what + " are not read; save the model dense, without them");
    }
    const std::string format = config.contains("format") && config.at("format").is_string() ? config.at("format") : "";
    if (format == "marlin-24" || format.starts_with("sparse"))
        throw Error(ErrorKind::unsupported,
                    "format \"" + format +
                        "\": sparse weights of early versions of compressed-tensors are not read; "
                        "save the model as pack-quantized");
    if (is_set(config, "kv_cache_scheme"))
        warnings_.push_back("the file asks for quantized keys and values (kv_cache_scheme), which is not done");
    if (!is_set(config, "config_groups")) return;
    const json& groups = config.at("config_groups");
    if (!groups.is_object()) throw Error(ErrorKind::bad_input, "config_groups is not an object");
    for (const auto& [name, group] : groups.items()) {
        if (group.is_object() && is_set(group, "output_activations"))
            warnings_.push_back("the file asks for quantized outputs of linears (config_groups." + name +
                                ".output_activations), which is not done");
        if (!group.is_object() || !is_set(group, "weights")) continue; // activations only, or a named preset
        Group read;
        read.weights = read_weights(group.at("weights"), "config_groups." + name + ".weights");
        for (const json& target : group.value("targets", json::array()))
            if (target.is_string()) read.targets.push_back(target);
        groups_.push_back(std::move(read));
    }
}

std::optional<CtWeightArguments> CtArguments::of_module(const std::string& name) const {
    const auto first = [&](auto fits) -> const Group* {
        for (const Group& group : groups_)
            if (std::ranges::any_of(group.targets, fits)) return &group;
        return nullptr;
    };
    const Group* group = first([&](const std::string& target) { return target == name; });
    if (group == nullptr)
        group = first(
            [&](const std::string& target) { return target.starts_with("re:") && matches(target.substr(3), name); });
    if (group == nullptr) group = first([](const std::string& target) { return target == "Linear"; });
    return group == nullptr ? std::nullopt : std::optional(group->weights);
}

} // namespace graticule
