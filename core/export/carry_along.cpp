#include "core/export/carry_along.h"

#include "core/io/mapped_file.h"
#include "core/io/output_file.h"

namespace graticule {

std::vector<std::string> carry_along(const std::filesystem::path& model_folder, const std::filesystem::path& folder) {
    static constexpr const char* names[] = {"tokenizer.json",
                                            "tokenizer_config.json",
                                            "special_tokens_map.json",
                                            "added_tokens.json",
                                            "tokenizer.model",
                                            "vocab.json",
                                            "merges.txt",
                                            "vocab.txt",
                                            "generation_config.json",
                                            "chat_template.jinja",
                                            "chat_template.json",
                                            "LICENSE",
                                            "LICENSE.txt",
                                            "LICENSE.md",
                                            "USE_POLICY.md",
                                            "NOTICE"};
    std::vector<std::string> copied;
    for (const char* name : names) {
        const std::filesystem::path from = model_folder / name;
        if (!std::filesystem::is_regular_file(from)) continue; // follows the hub cache's links
        if (std::filesystem::file_size(from) == 0)
            atomic_write_file(folder / name, std::string_view());
        else
            atomic_write_file(folder / name, MappedFile::open(from)->bytes());
        copied.emplace_back(name);
    }
    return copied;
}

bool has_tokenizer_files(const std::filesystem::path& model_folder) {
    for (const char* name : {"tokenizer.json", "tokenizer.model", "vocab.json"})
        if (std::filesystem::is_regular_file(model_folder / name)) return true;
    return false;
}

} // namespace graticule
