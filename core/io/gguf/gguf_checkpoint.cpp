#include "core/io/gguf/gguf_checkpoint.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/io/gguf/gguf_architecture.h"
#include "core/io/gguf/gguf_file.h"
#include "core/io/gguf/gguf_tokenizer.h"
#include "core/io/hub_cache.h"
#include "core/io/tokenizer.h"

namespace graticule {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void bad(const fs::path& file, const std::string& what) {
    throw Error(ErrorKind::bad_input, file.string() + ": " + what);
}

/// llama.cpp's converter turns the rows of each head, (2, d/2) for a half-split rotation, into (d/2, 2). This turns
/// them back: row (t, j) of a head is the file's row (j, t). Whole rows move, so it works on every block format as it
/// is stored.
HostTensor with_half_split_rows(const HostTensor& tensor, std::uint64_t heads, const fs::path& file,
                                const std::string& name) {
    const auto rows = static_cast<std::uint64_t>(tensor.rows());
    if (heads == 0 || heads > rows / 2 || rows % (2 * heads) != 0)
        bad(file, "tensor \"" + name + "\" " + to_text(tensor.shape) + " does not divide into " +
                      std::to_string(heads) + " heads of an even size");
    const std::size_t row_bytes = tensor.bytes.size() / rows;
    const std::uint64_t half = rows / heads / 2;
    auto bytes = std::make_shared<std::vector<std::byte>>(tensor.bytes.size());
    for (std::uint64_t head = 0; head < heads; ++head)
        for (std::uint64_t t = 0; t < 2; ++t)
            for (std::uint64_t j = 0; j < half; ++j)
                std::memcpy(bytes->data() + (head * 2 * half + t * half + j) * row_bytes,
                            tensor.bytes.data() + (head * 2 * half + j * 2 + t) * row_bytes, row_bytes);
    return {tensor.dtype, tensor.shape, bytes, std::span<const std::byte>(*bytes)};
}

HostTensor minus_one(const HostTensor& tensor) {
    std::vector<float> values = to_floats(tensor);
    for (float& value : values) value -= 1.0f;
    return HostTensor::from_floats(std::move(values), tensor.shape);
}

HostTensor transposed(const HostTensor& tensor, const fs::path& file, const std::string& name) {
    if (tensor.shape.size() != 2) bad(file, "tensor \"" + name + "\" " + to_text(tensor.shape) + " is not a matrix");
    const auto rows = static_cast<std::size_t>(tensor.shape[0]), columns = static_cast<std::size_t>(tensor.shape[1]);
    const std::vector<float> values = to_floats(tensor); // blocks run along the rows: they cannot be turned as they are
    std::vector<float> turned(values.size());
    for (std::size_t row = 0; row < rows; ++row)
        for (std::size_t column = 0; column < columns; ++column)
            turned[column * rows + row] = values[row * columns + column];
    return HostTensor::from_floats(std::move(turned), {tensor.shape[1], tensor.shape[0]});
}

class GgufCheckpoint final : public Checkpoint {
public:
    explicit GgufCheckpoint(std::vector<std::shared_ptr<const GgufFile>> parts)
        : parts_(std::move(parts))
        , architecture_(gguf_architecture(*parts_.front())) {
        GgufContents contents;
        const std::pair<std::string_view, std::vector<float>*> rotary[] = {
            {"rope_freqs.weight", &contents.rope_divisors},
            {"rope_factors_short.weight", &contents.short_factors},
            {"rope_factors_long.weight", &contents.long_factors}};
        for (std::size_t part = 0; part < parts_.size(); ++part)
            for (const GgufTensor& tensor : parts_[part]->tensors()) {
                const auto values = std::ranges::find(rotary, tensor.name, [](const auto& row) { return row.first; });
                if (values != std::end(rotary))
                    *values->second = to_floats(parts_[part]->tensor(tensor));
                else
                    add(part, tensor);
                contents.has_attention_bias = contents.has_attention_bias || tensor.name.ends_with("attn_q.bias");
                contents.has_mlp_bias = contents.has_mlp_bias || tensor.name.ends_with("ffn_up.bias");
            }
        contents.has_head = contains("lm_head.weight");
        contents.embedding = find_in_parts("token_embd.weight");
        config_ = gguf_config_json(*parts_.front(), architecture_, contents, warnings_);
        const std::string prefix = std::string(architecture_.name) + ".attention.head_count";
        const auto heads = parts_.front()->metadata().wholes(prefix),
                   key_heads = parts_.front()->metadata().wholes(prefix + "_kv");
        heads_ = heads && !heads->empty() ? static_cast<std::uint64_t>(heads->front()) : 0;
        key_heads_ = key_heads && !key_heads->empty() ? static_cast<std::uint64_t>(key_heads->front()) : heads_;
    }

    std::vector<std::string> tensor_names() const override { return names_; }
    bool contains(const std::string& name) const override { return places_.contains(name); }

    HostTensor tensor(const std::string& name) const override {
        const Place& place = place_of(name);
        const GgufFile& part = *parts_[place.part];
        const HostTensor stored = part.tensor(*place.tensor);
        switch (place.change) {
        case GgufChange::none:
            return stored;
        case GgufChange::query_rows:
            return with_half_split_rows(stored, heads_, part.path(), place.tensor->name);
        case GgufChange::key_rows:
            return with_half_split_rows(stored, key_heads_, part.path(), place.tensor->name);
        case GgufChange::plus_one:
            return minus_one(stored);
        case GgufChange::transposed:
            return transposed(stored, part.path(), place.tensor->name);
        }
        return stored;
    }

    std::int64_t stored_bytes(const std::string& name) const override {
        const Place& place = place_of(name);
        return static_cast<std::int64_t>(parts_[place.part]->tensor(*place.tensor).bytes.size());
    }
    fs::path file_of(const std::string& name) const override {
        const auto found = places_.find(name);
        return parts_[found == places_.end() ? 0 : found->second.part]->path();
    }
    std::optional<StoredQuantization> stored_quantization() const override {
        std::set<std::string_view> formats;
        for (const auto& [name, place] : places_)
            if (const DTypeRow& row = row_of(parts_[place.part]->tensor(*place.tensor).dtype); row.block_elements > 1)
                formats.insert(row.name);
        if (formats.empty()) return std::nullopt;
        std::string text = "GGUF";
        for (const std::string_view format : formats) text.append(text == "GGUF" ? " " : ", ").append(format);
        return StoredQuantization{std::move(text), false, {}};
    }

    const std::string& config_json() const override { return config_; }
    std::vector<std::string> warnings() const override { return warnings_; }
    fs::path folder() const override {
        const fs::path& file = parts_.front()->path();
        return file.has_parent_path() ? file.parent_path() : fs::path(".");
    }
    std::vector<fs::path> files() const override {
        std::vector<fs::path> all;
        for (const auto& part : parts_) all.push_back(part->path());
        return all;
    }
    std::string container() const override {
        const std::string version = "GGUF v" + std::to_string(parts_.front()->version());
        return parts_.size() == 1 ? version : version + ", " + std::to_string(parts_.size()) + " parts";
    }
    std::shared_ptr<const Tokenizer> tokenizer() const override { return gguf_tokenizer(*parts_.front()); }

private:
    struct Place {
        std::size_t part = 0;
        const GgufTensor* tensor = nullptr;
        GgufChange change = GgufChange::none;
    };

    /// The one look-up of names that a model asks for: a file need not have them.
    const Place& place_of(const std::string& name) const {
        const auto found = places_.find(name);
        if (found == places_.end()) bad(parts_.front()->path(), "no tensor for \"" + name + "\" in the file");
        return found->second;
    }

    void add(std::size_t part, const GgufTensor& tensor) {
        auto mapping = map_gguf_name(architecture_, tensor.name);
        if (!mapping) {
            // A tensor that is left out silently would be a different model.
            throw Error(ErrorKind::unsupported, parts_[part]->path().string() + ": tensor \"" + tensor.name +
                                                    "\" is not part of the \"" + std::string(architecture_.name) +
                                                    "\" models this program knows");
        }
        if (!places_.emplace(mapping->name, Place{part, &tensor, mapping->change}).second)
            bad(parts_[part]->path(), "tensor \"" + tensor.name + "\" is in another part too");
        names_.push_back(std::move(mapping->name));
    }

    const GgufTensor* find_in_parts(const std::string& name) const {
        for (const auto& part : parts_)
            if (const GgufTensor* tensor = part->find(name)) return tensor;
        return nullptr;
    }

    std::vector<std::shared_ptr<const GgufFile>> parts_;
    const GgufArchitecture& architecture_;
    std::string config_;
    std::vector<std::string> names_, warnings_;
    std::unordered_map<std::string, Place> places_;
    std::uint64_t heads_ = 0, key_heads_ = 0;
};

std::optional<int> five_digits(std::string_view text) {
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.size() != 5 || error != std::errc() || end != text.data() + text.size() || value < 1) return std::nullopt;
    return value;
}

std::vector<std::shared_ptr<const GgufFile>> open_parts(const fs::path& file, const GgufPartName& name) {
    std::vector<std::shared_ptr<const GgufFile>> parts;
    for (int number = 1; number <= name.count; ++number) {
        std::array<char, 32> suffix{};
        std::snprintf(suffix.data(), suffix.size(), "-%05d-of-%05d.gguf", number, name.count);
        const fs::path path = file.parent_path() / (name.stem + suffix.data());
        if (!fs::exists(path))
            bad(file, "part " + path.filename().string() + " is missing beside it; the download is incomplete");
        check_hub_link(path);
        parts.push_back(GgufFile::open(path));
        const GgufMetadata& metadata = parts.back()->metadata();
        const auto count = metadata.whole("split.count"), index = metadata.whole("split.no");
        if (count.value_or(0) != static_cast<std::uint64_t>(name.count) ||
            index.value_or(~0u) != static_cast<std::uint64_t>(number - 1))
            bad(path, "its name says part " + std::to_string(number) + " of " + std::to_string(name.count) +
                          ", its metadata (split.no, split.count) something else");
    }
    std::uint64_t tensors = 0;
    for (const auto& part : parts) tensors += part->tensors().size();
    if (const auto all = parts.front()->metadata().whole("split.tensors.count"); all && *all != tensors)
        bad(file,
            "the parts hold " + std::to_string(tensors) + " tensors, split.tensors.count says " + std::to_string(*all));
    return parts;
}

} // namespace

GgufPartName gguf_part_name(const fs::path& file) {
    const std::string name = file.filename().string();
    constexpr std::size_t tail = std::string_view("-00001-of-00003.gguf").size();
    if (name.size() <= tail) return {};
    const std::string_view end = std::string_view(name).substr(name.size() - tail);
    const auto number = five_digits(end.substr(1, 5)), count = five_digits(end.substr(10, 5));
    if (end[0] != '-' || end.substr(6, 4) != "-of-" || end.substr(15) != ".gguf" || !number || !count ||
        *number > *count)
        return {};
    return {name.substr(0, name.size() - tail), *number, *count};
}

std::shared_ptr<const Checkpoint> make_gguf_checkpoint(std::vector<std::shared_ptr<const GgufFile>> parts) {
    GRATICULE_ASSERT(!parts.empty(), "a checkpoint without files");
    return std::make_shared<GgufCheckpoint>(std::move(parts));
}

std::shared_ptr<const Checkpoint> open_gguf(const fs::path& file) {
    check_hub_link(file);
    auto first = GgufFile::open(file);
    if (first->metadata().whole("split.count").value_or(1) <= 1) return make_gguf_checkpoint({std::move(first)});
    const GgufPartName name = gguf_part_name(file);
    if (name.count <= 1)
        bad(file, "it is a part of a split model, but its name does not end like -00001-of-00003.gguf, so the others "
                  "cannot be found");
    return make_gguf_checkpoint(open_parts(file, name));
}

} // namespace graticule
