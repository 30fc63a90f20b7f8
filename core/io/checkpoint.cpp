#include "core/io/checkpoint.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string_view>

#include "core/base/error.h"
#include "core/io/gguf/gguf_checkpoint.h"
#include "core/io/hub_cache.h"
#include "core/io/mapped_file.h"
#include "core/io/safetensors_checkpoint.h"

namespace graticule {
namespace {

namespace fs = std::filesystem;

constexpr const char* how_to_convert =
    "PyTorch's pickle format can run code and is not read; convert it with transformers: "
    "AutoModelForCausalLM.from_pretrained(FOLDER).save_pretrained(NEW_FOLDER, safe_serialization=True)";

bool starts_with(const MappedFile& file, std::string_view magic) {
    return file.bytes().size() >= magic.size() && std::memcmp(file.bytes().data(), magic.data(), magic.size()) == 0;
}

std::vector<fs::path> files_ending_with(const fs::path& folder, std::string_view suffix) {
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(folder))
        if (entry.path().filename().string().ends_with(suffix)) found.push_back(entry.path());
    std::sort(found.begin(), found.end());
    return found;
}

std::string listed(const std::vector<fs::path>& files) {
    std::string text;
    for (const fs::path& file : files) text += (text.empty() ? "" : ", ") + file.filename().string();
    return text;
}

/// The one GGUF model of a folder: a single file or the first part of a split one.
std::optional<fs::path> only_gguf(const fs::path& folder) {
    std::vector<fs::path> models;
    for (const fs::path& file : files_ending_with(folder, ".gguf"))
        if (gguf_part_name(file).number == 1) models.push_back(file);
    if (models.empty()) return std::nullopt;
    if (models.size() > 1)
        throw Error(ErrorKind::bad_input,
                    folder.string() + " has several GGUF files (" + listed(models) + "); open one of them");
    return models.front();
}

std::shared_ptr<const Checkpoint> open_file(const fs::path& path) {
    const std::string name = path.filename().string();
    if (name.ends_with(".safetensors.index.json")) return open_safetensors_shards(path);
    check_hub_link(path);
    {
        const auto file = MappedFile::open(path);
        if (starts_with(*file, "GGUF")) return open_gguf(path);
        // A zip archive or a bare pickle: what torch.save writes, under whatever name.
        if (starts_with(*file, "PK\x03\x04") || starts_with(*file, "\x80\x02") || name.ends_with(".bin"))
            throw Error(ErrorKind::unsupported, path.string() + ": " + how_to_convert);
        if (name.ends_with(".gguf"))
            throw Error(ErrorKind::bad_input, path.string() + ": not a GGUF file: its " +
                                                  std::to_string(file->bytes().size()) +
                                                  " bytes do not begin with \"GGUF\"; the download is incomplete or "
                                                  "damaged, repeat it");
    }
    return open_safetensors(path);
}

std::shared_ptr<const Checkpoint> open_folder(const fs::path& folder) {
    if (fs::exists(folder / "model.safetensors")) return open_safetensors(folder / "model.safetensors");
    if (fs::exists(folder / "model.safetensors.index.json"))
        return open_safetensors_shards(folder / "model.safetensors.index.json");
    if (const auto indices = files_ending_with(folder, ".safetensors.index.json"); indices.size() == 1)
        return open_safetensors_shards(indices.front());
    // Without a config.json a .safetensors is no model: beside a GGUF it holds something else.
    if (!fs::exists(folder / "config.json"))
        if (const auto file = only_gguf(folder)) return open_gguf(*file);
    const auto weights = files_ending_with(folder, ".safetensors");
    if (weights.size() == 1) return open_safetensors(weights.front());
    if (weights.size() > 1)
        throw Error(ErrorKind::bad_input, folder.string() +
                                              " has several weight files and no index that ties them together (" +
                                              listed(weights) + "); open one of them");
    if (const auto file = only_gguf(folder)) return open_gguf(*file);
    const auto pickles = files_ending_with(folder, ".bin");
    const bool pickled = std::any_of(pickles.begin(), pickles.end(), [](const fs::path& file) {
        return file.filename().string().starts_with("pytorch_model");
    });
    if (pickled)
        throw Error(ErrorKind::unsupported, folder.string() + " has only " + listed(pickles) + ": " + how_to_convert);
    if (fs::exists(folder / "config.json"))
        throw Error(ErrorKind::bad_input, folder.string() +
                                              " has a config.json but no weights (model.safetensors, its index, or a "
                                              ".gguf); the download is incomplete, repeat it");
    if (fs::exists(folder / "model" /
                   "config.json")) // what "run" leaves: reports, and the model in a folder of its own
        throw Error(ErrorKind::bad_input,
                    folder.string() + " holds no model itself; open " + (folder / "model").string());
    throw Error(ErrorKind::bad_input,
                folder.string() +
                    " holds no model: neither model.safetensors nor model.safetensors.index.json nor a .gguf file");
}

} // namespace

std::shared_ptr<const Checkpoint> open_checkpoint(const fs::path& path) {
    std::error_code missing;
    const fs::file_status status = fs::status(path, missing);
    if (status.type() == fs::file_type::none) // it may be there: a closed folder, links that lead to each other
        throw Error(ErrorKind::bad_input, path.string() + ": cannot be opened: " + missing.message());
    if (fs::is_directory(status)) return open_folder(is_hub_repo_folder(path) ? hub_snapshot(path) : path);
    if (fs::exists(status)) return path.filename() == "config.json" ? open_folder(path.parent_path()) : open_file(path);
    if (is_repo_id(path.string())) {
        if (const auto repo = find_in_hub_cache(path.string())) return open_folder(hub_snapshot(*repo));
        throw Error(ErrorKind::bad_input, path.string() +
                                              ": no such file or folder, and no such model in the Hugging Face cache " +
                                              hub_cache_folder().string());
    }
    for (fs::path above = path.parent_path(); above.has_relative_path(); above = above.parent_path())
        if (fs::is_regular_file(above, missing))
            throw Error(ErrorKind::bad_input, path.string() + ": " + above.string() + " is a file, not a folder");
    throw Error(ErrorKind::bad_input, path.string() + ": no such file or folder");
}

} // namespace graticule
