#include "core/export/compressed_tensors.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>
#include <set>

#include "core/base/error.h"
#include "core/export/bit_packing.h"
#include "core/export/carry_along.h"
#include "core/export/ct_config.h"
#include "core/io/checkpoint.h"
#include "core/io/output_file.h"
#include "core/io/safetensors.h"
#include "core/report/json_results.h"

namespace graticule {
namespace {

using nlohmann::json;

/// What is written together and never split over two files: one linear's tensors, or one other tensor.
struct Unit {
    std::vector<SafetensorsSpec> specs;
    std::function<std::vector<HostTensor>()> make; ///< in the order of `specs`; called when its turn comes
    std::uint64_t bytes = 0;
};

std::vector<SafetensorsSpec> weight_specs(const std::string& name, const Linear& linear, const CtForm& form) {
    const std::int64_t out = linear.out_features(), in = linear.in_features();
    const CarrierPlan& carrier = form.carrier;
    const std::int64_t groups = carrier.group > 0 ? in / carrier.group : 1;
    std::vector<SafetensorsSpec> specs;
    if (form.format == "pack-quantized") {
        specs.push_back({name + ".weight_packed", DType::i32, {out, packed_words(in, carrier.bits)}});
        specs.push_back({name + ".weight_shape", DType::i64, {2}});
        if (!carrier.symmetric)
            specs.push_back({name + ".weight_zero_point", DType::i32, {packed_words(out, carrier.bits), groups}});
    } else {
        const bool float8 = carrier.encoding == CarrierPlan::Encoding::float8;
        specs.push_back({name + ".weight", float8 ? DType::f8_e4m3 : DType::i8, {out, in}});
        if (!carrier.symmetric) specs.push_back({name + ".weight_zero_point", DType::i8, {out, groups}});
    }
    // Scales in float32: rounding them to the model's 16 bits would change every weight.
    specs.push_back({name + ".weight_scale", DType::f32, {out, groups}});
    if (form.input && !form.input->dynamic) {
        specs.push_back({name + ".input_scale", DType::f32, {1}});
        if (!form.input->symmetric) specs.push_back({name + ".input_zero_point", DType::i8, {1}});
    }
    return specs;
}

/// Unsigned fields as the signed bytes that int-quantized stores.
std::vector<std::int8_t> as_signed(const std::vector<std::uint8_t>& fields) {
    std::vector<std::int8_t> values(fields.size());
    for (std::size_t i = 0; i < fields.size(); ++i) values[i] = static_cast<std::int8_t>(fields[i] - 128);
    return values;
}

void append_inputs(const QuantizedLinear& linear, const Linear& shape, const CtForm& form,
                   std::vector<HostTensor>& tensors) {
    if (!form.input || form.input->dynamic) return;
    if (!linear.static_input)
        throw Error(ErrorKind::internal, shape.short_name + ": static activations without a scale");
    tensors.push_back(HostTensor::from_floats({linear.static_input->scale}, {1}));
    if (form.input->symmetric) return;
    const int middle = 1 << (form.input->format->bits - 1);
    const int zero = static_cast<int>(linear.static_input->zero) - middle;
    tensors.push_back(
        HostTensor::from_vector(std::vector<std::int8_t>{static_cast<std::int8_t>(zero)}, DType::i8, {1}));
}

std::vector<HostTensor> weight_tensors(const QuantizedLinear& linear, const Linear& shape, const CtForm& form) {
    const CarriedWeight weight = carry(linear, shape, form.carrier);
    const std::int64_t out = weight.rows, in = weight.columns, groups = std::ssize(weight.scale) / out;
    const int bits = form.carrier.bits;
    std::vector<HostTensor> tensors;
    if (form.format == "pack-quantized") {
        const std::int64_t width = packed_words(in, bits);
        std::vector<std::uint32_t> words(static_cast<std::size_t>(out * width));
        pack_rows(weight.fields, out, in, bits, words);
        tensors.push_back(HostTensor::from_vector(std::move(words), DType::i32, {out, width}));
        tensors.push_back(HostTensor::from_vector(std::vector<std::int64_t>{out, in}, DType::i64, {2}));
        if (!weight.zero.empty())
            tensors.push_back(HostTensor::from_vector(pack_columns(weight.zero, out, groups, bits), DType::i32,
                                                      {packed_words(out, bits), groups}));
    } else if (form.format == "float-quantized") {
        tensors.push_back(HostTensor::from_vector(weight.fields, DType::f8_e4m3, {out, in}));
    } else {
        tensors.push_back(HostTensor::from_vector(as_signed(weight.fields), DType::i8, {out, in}));
        if (!weight.zero.empty())
            tensors.push_back(HostTensor::from_vector(as_signed(weight.zero), DType::i8, {out, groups}));
    }
    tensors.push_back(HostTensor::from_floats(weight.scale, {out, groups}));
    append_inputs(linear, shape, form, tensors);
    return tensors;
}

/// What is written is what others compute with: no NaN and no infinity leaves this program without being noticed.
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

Unit plain_unit(const std::string& name, const HostTensor& tensor) {
    Unit unit{{plain_spec(name, tensor)}, {}, 0};
    const bool decode = unit.specs.front().dtype != tensor.dtype;
    unit.make = [tensor, decode]() -> std::vector<HostTensor> {
        return {decode ? HostTensor::from_floats(to_floats(tensor), tensor.shape) : tensor};
    };
    return unit;
}

std::vector<Unit> plan_units(const QuantizedModel& model, const std::vector<std::optional<CtForm>>& forms) {
    const Checkpoint& checkpoint = *model.base->parts().checkpoint;
    std::vector<Unit> units;
    std::set<std::string> done;
    for (const Linear& shape : model.base->linears()) {
        const auto& form = forms[index_of(shape.id)];
        if (!form) continue;
        const QuantizedLinear& linear = *model.linears[index_of(shape.id)];
        units.push_back({weight_specs(client_name(*model.base, shape.name), shape, *form),
                         [&linear, &shape, form = *form] { return weight_tensors(linear, shape, form); }, 0});
        done.insert(shape.name + ".weight");
    }
    for (const auto& [name, tensor] : model.replaced)
        if (done.insert(name).second) units.push_back(plain_unit(client_name(*model.base, name), tensor));
    for (const std::string& name : checkpoint.tensor_names())
        if (!is_buffer(name) && done.insert(name).second)
            units.push_back(plain_unit(client_name(*model.base, name), checkpoint.tensor(name)));
    for (Unit& unit : units)
        for (const SafetensorsSpec& spec : unit.specs) unit.bytes += tensor_bytes(spec);
    return units;
}

/// Greedy in order, as transformers does it. Returns the first unit of every file.
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

std::string shard_name(std::size_t index, std::size_t count) {
    if (count == 1) return "model.safetensors";
    char name[64];
    std::snprintf(name, sizeof name, "model-%05zu-of-%05zu.safetensors", index + 1, count);
    return name;
}

std::map<std::string, std::string> file_metadata(const QuantizedModel& model) {
    return {{"format", "pt"}, {"graticule", to_json(model.provenance).dump()}};
}

void write_weights(const QuantizedModel& model, const std::vector<Unit>& units, const std::filesystem::path& folder,
                   std::uint64_t shard_bytes, JobContext& ctx) {
    const std::vector<std::size_t> starts = plan_shards(units, shard_bytes);
    json weight_map = json::object();
    std::uint64_t total = 0;
    for (std::size_t shard = 0; shard < starts.size(); ++shard) {
        const std::size_t begin = starts[shard], end = shard + 1 < starts.size() ? starts[shard + 1] : units.size();
        const std::string file = shard_name(shard, starts.size());
        std::vector<SafetensorsSpec> specs;
        for (std::size_t i = begin; i < end; ++i) {
            specs.insert(specs.end(), units[i].specs.begin(), units[i].specs.end());
            total += units[i].bytes;
        }
        for (const SafetensorsSpec& spec : specs) weight_map[spec.name] = file;
        SafetensorsWriter writer(folder / file, std::move(specs), file_metadata(model));
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
    atomic_write_file(folder / "model.safetensors.index.json", index.dump(2) + "\n");
}

void write_config(const QuantizedModel& model, const std::vector<std::optional<CtForm>>& forms,
                  const std::filesystem::path& folder) {
    auto config = nlohmann::ordered_json::parse(model.base->parts().checkpoint->config_json());
    auto quantization = ct_quantization_config(*model.base, forms);
    quantization["graticule"] = {{"recipe", summary_line(model.recipe)},
                                 {"recipe_hash", model.provenance.recipe_hash},
                                 {"model_hash", model.provenance.model_hash},
                                 {"version", GRATICULE_VERSION}};
    config["quantization_config"] = std::move(quantization);
    // A head of its own is in the file: clients that go by this field would put the embedding in its place.
    if (model.base->parts().head || model.head_untied) config["tie_word_embeddings"] = false;
    atomic_write_file(folder / "config.json", config.dump(2) + "\n");
}

} // namespace

Diagnostics check_compressed_tensors(const Model& model, const LayerChoices& choices, const ExportOptions& options) {
    return ct_check(model, choices, options);
}

void write_compressed_tensors(const QuantizedModel& model, const std::filesystem::path& folder,
                              const ExportOptions& options, JobContext& ctx) {
    std::vector<std::optional<CtForm>> forms(model.linears.size());
    for (std::size_t i = 0; i < model.linears.size(); ++i) {
        if (!model.linears[i]) continue;
        const QuantizedLinear& linear = *model.linears[i];
        const CtVerdict verdict = ct_verdict(linear.choice);
        const std::string& name = model.base->linears()[i].short_name;
        if (!verdict.problem.empty()) throw Error(ErrorKind::unsupported, name + ": " + verdict.problem);
        if (!linear.kept_channels.empty() || linear.low_rank)
            throw Error(ErrorKind::unsupported,
                        name + ": 16-bit channels and low-rank terms cannot be stored in compressed-tensors; quantize "
                               "without them");
        forms[i] = verdict.form;
    }
    const std::vector<Unit> units = plan_units(model, forms);
    ctx.progress.begin("Writing", std::ssize(units));
    write_weights(model, units, folder, static_cast<std::uint64_t>(options.shard_bytes), ctx);
    write_config(model, forms, folder);
    carry_along(model.base->parts().checkpoint->folder(), folder);
}

} // namespace graticule
