#include "core/export/carry_along.h"

#include <nlohmann/json.hpp>

#include "core/io/checkpoint.h"
#include "core/io/mapped_file.h"
#include "core/io/output_file.h"

namespace graticule {

std::vector<std::string> companion_files(const std::filesystem::path& model_folder) {
    static constexpr const char* names[] = {"tokenizer.json",
                                            "tokenizer_config.json",
                                            "special_tokens_map.json",
                                            "added_tokens.json",
                                            "tokenizer.model",
                                            "vocab.json",
                                            "merges.txt",
                                            "vocab.txt",
                                            "generation_config.json",
                                            "preprocessor_config.json",
                                            "processor_config.json",
                                            "video_preprocessor_config.json",
                                            "chat_template.jinja",
                                            "chat_template.json",
                                            "LICENSE",
                                            "LICENSE.txt",
                                            "LICENSE.md",
                                            "USE_POLICY.md",
                                            "NOTICE"};
    std::vector<std::string> there;
    std::error_code unknown;
    for (const char* name : names)
        if (std::filesystem::is_regular_file(model_folder / name, unknown)) there.emplace_back(name); // follows links
    return there;
}

namespace {

void copy_file(const std::string& name, const std::filesystem::path& from, const std::filesystem::path& to) {
    atomic_write_file(to / name, MappedFile::open(from / name)->bytes());
}

} // namespace

std::vector<std::string> carry_along(const std::filesystem::path& model_folder, const std::filesystem::path& folder) {
    std::vector<std::string> names = companion_files(model_folder);
    for (const std::string& name : names) copy_file(name, model_folder, folder);
    return names;
}

void carry_licences(const std::filesystem::path& model_folder, const std::filesystem::path& folder) {
    for (const std::string& name : companion_files(model_folder))
        if (name.starts_with("LICENSE") || name == "USE_POLICY.md" || name == "NOTICE")
            copy_file(name, model_folder, folder);
}

bool has_tokenizer_files(const std::filesystem::path& model_folder) {
    for (const char* name : {"tokenizer.json", "tokenizer.model", "vocab.json"})
        if (std::filesystem::is_regular_file(model_folder / name)) return true;
    return false;
}

void check_config_for_others(const Model& model, Diagnostics& found) {
    if (!model.parts().checkpoint) return;
    const auto refuse = [&](const std::string& what) {
        found.add(Severity::error, "",
                  what +
                      ", for which config.json has no key that other programs know; use the exporter gguf or packed");
    };
    if (!model.config().rope.frequency_divisors.empty())
        refuse("rotary angles are divided by numbers of the GGUF file (rope_freqs)");
    if (nlohmann::json::parse(model.parts().checkpoint->config_json()).contains("rotary_dimensions"))
        refuse("a part of each head turns (rope.dimension_count of the GGUF file)");
}

void check_model_folder(const Model& model, Diagnostics& found, std::string_view consequence) {
    if (!model.parts().checkpoint)
        found.add(Severity::error, "", "the model has no checkpoint to take the other tensors from");
    else if (!has_tokenizer_files(model.parts().checkpoint->folder()))
        found.add(Severity::warning, "",
                  "no tokenizer files lie beside the model, so none are carried along" + std::string(consequence));
}

} // namespace graticule
