#include "core/export/checkpoint_writer.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "core/base/error.h"
#include "core/export/ct_config.h"
#include "core/io/checkpoint.h"
#include "core/io/output_file.h"
#include "core/report/json_results.h"

namespace graticule {
namespace {

using nlohmann::json;

/// Buffers that old checkpoints carry and clients compute themselves.
bool is_buffer(const std::string& name) {
    return name.ends_with(".rotary_emb.inv_freq") || name.ends_with(".attn.masked_bias") ||
           name.ends_with(".attention.masked_bias");
}

/// A tensor in a type that safetensors has; GGUF's blocks are decoded.
SafetensorsSpec plain_spec(const std::string& name, const HostTensor& tensor) {
    const bool holds = !row_of(tensor.dtype).safetensors_name.empty();
    return {name, holds ? tensor.dtype : DType::f32, tensor.shape};
}

/// Greedy in order, as transformers does it. Returns the first unit of every file.
std::vector<std::size_t> plan_shards(const std::vector<TensorUnit>& units, std::uint64_t limit) {
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

std::map<std::string, std::string> file_metadata(const QuantizedModel& model, const WeightFiles& files) {
    std::map<std::string, std::string> all = files.header;
    all.insert({{"format", "pt"}, {"graticule", to_json(model.provenance).dump()}});
    return all;
}

} // namespace

void refuse_what_is_not_finite(const QuantizedModel& model, const std::string& name, const HostTensor& tensor) {
    if (row_of(tensor.dtype).decode == nullptr) return;
    const std::vector<float> values = to_floats(tensor);
    const auto bad = std::ranges::find_if_not(values, [](float value) { return std::isfinite(value); });
    if (bad == values.end()) return;
    const std::int64_t index = bad - values.begin(), columns = std::max<std::int64_t>(tensor.columns(), 1);
    throw Error(ErrorKind::bad_input,
                model.base->parts().checkpoint->folder().string() + ": tensor \"" + name +
                    "\" holds a value that is not finite (NaN or infinity) in row " + std::to_string(index / columns) +
                    ", column " + std::to_string(index % columns) +
                    "; nothing was written. Mend the checkpoint: a row that is never used may be zero");
}

TensorUnit plain_unit(const std::string& name, const HostTensor& tensor) {
    TensorUnit unit{{plain_spec(name, tensor)}, {}, 0};
    const bool decode = unit.specs.front().dtype != tensor.dtype;
    unit.make = [tensor, decode]() -> std::vector<HostTensor> {
        return {decode ? HostTensor::from_floats(to_floats(tensor), tensor.shape) : tensor};
    };
    return unit;
}

std::vector<TensorUnit> plan_units(const QuantizedModel& model, const UnitOf& unit_of) {
    const Checkpoint& checkpoint = *model.base->parts().checkpoint;
    std::vector<TensorUnit> units;
    std::set<std::string> done;
    for (const Linear& shape : model.base->linears())
        if (auto unit = unit_of(shape)) {
            done.insert(shape.name + ".weight");
            done.insert(unit->covers.begin(), unit->covers.end());
            units.push_back(std::move(*unit));
        }
    for (const auto& [name, tensor] : model.replaced)
        if (done.insert(name).second) units.push_back(plain_unit(client_name(*model.base, name), tensor));
    for (const std::string& name : checkpoint.tensor_names())
        if (!is_buffer(name) && done.insert(name).second)
            units.push_back(plain_unit(client_name(*model.base, name), checkpoint.tensor(name)));
    for (TensorUnit& unit : units)
        for (const SafetensorsSpec& spec : unit.specs) unit.bytes += tensor_bytes(spec);
    return units;
}

void write_units(const QuantizedModel& model, const std::vector<TensorUnit>& units, const std::filesystem::path& folder,
                 std::uint64_t shard_bytes, JobContext& ctx, const WeightFiles& files) {
    ctx.progress.begin("Writing", std::ssize(units));
    const std::vector<std::size_t> starts = plan_shards(units, shard_bytes);
    json weight_map = json::object();
    std::uint64_t total = 0;
    for (std::size_t shard = 0; shard < starts.size(); ++shard) {
        const std::size_t begin = starts[shard], end = shard + 1 < starts.size() ? starts[shard + 1] : units.size();
        const std::string file = shard_name(files.stem, shard, starts.size());
        std::vector<SafetensorsSpec> specs;
        for (std::size_t i = begin; i < end; ++i) {
            specs.insert(specs.end(), units[i].specs.begin(), units[i].specs.end());
            total += units[i].bytes;
        }
        for (const SafetensorsSpec& spec : specs) weight_map[spec.name] = file;
        SafetensorsWriter writer(folder / file, std::move(specs), file_metadata(model, files));
        for (std::size_t i = begin; i < end; ++i) {
            const std::vector<HostTensor> tensors = units[i].make();
            GRATICULE_ASSERT(tensors.size() == units[i].specs.size(), "planned and written tensors differ");
            for (std::size_t t = 0; t < tensors.size(); ++t) {
                refuse_what_is_not_finite(model, units[i].specs[t].name, tensors[t]);
                writer.write(units[i].specs[t].name, tensors[t]);
            }
            ctx.advance();
        }
        writer.finish();
    }
    if (starts.size() == 1) return;
    const json index = {{"metadata", {{"total_size", total}}}, {"weight_map", weight_map}};
    atomic_write_file(folder / (files.stem + ".safetensors.index.json"), index.dump(2) + "\n");
}

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
    if (model.base->parts().head || model.head_untied) config["tie_word_embeddings"] = false;
    atomic_write_file(folder / "config.json", config.dump(2) + "\n");
}

} // namespace graticule
