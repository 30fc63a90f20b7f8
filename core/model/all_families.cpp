#include <cctype>

#include "core/base/error.h"
#include "core/model/config_reader.h"
#include "core/model/families/families.h"

namespace graticule {

std::span<const ModelFamily> all_families() {
    static const std::vector<ModelFamily> rows = {
        opt_family(),     llama_family(),     gemma2_family(), gemma3_family(),   phi3_family(),   olmo2_family(),
        mixtral_family(), qwen3_moe_family(), gpt2_family(),   gpt_neox_family(), falcon_family(), bloom_family()};
    return rows;
}

namespace {

/// "LlamaForCausalLM" -> "llama": for old files that name the class only.
std::string type_of_architecture(std::string architecture) {
    for (const char* ending : {"ForCausalLM", "LMHeadModel"}) {
        const auto at = architecture.find(ending);
        if (at != std::string::npos) architecture.resize(at);
    }
    for (char& letter : architecture) letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
    return architecture;
}

} // namespace

const ModelFamily& family_of(const std::string& config_json) {
    const ConfigReader config(config_json);
    std::string type = config.text("model_type", "");
    const std::vector<std::string> architectures = config.texts("architectures");
    if (type.empty() && !architectures.empty()) type = type_of_architecture(architectures.front());
    std::string known;
    for (const ModelFamily& family : all_families()) {
        for (const std::string_view candidate : family.model_types) {
            if (type == candidate) return family;
            known += (known.empty() ? "" : ", ") + std::string(candidate);
        }
    }
    if (type.empty())
        throw Error(ErrorKind::bad_input, "names no architecture (\"model_type\" is missing); known: " + known);
    throw Error(ErrorKind::unsupported,
                "model_type \"" + type + "\"" +
                    (architectures.empty() ? "" : " (architecture \"" + architectures.front() + "\")") +
                    " is not known; known: " + known);
}

} // namespace graticule
