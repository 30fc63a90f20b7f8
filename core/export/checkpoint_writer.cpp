#include "core/export/checkpoint_writer.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <set>
#include <system_error>

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/export/carry_along.h"
#include "core/export/ct_config.h"
#include "core/export/other_parts.h"
#include "core/export/stored_weights.h"
#include "core/io/aside.h"
#include "core/io/checkpoint.h"
#include "core/io/output_file.h"
#include "core/io/spill_file.h"
#include "core/report/json_results.h"

namespace graticule {
namespace {

using nlohmann::json;

/// Buffers that old checkpoints carry and clients compute themselves.
bool is_buffer(const std::string& name) {
    return name.ends_with(".rotary_emb.inv_freq") || name.ends_with(".attn.masked_bias") ||
           name.ends_with(".attention.masked_bias");
}

/// What is written together and never split over two files.
struct Unit {
    std::vector<SafetensorsSpec> specs;
    std::function<std::vector<HostTensor>()> make; ///< in the order of `specs`; called when its turn comes
    std::uint64_t bytes = 0;
};

Unit make_unit(std::vector<SafetensorsSpec> specs, std::function<std::vector<HostTensor>()> make) {
    Unit unit{std::move(specs), std::move(make), 0};
    for (const SafetensorsSpec& spec : unit.specs) unit.bytes += tensor_bytes(spec);
    return unit;
}

/// A tensor in a type that safetensors has; GGUF's blocks are decoded.
Unit plain_unit(const std::string& name, const HostTensor& tensor) {
    const bool decode = row_of(tensor.dtype).safetensors_name.empty();
    return make_unit({{name, decode ? DType::f32 : tensor.dtype, tensor.shape}},
                     [tensor, decode]() -> std::vector<HostTensor> {
                         return {decode ? HostTensor::from_floats(to_floats(tensor), tensor.shape) : tensor};
                     });
}

/// Greedy in order, as transformers does it, so that what comes later moves no unit before it. Returns the first unit
/// of every file.
std::vector<std::size_t> plan_shards(const std::vector<Unit>& units, std::uint64_t limit) {
    std::vector<std::size_t> starts{0};
    std::uint64_t bytes = 0;
    for (std::size_t i = 0; i < units.size(); ++i) {
        if (bytes > 0 && bytes + units[i].bytes > limit) {
            starts.push_back(i);
            bytes = 0;
        }
        bytes += units[i].bytes;
    }
    return starts;
}

std::string shard_name(const std::string& stem, std::size_t index, std::size_t count) {
    if (count == 1) return stem + ".safetensors";
    char number[64];
    std::snprintf(number, sizeof number, "-%05zu-of-%05zu.safetensors", index + 1, count);
    return stem + number;
}

std::map<std::string, std::string> file_metadata(const QuantizedModel& model, const FolderLayout& layout) {
    std::map<std::string, std::string> all = layout.header;
    all.insert({{"format", "pt"}, {"graticule", to_json(model.provenance).dump()}});
    return all;
}

/// The model's own config.json with this "quantization_config".
void write_config(const QuantizedModel& model, nlohmann::ordered_json quantization,
                  const std::filesystem::path& folder) {
    auto config = nlohmann::ordered_json::parse(model.base->parts().checkpoint->config_json());
    config.erase("quantization_config");
    if (!quantization.is_null()) {
        quantization["graticule"] = {{"recipe", summary_line(model.recipe)},
                                     {"recipe_hash", model.provenance.recipe_hash},
                                     {"model_hash", model.provenance.model_hash},
                                     {"version", GRATICULE_VERSION}};
        config["quantization_config"] = std::move(quantization);
    }
    // A head of its own is in the file: clients that go by this field would put the embedding in its place.
    if (model.base->parts().head || model.head_untied) {
        config["tie_word_embeddings"] = false;
        if (const auto part = config.find("text_config"); part != config.end() && part->is_object())
            (*part)["tie_word_embeddings"] = false;
    }
    atomic_write_file(folder / "config.json", config.dump(2) + "\n");
}

/// One linear's tensors as a checkpoint, for the reader of the folder.
class UnitCheckpoint final : public Checkpoint {
public:
    UnitCheckpoint(const std::vector<SafetensorsSpec>& specs, std::vector<HostTensor> tensors,
                   const std::string& quantization_config, std::filesystem::path folder)
        : config_("{\"quantization_config\": " + quantization_config + "}")
        , folder_(std::move(folder)) {
        for (std::size_t i = 0; i < specs.size(); ++i) {
            names_.push_back(specs[i].name);
            tensors_.emplace(specs[i].name, std::move(tensors[i]));
        }
    }
    [[nodiscard]] std::vector<std::string> tensor_names() const override { return names_; }
    [[nodiscard]] bool contains(const std::string& name) const override { return tensors_.contains(name); }
    [[nodiscard]] HostTensor tensor(const std::string& name) const override { return tensors_.at(name); }
    [[nodiscard]] const std::string& config_json() const override { return config_; }
    [[nodiscard]] std::filesystem::path folder() const override { return folder_; }
    [[nodiscard]] std::vector<std::filesystem::path> files() const override { return {}; }
    [[nodiscard]] std::string container() const override { return "one linear"; }
    [[nodiscard]] std::shared_ptr<const Tokenizer> tokenizer() const override { return nullptr; }

private:
    std::string config_;
    std::filesystem::path folder_;
    std::vector<std::string> names_;
    std::map<std::string, HostTensor> tensors_;
};

void write(SafetensorsWriter& file, const Unit& unit, const std::vector<HostTensor>& tensors) {
    for (std::size_t i = 0; i < tensors.size(); ++i) file.write(unit.specs[i].name, tensors[i]);
}

void rename_or_throw(const std::filesystem::path& from, const std::filesystem::path& to) {
    std::error_code failed;
    std::filesystem::rename(from, to, failed);
    if (failed) throw_write_failure(to, "renaming into place", failed.value(), 0);
}

/// Of what a unit's tensors hold, to find it again in the files.
std::string digest_of(const std::vector<HostTensor>& tensors) {
    Sha256 hash;
    for (const HostTensor& tensor : tensors) hash.update(tensor.bytes);
    return hash.hex();
}

class FolderWriter final : public ModelWriter {
public:
    FolderWriter(const QuantizedModel& heading, FolderLayout layout, std::filesystem::path folder,
                 const ExportOptions& options);
    HostTensor take(const QuantizedLinear& linear) override;
    void finish(const QuantizedModel& model, JobContext& ctx) override;

private:
    void check(const Unit& unit, const std::vector<HostTensor>& tensors) const;
    [[nodiscard]] std::vector<SafetensorsSpec> specs_of(std::size_t shard) const;
    [[nodiscard]] std::filesystem::path early_name(std::size_t shard) const;
    void add_other_tensors(const QuantizedModel& model);
    void write_index() const;
    void check_linears(JobContext& ctx) const;
    [[nodiscard]] std::size_t end_of(std::size_t shard) const {
        return shard + 1 < starts_.size() ? starts_[shard + 1] : units_.size();
    }
    [[nodiscard]] std::filesystem::path file_of(std::size_t shard) const {
        return folder_ / shard_name(layout_.stem, shard, starts_.size());
    }

    std::shared_ptr<const Model> base_;
    FolderLayout layout_;
    std::filesystem::path folder_;
    std::uint64_t shard_bytes_ = 0;
    std::map<std::string, std::string> metadata_;
    std::vector<Unit> units_; ///< the linears', until finish() adds the others
    std::vector<std::function<std::vector<HostTensor>(const QuantizedLinear&)>> makers_; ///< of the linears' units
    std::vector<std::string> digests_;                                                   ///< likewise; empty: not taken
    std::map<LayerId, std::size_t> unit_of_;
    std::vector<std::size_t> starts_; ///< the first unit of every shard
    /// Shards of nothing but linears, which are written as these come. Their number in the name is known at the end.
    std::vector<std::unique_ptr<SafetensorsWriter>> early_;
    SpillFile waiting_; ///< tensors of the shard after these
};

FolderWriter::FolderWriter(const QuantizedModel& heading, FolderLayout layout, std::filesystem::path folder,
                           const ExportOptions& options)
    : base_(heading.base)
    , layout_(std::move(layout))
    , folder_(std::move(folder))
    , shard_bytes_(static_cast<std::uint64_t>(options.shard_bytes))
    , metadata_(file_metadata(heading, layout_))
    , waiting_(options.held_bytes) {
    std::uint64_t bytes = 0;
    for (const Linear& shape : base_->linears())
        if (auto linear = layout_.unit_of(shape)) {
            unit_of_.emplace(shape.id, units_.size());
            units_.push_back(make_unit(std::move(linear->specs), nullptr));
            makers_.push_back(std::move(linear->make));
            bytes += units_.back().bytes;
        }
    digests_.resize(units_.size());
    starts_ = plan_shards(units_, shard_bytes_);
    early_.resize(starts_.size() - 1); // what else is in the last one depends on what folding changes
    std::error_code unknown;
    const auto space = std::filesystem::space(folder_, unknown);
    if (!unknown && space.available < bytes) throw_write_failure(folder_, "writing", ENOSPC, bytes);
}

HostTensor FolderWriter::take(const QuantizedLinear& linear) {
    const std::size_t place = unit_of_.at(linear.layer);
    Unit& unit = units_[place];
    GRATICULE_ASSERT(digests_[place].empty(), "a linear that is handed over twice");
    std::vector<HostTensor> tensors = makers_[place](linear);
    check(unit, tensors);
    digests_[place] = digest_of(tensors);
    const auto shard = static_cast<std::size_t>(std::ranges::upper_bound(starts_, place) - starts_.begin()) - 1;
    if (shard < early_.size()) {
        auto& file = early_[shard];
        if (!file) file = std::make_unique<SafetensorsWriter>(early_name(shard), specs_of(shard), metadata_);
        write(*file, unit, tensors);
    } else {
        for (HostTensor& tensor : tensors) tensor = waiting_.keep(std::move(tensor));
        unit.make = [tensors] { return tensors; };
    }
    const std::string name = client_name(*base_, base_->linear(linear.layer).name) + ".weight";
    auto alone =
        std::make_shared<const UnitCheckpoint>(unit.specs, std::move(tensors), layout_.quantization_config, folder_);
    const auto decoded = layout_.decode ? layout_.decode(alone) : decode_stored_weights(alone);
    return decoded->tensor(name);
}

void FolderWriter::finish(const QuantizedModel& model, JobContext& ctx) {
    const std::size_t linears = units_.size();
    add_other_tensors(model);
    starts_ = plan_shards(units_, shard_bytes_);
    metadata_ = file_metadata(model, layout_);
    ctx.progress.begin("Writing", std::ssize(units_) - static_cast<std::int64_t>(starts_[early_.size()]));
    for (std::size_t shard = 0; shard < starts_.size(); ++shard) {
        if (shard < early_.size()) {
            GRATICULE_ASSERT(early_[shard], "a shard of which no linear came");
            early_[shard]->set_metadata(metadata_);
            early_[shard]->finish();
            rename_or_throw(early_name(shard), file_of(shard));
            continue;
        }
        SafetensorsWriter file(file_of(shard), specs_of(shard), metadata_);
        for (std::size_t i = starts_[shard]; i < end_of(shard); ++i) {
            GRATICULE_ASSERT(units_[i].make, "a linear that did not come");
            const std::vector<HostTensor> tensors = units_[i].make();
            if (i >= linears) check(units_[i], tensors);
            write(file, units_[i], tensors);
            ctx.advance();
        }
        file.finish();
    }
    if (starts_.size() > 1) write_index();
    write_config(model, nlohmann::ordered_json::parse(layout_.quantization_config), folder_);
    for (const auto& [name, text] : layout_.files) atomic_write_file(folder_ / name, text);
    carry_along(base_->parts().checkpoint->folder(), folder_);
    check_linears(ctx);
}

void FolderWriter::check(const Unit& unit, const std::vector<HostTensor>& tensors) const {
    GRATICULE_ASSERT(tensors.size() == unit.specs.size(), "planned and made tensors differ");
    for (std::size_t i = 0; i < tensors.size(); ++i) refuse_what_is_not_finite(*base_, unit.specs[i].name, tensors[i]);
}

std::vector<SafetensorsSpec> FolderWriter::specs_of(std::size_t shard) const {
    std::vector<SafetensorsSpec> specs;
    for (std::size_t i = starts_[shard]; i < end_of(shard); ++i)
        specs.insert(specs.end(), units_[i].specs.begin(), units_[i].specs.end());
    return specs;
}

std::filesystem::path FolderWriter::early_name(std::size_t shard) const {
    return folder_ / ("shard-" + std::to_string(shard + 1) + ".safetensors");
}

void FolderWriter::add_other_tensors(const QuantizedModel& model) {
    const Checkpoint& checkpoint = *base_->parts().checkpoint;
    std::set<std::string> done;
    for (const auto& [layer, place] : unit_of_) done.insert(base_->linear(layer).name + ".weight");
    done.insert(layout_.replaced_tensors.begin(), layout_.replaced_tensors.end());
    const auto add_alone = [&](const std::string& name, const HostTensor& stored) {
        const auto folded = model.replaced.find(name);
        if (done.insert(name).second)
            units_.push_back(
                plain_unit(client_name(*base_, name), folded == model.replaced.end() ? stored : folded->second));
    };
    for (const LayerId layer : layout_.taken_apart) {
        const Linear& linear = base_->linear(layer);
        add_alone(linear.name + ".weight", linear.weight);
        if (linear.bias) add_alone(linear.name + ".bias", *linear.bias);
        done.insert(linear.name + ".bias");
    }
    for (const auto& [name, tensor] : model.replaced)
        if (done.insert(name).second) units_.push_back(plain_unit(client_name(*base_, name), tensor));
    // Of the other parts everything is carried along.
    const std::string text = has_other_parts(*base_) ? base_->parts().outer_prefix : std::string();
    for (const std::string& name : checkpoint.tensor_names())
        if (!(is_buffer(name) && name.starts_with(text)) && done.insert(name).second)
            units_.push_back(plain_unit(client_name(*base_, name), checkpoint.tensor(name)));
}

void FolderWriter::write_index() const {
    json weight_map = json::object();
    std::uint64_t total = 0;
    for (const Unit& unit : units_) total += unit.bytes;
    for (std::size_t shard = 0; shard < starts_.size(); ++shard)
        for (const SafetensorsSpec& spec : specs_of(shard))
            weight_map[spec.name] = shard_name(layout_.stem, shard, starts_.size());
    const json index = {{"metadata", {{"total_size", total}}}, {"weight_map", weight_map}};
    atomic_write_file(folder_ / (layout_.stem + ".safetensors.index.json"), index.dump(2) + "\n");
}

void FolderWriter::check_linears(JobContext& ctx) const {
    ctx.progress.begin("Reading back", std::ssize(digests_));
    for (std::size_t shard = 0; shard < starts_.size(); ++shard) {
        const auto file = SafetensorsFile::open(file_of(shard));
        for (std::size_t i = starts_[shard]; i < std::min(end_of(shard), digests_.size()); ++i) {
            std::vector<HostTensor> tensors;
            for (const SafetensorsSpec& spec : units_[i].specs) tensors.push_back(file->tensor(spec.name));
            if (digest_of(tensors) != digests_[i])
                throw Error(ErrorKind::internal,
                            file_of(shard).string() + ": " + units_[i].specs.front().name +
                                ": other bytes were read back than were written; nothing was kept");
            ctx.advance();
        }
    }
}

} // namespace

std::int64_t rows_decoded_at_once(const HostTensor& tensor) {
    constexpr std::int64_t values = 1 << 22;
    return std::max<std::int64_t>(1, values / std::max<std::int64_t>(tensor.columns(), 1));
}

void refuse_what_is_not_finite(const Model& model, const std::string& name, const std::vector<float>& rows,
                               std::int64_t first_row, std::int64_t columns) {
    const auto bad = std::ranges::find_if_not(rows, [](float value) { return std::isfinite(value); });
    if (bad == rows.end()) return;
    const std::int64_t index = bad - rows.begin();
    throw Error(ErrorKind::bad_input, model.parts().checkpoint->folder().string() + ": tensor \"" + name +
                                          "\" holds a value that is not finite (NaN or infinity) in row " +
                                          std::to_string(first_row + index / columns) + ", column " +
                                          std::to_string(index % columns) +
                                          "; nothing was written. Mend the checkpoint: a row that is never used "
                                          "may be zero");
}

void refuse_what_is_not_finite(const Model& model, const std::string& name, const HostTensor& tensor) {
    if (!tensor.holds_numbers()) return;
    const std::int64_t columns = std::max<std::int64_t>(tensor.columns(), 1), rows = tensor.rows();
    const std::int64_t step = rows_decoded_at_once(tensor);
    for (std::int64_t first = 0; first < rows; first += step)
        refuse_what_is_not_finite(model, name, to_floats(tensor, first, std::min(step, rows - first)), first, columns);
}

std::unique_ptr<ModelWriter> open_folder(const QuantizedModel& heading, FolderLayout layout,
                                         const std::filesystem::path& folder, const ExportOptions& options) {
    return std::make_unique<FolderWriter>(heading, std::move(layout), folder, options);
}

} // namespace graticule
