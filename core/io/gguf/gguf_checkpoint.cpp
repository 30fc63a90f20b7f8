#include "core/io/gguf/gguf_checkpoint.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
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
#include "core/io/gguf/gguf_row_order.h"
#include "core/io/gguf/gguf_tokenizer.h"
#include "core/io/hub_cache.h"
#include "core/io/tokenizer.h"

namespace graticule {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void bad(const fs::path& file, const std::string& what) {
    throw Error(ErrorKind::bad_input, file.string() + ": " + what);
}

/// Undoes what llama.cpp's converter did to q and k.
HostTensor with_half_split_rows(const HostTensor& tensor, std::uint64_t heads, const fs::path& file,
                                const std::string& name) {
    const auto rows = static_cast<std::uint64_t>(tensor.rows());
    if (heads == 0 || heads > rows / 2 || rows % (2 * heads) != 0)
        bad(file, "tensor \"" + name + "\" " + to_text(tensor.shape) + " does not divide into " +
                      std::to_string(heads) + " heads of an even size");
    return HostTensor::from_vector(rows_turned(tensor.bytes, tensor.rows(), static_cast<std::int64_t>(heads),
                                               static_cast<std::int64_t>(rows / heads / 2)),
                                   tensor.dtype, tensor.shape);
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

/// A matrix times one number that is stored beside it.
class ScaledMatrix final : public EncodedRows {
public:
    ScaledMatrix(HostTensor stored, float scale)
        : stored_(std::move(stored))
        , scale_(scale) {}
    void decode(std::int64_t first, std::int64_t count, float* out) const override {
        to_floats(stored_, first, count, out);
        for (std::int64_t i = 0; i < count * stored_.columns(); ++i) out[i] *= scale_;
    }

private:
    HostTensor stored_;
    float scale_;
};

HostTensor scaled(const HostTensor& stored, float scale) {
    return {DType::encoded, stored.shape, stored.owner, stored.bytes, std::make_shared<ScaledMatrix>(stored, scale)};
}

/// "blk.0.attn_q" of "blk.0.attn_q.scale" and of other writers' "blk.0.attn_q.weight.scale".
std::optional<std::string> stem_of_scale(std::string_view name) {
    constexpr std::string_view ending = ".scale";
    if (!name.ends_with(ending)) return std::nullopt;
    name.remove_suffix(ending.size());
    if (name.ends_with(".weight")) name.remove_suffix(std::string_view(".weight").size());
    return std::string(name);
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
                    *values->second = divisors(part, tensor);
                else if (tensor.name.ends_with(".input_scale"))
                    input_scales_.push_back(tensor.name);
                else if (const auto stem = stem_of_scale(tensor.name))
                    scales_.push_back({part, &tensor, *stem + ".weight"});
                else
                    add(part, tensor);
                if (tensor.name.ends_with(".bias")) // of one linear or of all: each is added where it is there
                    (tensor.name.find(".ffn_") != std::string::npos ? contents.has_mlp_bias
                                                                    : contents.has_attention_bias) = true;
            }
        set_scales();
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
        const HostTensor unscaled = as_named(place);
        return place.scale ? scaled(unscaled, *place.scale) : unscaled;
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
        std::optional<float> scale = std::nullopt; ///< that all of its values are multiplied with
    };
    struct Scale {
        std::size_t part = 0;
        const GgufTensor* tensor = nullptr;
        std::string of; ///< the tensor that it belongs to, as the file calls it
    };

    /// Before the scale.
    HostTensor as_named(const Place& place) const {
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

    /// Of rotary frequencies.
    std::vector<float> divisors(std::size_t part, const GgufTensor& tensor) const {
        std::vector<float> values = to_floats(parts_[part]->tensor(tensor));
        for (std::size_t i = 0; i < values.size(); ++i)
            if (!std::isfinite(values[i]) || values[i] <= 0)
                bad(parts_[part]->path(), "tensor \"" + tensor.name + "\": element " + std::to_string(i) + " is " +
                                              std::to_string(values[i]) +
                                              ", and rotary frequencies are divided by it: finite numbers above 0 are "
                                              "expected; convert the model again");
        return values;
    }

    /// What llama.cpp multiplies products with, NVFP4's above all, is part of the weight.
    void set_scales() {
        for (const Scale& scale : scales_) {
            const fs::path& file = parts_[scale.part]->path();
            const std::string what = "tensor \"" + scale.tensor->name + "\" " + to_text(scale.tensor->shape);
            if (element_count(scale.tensor->shape) != 1)
                throw Error(ErrorKind::unsupported,
                            file.string() + ": " + what + " scales parts of a matrix apart, which is not done");
            const auto mapping = map_gguf_name(architecture_, scale.of);
            const auto place = mapping ? places_.find(mapping->name) : places_.end();
            if (place == places_.end()) bad(file, what + " belongs to \"" + scale.of + "\", which is not there");
            const HostTensor stored = parts_[scale.part]->tensor(*scale.tensor);
            if (place->second.scale) bad(file, what + ": \"" + scale.of + "\" has two scales");
            if (!stored.holds_numbers()) bad(file, what + " holds no floating-point number");
            place->second.scale = to_floats(stored).front();
            if (!std::isfinite(*place->second.scale)) bad(file, what + " is not finite (NaN or infinity)");
        }
        if (!input_scales_.empty())
            warnings_.push_back(std::to_string(input_scales_.size()) + " scales for quantized inputs (\"" +
                                input_scales_.front() +
                                "\") are not used: inputs are rounded where a recipe says so alone");
    }

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
    std::vector<std::string> names_, warnings_, input_scales_;
    std::vector<Scale> scales_;
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
