#include "core/io/safetensors_checkpoint.h"

#include <algorithm>
#include <climits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/io/aside.h"
#include "core/io/hub_cache.h"
#include "core/io/json_file.h"
#include "core/io/safetensors.h"
#include "core/io/tokenizer.h"

namespace graticule {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::size_t max_config_bytes = std::size_t{16} << 20;
constexpr std::size_t max_index_bytes = std::size_t{64} << 20;

[[noreturn]] void fail(const fs::path& file, const std::string& what) {
    throw Error(ErrorKind::bad_input, file.string() + ": " + what);
}

class SafetensorsCheckpoint final : public Checkpoint {
public:
    SafetensorsCheckpoint(fs::path folder, std::vector<fs::path> files, std::string config)
        : folder_(std::move(folder))
        , files_(std::move(files))
        , config_(std::move(config)) {}

    void add_shard(std::shared_ptr<const SafetensorsFile> shard) {
        const std::string shard_name = shard->path().filename().string();
        for (const SafetensorsEntry& entry : shard->entries()) {
            const auto [place, fresh] = shard_of_.emplace(entry.name, shards_.size());
            if (!fresh)
                fail(shard->path(), "tensor \"" + entry.name + "\" is in " +
                                        shards_[place->second]->path().filename().string() +
                                        " too; each may be in one shard only");
            names_.push_back(entry.name);
        }
        shards_.push_back(std::move(shard));
    }

    /// The shards hold what they hold: an index that says otherwise is wrong, and transformers goes by the shards, too.
    void compare_with(const std::map<std::string, std::string>& weight_map, const fs::path& index) {
        std::vector<std::string> elsewhere, nowhere, unlisted;
        for (const auto& [name, shard_name] : weight_map) {
            const auto found = shard_of_.find(name);
            if (found == shard_of_.end())
                nowhere.push_back(name + " (" + shard_name + ")");
            else if (const std::string there = shards_[found->second]->path().filename().string(); there != shard_name)
                elsewhere.push_back(name + " (in " + there + ")");
        }
        for (const std::string& name : names_)
            if (!weight_map.contains(name)) unlisted.push_back(name);
        const auto warn = [&](const std::vector<std::string>& names, const std::string& what) {
            if (names.empty()) return;
            std::string text = index.filename().string() + ": " + std::to_string(names.size()) + what;
            for (std::size_t i = 0; i < std::min<std::size_t>(names.size(), 4); ++i)
                text += (i > 0 ? ", " : "") + names[i];
            warnings_.push_back(text + (names.size() > 4 ? " ..." : ""));
        };
        warn(elsewhere,
             " tensors are not in the shard where the index says they are; they are read from where they are: ");
        warn(nowhere, " tensors that the index lists are in no shard: ");
        warn(unlisted, " tensors of the shards are not in the index; they are read all the same: ");
    }
    void warn(std::string text) { warnings_.push_back(std::move(text)); }

    std::vector<std::string> tensor_names() const override { return names_; }
    bool contains(const std::string& name) const override { return shard_of_.contains(name); }
    HostTensor tensor(const std::string& name) const override {
        const auto found = shard_of_.find(name);
        if (found == shard_of_.end())
            fail(shards_.size() == 1 ? shards_.front()->path() : folder_,
                 "no tensor \"" + name + "\" in the checkpoint");
        return shards_[found->second]->tensor(name);
    }
    fs::path file_of(const std::string& name) const override {
        const auto found = shard_of_.find(name);
        return found == shard_of_.end() ? folder_ : shards_[found->second]->path();
    }
    const std::string& config_json() const override { return config_; }
    fs::path folder() const override { return folder_; }
    std::vector<fs::path> files() const override { return files_; }
    std::string container() const override {
        return shards_.size() == 1 ? "safetensors" : "safetensors, " + std::to_string(shards_.size()) + " shards";
    }
    std::shared_ptr<const Tokenizer> tokenizer() const override { return open_tokenizer(folder_); }
    std::vector<std::string> warnings() const override { return warnings_; }

private:
    fs::path folder_;
    std::vector<fs::path> files_;
    std::string config_;
    std::vector<std::shared_ptr<const SafetensorsFile>> shards_;
    std::unordered_map<std::string, std::size_t> shard_of_;
    std::vector<std::string> names_, warnings_;
};

std::string read_config(const fs::path& folder, const fs::path& weights) {
    const fs::path config = folder / "config.json";
    if (!fs::exists(config))
        fail(weights, "no config.json beside it; copy the model's config.json into " + folder.string());
    check_hub_link(config);
    std::string text = read_text_file(config, max_config_bytes);
    if (!parse_json(text, config.string(), {max_config_bytes}).is_object()) fail(config, "not a JSON object");
    return text;
}

/// A name from a file is used as a path below: it must not be able to lead anywhere else.
bool is_bare_file_name(const std::string& name) {
    return !name.empty() && name != "." && name != ".." &&
           name.find_first_of(std::string("/\\:\0", 4)) == std::string::npos;
}

std::map<std::string, std::string> read_weight_map(const fs::path& index) {
    const JsonDocument owner(read_json_file(index, {max_index_bytes}));
    const json& document = owner.value();
    if (!document.is_object() || !document.contains("weight_map") || !document["weight_map"].is_object())
        fail(index, "no \"weight_map\" object that says which shard each tensor is in");
    std::map<std::string, std::string> map;
    for (const auto& [name, file] : document["weight_map"].items()) {
        if (!file.is_string()) fail(index, "tensor \"" + name + "\": its shard is not a file name");
        const auto shard = file.get<std::string>();
        if (!is_bare_file_name(shard))
            fail(index, "tensor \"" + name + "\": \"" + shard + "\" is not a plain file name");
        if (shard.size() > NAME_MAX)
            fail(index, "tensor \"" + name + "\": its shard's name has " + std::to_string(shard.size()) +
                            " bytes, and at most " + std::to_string(NAME_MAX) + " are possible; the file is damaged");
        map.emplace(name, shard);
    }
    if (map.empty()) fail(index, "the weight map is empty");
    return map;
}

/// "model-00002-of-00003.safetensors" -> "model-", "-of-00003.safetensors": what the shards of one model share.
std::optional<std::pair<std::string, std::string>> shard_pattern(const std::string& name) {
    const auto of = name.rfind("-of-");
    if (of == std::string::npos || !name.ends_with(".safetensors")) return std::nullopt;
    std::size_t digits = of;
    while (digits > 0 && name[digits - 1] >= '0' && name[digits - 1] <= '9') --digits;
    if (digits == of) return std::nullopt;
    return std::pair(name.substr(0, digits), name.substr(of));
}

/// Shards that the index does not name, by their names; sorted.
std::vector<std::string> siblings(const fs::path& folder, const std::map<std::string, std::uint64_t>& named) {
    const auto pattern = shard_pattern(named.begin()->first);
    std::vector<std::string> found;
    if (!pattern) return found;
    for (const auto& entry : fs::directory_iterator(folder)) {
        std::string name = entry.path().filename().string();
        if (!named.contains(name) && shard_pattern(name) == pattern) found.push_back(std::move(name));
    }
    std::sort(found.begin(), found.end());
    return found;
}

} // namespace

std::shared_ptr<const Checkpoint> open_safetensors(const fs::path& file) {
    check_hub_link(file);
    auto shard = SafetensorsFile::open(file); // before the config: what is no safetensors file at all is said first
    const fs::path folder = folder_of(file);
    std::string config = read_config(folder, file);
    auto checkpoint =
        std::make_shared<SafetensorsCheckpoint>(folder, std::vector{folder / "config.json", file}, std::move(config));
    checkpoint->add_shard(std::move(shard));
    return checkpoint;
}

std::shared_ptr<const Checkpoint> open_safetensors_shards(const fs::path& index) {
    check_hub_link(index);
    const fs::path folder = folder_of(index);
    const auto weight_map = read_weight_map(index);
    std::map<std::string, std::uint64_t> tensors_in; // sorted: model-00001-of-... comes first
    for (const auto& [name, shard] : weight_map) ++tensors_in[shard];

    std::vector<fs::path> files = {folder / "config.json", index};
    for (const auto& [shard, count] : tensors_in) {
        if (!fs::exists(folder / shard))
            fail(index, "shard " + shard + " with " + std::to_string(count) +
                            " tensors is missing; the download is incomplete");
        files.push_back(folder / shard);
    }
    const std::vector<std::string> forgotten = siblings(folder, tensors_in);
    for (const std::string& shard : forgotten) files.push_back(folder / shard);
    auto checkpoint = std::make_shared<SafetensorsCheckpoint>(folder, files, read_config(folder, index));
    for (std::size_t i = 2; i < files.size(); ++i) {
        check_hub_link(files[i]);
        checkpoint->add_shard(SafetensorsFile::open(files[i]));
    }
    for (const std::string& shard : forgotten)
        checkpoint->warn(index.filename().string() + " does not name " + shard +
                         ", which by its name is a shard of this model; it is read, too");
    checkpoint->compare_with(weight_map, index);
    return checkpoint;
}

} // namespace graticule
