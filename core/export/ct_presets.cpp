// The schemes that compressed-tensors knows by a name: weights and inputs as its own table has them.
#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>
#include <string_view>

#include "core/base/error.h"
#include "core/export/ct_arguments.h"

namespace graticule {
namespace {

using nlohmann::json;

constexpr std::string_view float8_token = R"({"num_bits":8,"type":"float","strategy":"token","dynamic":true})";
constexpr std::string_view int8_token = R"({"num_bits":8,"strategy":"token","dynamic":true})";
constexpr std::string_view int4_group = R"({"num_bits":4,"strategy":"group","group_size":128})";
constexpr std::string_view int8_channel = R"({"num_bits":8,"strategy":"channel"})";
constexpr std::string_view float4_16 =
    R"({"num_bits":4,"type":"float","strategy":"tensor_group","group_size":16,"dynamic":false})";
constexpr std::string_view float4_32 = R"({"num_bits":4,"type":"float","strategy":"group","group_size":32})";
constexpr std::string_view float8_32 = R"({"num_bits":8,"type":"float","strategy":"group","group_size":32})";
constexpr std::string_view none = "null";

struct Preset {
    std::string_view name, weights, inputs;
};
constexpr Preset presets[] = {
    {"UNQUANTIZED", none, none},
    {"W2A16", R"({"num_bits":2,"strategy":"group","group_size":128})", none},
    {"W3A16", R"({"num_bits":3,"strategy":"group","group_size":128})", none},
    {"W4A16", int4_group, none},
    {"W8A16", R"({"num_bits":8,"strategy":"group","group_size":128})", none},
    {"W4A16_ASYM", R"({"num_bits":4,"symmetric":false,"strategy":"group","group_size":128})", none},
    {"W4A8", int4_group, int8_token},
    {"W4AFP8", int4_group, float8_token},
    {"W8A8", int8_channel, int8_token},
    {"INT8", int8_channel, int8_token},
    {"FP8", R"({"num_bits":8,"type":"float","strategy":"tensor"})",
     R"({"num_bits":8,"type":"float","strategy":"tensor"})"},
    {"FP8_DYNAMIC", R"({"num_bits":8,"type":"float","strategy":"channel"})", float8_token},
    {"FP8_BLOCK", R"({"num_bits":8,"type":"float","strategy":"block","block_structure":[128,128]})",
     R"({"num_bits":8,"type":"float","strategy":"group","group_size":128,"dynamic":true})"},
    {"NVFP4A16", float4_16, none},
    {"NVFP4", float4_16,
     R"({"num_bits":4,"type":"float","strategy":"tensor_group","group_size":16,"dynamic":"local"})"},
    {"MXFP4A16", float4_32, none},
    {"MXFP4", float4_32, R"({"num_bits":4,"type":"float","strategy":"group","group_size":32,"dynamic":true})"},
    {"MXFP8A16", float8_32, none},
    {"MXFP8", float8_32, R"({"num_bits":8,"type":"float","strategy":"group","group_size":32,"dynamic":true})"},
};

} // namespace

json with_presets_written_out(json config) {
    const auto groups = config.find("config_groups");
    if (groups == config.end() || !groups->is_object()) return config;
    for (auto& [name, group] : groups->items()) {
        if (!group.is_array()) continue;
        std::string wanted = name;
        std::ranges::transform(wanted, wanted.begin(), [](unsigned char c) { return char(std::toupper(c)); });
        const auto* preset = std::ranges::find(presets, wanted, &Preset::name);
        if (preset == std::end(presets))
            throw Error(ErrorKind::unsupported, "config_groups." + name +
                                                    " is a list, and its name is no scheme that this program knows; "
                                                    "write its weights and targets out");
        group = {{"targets", group},
                 {"weights", json::parse(preset->weights)},
                 {"input_activations", json::parse(preset->inputs)}};
    }
    return config;
}

} // namespace graticule
