#include "core/export/gguf.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/base/error.h"
#include "core/export/carry_along.h"
#include "core/export/checkpoint_writer.h"
#include "core/export/ct_config.h"
#include "core/export/gguf_blocks.h"
#include "core/export/gguf_metadata.h"
#include "core/io/checkpoint.h"
#include "core/io/gguf/gguf_architecture.h"
#include "core/io/gguf/gguf_tokenizer_writer.h"
#include "core/io/gguf/gguf_writer.h"
#include "core/model/family.h"
#include "core/report/json_results.h"

namespace graticule {
namespace {

/// One tensor of the file: linears whose rows follow each other, or one other tensor of the model.
struct Planned {
    std::string name;                   ///< "blk.0.attn_qkv", without the ending
    std::string ending;                 ///< ".weight" or ".bias"
    std::string stored_name;            ///< in the checkpoint, of what is no linear's
    std::vector<const Linear*> linears; ///< empty: `plain`
    HostTensor plain;
    GgufChange change = GgufChange::none;

    [[nodiscard]] std::string full_name() const { return name + ending; }
};

/// In the order of llama.cpp's own files. `unknown`: names that the architecture has no place for.
class Plan {
public:
    Plan(const Model& model, const GgufArchitecture& architecture)
        : model_(model)
        , architecture_(architecture) {
        const Model::Parts& parts = model.parts();
        const ModelFamily::Names& names = model.family().names;
        add_plain(parts.prefix + std::string(names.embedding), ".weight", parts.embedding);
        if (parts.positions) add_plain(parts.prefix + std::string(names.positions), ".weight", *parts.positions);
        add_norm(parts.final_norm);
        if (parts.head) add_plain(std::string(names.head), ".weight", *parts.head);
        for (const Block& block : parts.blocks) {
            for (const Norm& norm : block.norms) add_norm(norm);
            for (const LayerId id : {block.q, block.k, block.v, block.o}) add_linear(model.linear(id));
            for (const Mlp& mlp : block.mlps) {
                if (mlp.gate) add_linear(model.linear(*mlp.gate));
                add_linear(model.linear(mlp.up));
                add_linear(model.linear(mlp.down));
            }
        }
    }

    /// A head that folding took off the embedding.
    void add_head(const HostTensor& head) { add_plain(std::string(model_.family().names.head), ".weight", head); }

    [[nodiscard]] const std::vector<Planned>& tensors() const { return tensors_; }
    [[nodiscard]] const std::vector<std::string>& unknown() const { return unknown_; }

private:
    void add_norm(const Norm& norm) {
        if (!norm.present()) return;
        add_plain(norm.name, ".weight", norm.weight);
        if (norm.bias) add_plain(norm.name, ".bias", *norm.bias);
    }

    void add_plain(const std::string& stored_name, const char* ending, const HostTensor& tensor) {
        const auto place = gguf_name_of(architecture_, client_name(model_, stored_name));
        if (!place) {
            unknown_.push_back(stored_name + ending);
            return;
        }
        tensors_.push_back({place->name, ending, stored_name + ending, {}, tensor, place->change});
    }

    /// Under its own name, or in the tensor that the family fuses it into.
    void add_linear(const Linear& linear) {
        const ModelFamily::Names& names = model_.family().names;
        const std::string name = client_name(model_, linear.name);
        auto place = gguf_name_of(architecture_, name);
        const bool of_attention = linear.role == Role::q || linear.role == Role::k || linear.role == Role::v;
        const std::string_view fused = of_attention ? names.fused_qkv : names.fused_gate_up;
        if (!place && !fused.empty()) {
            std::string_view own = names.q;
            for (const auto& [role, of_role] :
                 {std::pair{Role::k, names.k}, {Role::v, names.v}, {Role::gate, names.gate}, {Role::up, names.up}})
                if (linear.role == role) own = of_role;
            place = gguf_name_of(architecture_, name.substr(0, name.size() - own.size()) + std::string(fused));
        }
        if (!place) {
            unknown_.push_back(linear.name + ".weight");
            return;
        }
        add_rows(*place, ".weight", linear);
        if (linear.bias) add_rows(*place, ".bias", linear);
    }

    void add_rows(const GgufMapping& place, const char* ending, const Linear& linear) {
        const auto found = std::ranges::find_if(
            tensors_, [&](const Planned& tensor) { return tensor.name == place.name && tensor.ending == ending; });
        if (found == tensors_.end())
            tensors_.push_back({place.name, ending, {}, {&linear}, {}, place.change});
        else
            found->linears.push_back(&linear);
    }

    const Model& model_;
    const GgufArchitecture& architecture_;
    std::vector<Planned> tensors_;
    std::vector<std::string> unknown_;
};

const TensorScheme* scheme_of(const LayerChoices& choices, const Linear& linear) {
    const auto& choice = choices.at(index_of(linear.id));
    return choice && choice->scheme.weight ? &*choice->scheme.weight : nullptr;
}

/// Why the layer's recipe has no form in the file; empty: it has.
std::string choice_problem(const SchemeChoice& choice) {
    const QuantScheme& scheme = choice.scheme;
    if (scheme.query || scheme.key || scheme.value || scheme.probability)
        return "quantized attention operands (q= k= v= p=) have no form in GGUF; leave them out";
    if (scheme.input)
        return "a=" + to_text(*scheme.input) +
               ": GGUF holds weights alone, and llama.cpp rounds activations by its own rule; leave a= out";
    return scheme.weight ? "" : "quantizes no weights";
}

/// The type that the linears of one tensor share; absent: none of them is quantized.
std::optional<GgufForm> form_of(const Planned& tensor, const LayerChoices& choices) {
    std::optional<GgufForm> shared;
    for (const Linear* linear : tensor.linears) {
        const TensorScheme* scheme = scheme_of(choices, *linear);
        GgufForm form;
        if (scheme != nullptr) form = gguf_form(*scheme, linear->in_features());
        if (scheme != nullptr && !form.problem.empty()) return form;
        const bool same = linear == tensor.linears.front() ||
                          (shared.has_value() == (scheme != nullptr) && (!shared || shared->type == form.type));
        if (!same)
            return GgufForm{form.type, "is stored in one tensor (" + tensor.full_name() +
                                           ") with others that have another type; give q, k, v and gate, up of a "
                                           "block the same scheme"};
        if (scheme != nullptr) shared = form;
    }
    return shared;
}

double bits_of(DType type) {
    const DTypeRow& row = row_of(type);
    return 8.0 * row.block_bytes / row.block_elements;
}

/// What the file is called by its most frequent type (llama.cpp's llama_ftype).
std::uint32_t file_type(const std::map<DType, std::int64_t>& elements) {
    constexpr std::pair<DType, std::uint32_t> numbers[] = {
        {DType::f32, 0},   {DType::f16, 1},   {DType::q4_0, 2},    {DType::q4_1, 3},  {DType::q8_0, 7},
        {DType::q5_0, 8},  {DType::q5_1, 9},  {DType::q2_k, 10},   {DType::q3_k, 12}, {DType::q4_k, 15},
        {DType::q5_k, 17}, {DType::q6_k, 18}, {DType::iq4_nl, 25}, {DType::bf16, 32}, {DType::mxfp4, 38}};
    const auto most = std::ranges::max_element(elements, {}, [](const auto& entry) { return entry.second; });
    const auto found = std::ranges::find(numbers, most->first, [](const auto& row) { return row.first; });
    return found == std::end(numbers) ? 0 : found->second;
}

std::vector<std::byte> bytes_of(std::span<const std::byte> bytes) { return {bytes.begin(), bytes.end()}; }

std::vector<std::byte> as_bytes(const std::vector<float>& values) { return bytes_of(std::as_bytes(std::span(values))); }

/// Rows of each head, (2, half) for a half-split rotation, into (half, 2): llama.cpp's llama turns neighbours.
std::vector<std::byte> with_neighbouring_rows(const std::vector<std::byte>& bytes, std::int64_t rows,
                                              std::int64_t heads) {
    const std::size_t row_bytes = bytes.size() / std::size_t(rows), half = std::size_t(rows / heads / 2);
    std::vector<std::byte> turned(bytes.size());
    for (std::size_t head = 0; head < std::size_t(heads); ++head)
        for (std::size_t t = 0; t < 2; ++t)
            for (std::size_t j = 0; j < half; ++j)
                std::memcpy(turned.data() + (head * 2 * half + j * 2 + t) * row_bytes,
                            bytes.data() + (head * 2 * half + t * half + j) * row_bytes, row_bytes);
    return turned;
}

/// Types, shapes and bytes of the planned tensors.
class Contents {
public:
    Contents(const QuantizedModel& model, const LayerChoices& choices)
        : model_(model)
        , choices_(choices) {}

    GgufSpec spec(const Planned& tensor) const {
        if (tensor.linears.empty()) {
            const HostTensor& values = current(tensor.stored_name, tensor.plain);
            return {tensor.full_name(), plain_type(values, tensor.change), values.shape};
        }
        std::int64_t rows = 0;
        for (const Linear* linear : tensor.linears) rows += linear->out_features();
        if (tensor.ending == ".bias") return {tensor.full_name(), DType::f32, {rows}};
        const auto form = form_of(tensor, choices_);
        if (form && !form->problem.empty())
            throw Error(ErrorKind::unsupported, tensor.linears.front()->short_name + ": " + form->problem);
        const Shape shape = {rows, tensor.linears.front()->in_features()};
        return {tensor.full_name(), form ? form->type : float_type(tensor), shape};
    }

    std::vector<std::byte> bytes(const Planned& tensor, const GgufSpec& spec) const {
        if (tensor.linears.empty()) return plain_bytes(tensor, spec.dtype);
        std::vector<std::byte> all;
        for (const Linear* linear : tensor.linears) {
            const std::vector<std::byte> part = tensor.ending == ".bias" ? bias_bytes(*linear) : rows(*linear, spec);
            all.insert(all.end(), part.begin(), part.end());
        }
        const ModelConfig& config = model_.base->config();
        if (tensor.change == GgufChange::query_rows) return with_neighbouring_rows(all, spec.shape[0], config.heads);
        if (tensor.change == GgufChange::key_rows) return with_neighbouring_rows(all, spec.shape[0], config.kv_heads);
        return all;
    }

private:
    /// As folding left it.
    [[nodiscard]] const HostTensor& current(const std::string& name, const HostTensor& stored) const {
        const auto replaced = model_.replaced.find(name);
        return replaced == model_.replaced.end() ? stored : replaced->second;
    }

    /// As the tensor is stored, where GGUF has such a type; vectors are float32 there.
    static DType plain_type(const HostTensor& tensor, GgufChange change) {
        const DTypeRow& row = row_of(tensor.dtype);
        const bool keeps = tensor.shape.size() > 1 && change != GgufChange::plus_one && !tensor.encoded &&
                           row.gguf_id >= 0 && row.decode != nullptr;
        return keeps ? tensor.dtype : DType::f32;
    }

    /// Of linears that are not quantized. GPT-2's, turned as they are opened, are float32 by then.
    [[nodiscard]] DType float_type(const Planned& tensor) const {
        DType type = DType::f32;
        for (const Linear* linear : tensor.linears) {
            const bool replaced = model_.replaced.contains(linear->name + ".weight");
            const DType own = replaced ? DType::f32 : plain_type(stored_as(*linear), GgufChange::none);
            if (linear != tensor.linears.front() && own != type) return DType::f32;
            type = own;
        }
        return type;
    }
    [[nodiscard]] HostTensor stored_as(const Linear& linear) const {
        const Model& model = *model_.base;
        const ModelFamily::Names& names = model.family().names;
        const Checkpoint& checkpoint = *model.parts().checkpoint;
        if (!names.transposed_linears) return linear.weight;
        std::string name = linear.name;
        if (!checkpoint.contains(name + ".weight"))
            name = name.substr(0, name.size() - names.q.size()) + std::string(names.fused_qkv);
        HostTensor stored = checkpoint.tensor(name + ".weight");
        // Blocks run along rows: those of a turned tensor are not its own.
        return row_of(stored.dtype).block_elements > 1 ? linear.weight : stored;
    }

    static std::vector<std::byte> converted(const HostTensor& tensor, DType type) {
        if (type == tensor.dtype && !tensor.encoded) return bytes_of(tensor.bytes);
        const std::vector<float> values = to_floats(tensor);
        if (type == DType::f32) return as_bytes(values);
        GRATICULE_ASSERT(type == DType::f16 || type == DType::bf16, "a turned tensor of 16 bits"); // and so exact
        std::vector<std::uint16_t> halves;
        for (const float value : values)
            halves.push_back(type == DType::f16 ? float_to_half(value) : float_to_bfloat16(value));
        return bytes_of(std::as_bytes(std::span(halves)));
    }

    [[nodiscard]] std::vector<std::byte> plain_bytes(const Planned& tensor, DType type) const {
        const HostTensor& values = current(tensor.stored_name, tensor.plain);
        refuse_what_is_not_finite(*model_.base, tensor.stored_name, values);
        if (tensor.change != GgufChange::plus_one) return converted(values, type);
        std::vector<float> floats = to_floats(values);
        for (float& value : floats) value += 1.0F;
        return as_bytes(floats);
    }

    [[nodiscard]] std::vector<std::byte> bias_bytes(const Linear& linear) const {
        const HostTensor& bias = current(linear.name + ".bias", *linear.bias);
        refuse_what_is_not_finite(*model_.base, linear.name + ".bias", bias);
        return converted(bias, DType::f32);
    }

    [[nodiscard]] std::vector<std::byte> rows(const Linear& linear, const GgufSpec& spec) const {
        const auto& quantized = model_.linears.at(index_of(linear.id));
        if (!quantized) {
            const HostTensor& weight = current(linear.name + ".weight", linear.weight);
            refuse_what_is_not_finite(*model_.base, linear.name + ".weight", weight);
            return converted(weight, spec.dtype);
        }
        return gguf_rows(*quantized, linear, spec.dtype);
    }

    const QuantizedModel& model_;
    const LayerChoices& choices_;
};

bool has_tokenizer(const Model& model) {
    const Checkpoint& checkpoint = *model.parts().checkpoint;
    if (!checkpoint.container().starts_with("GGUF")) return has_tokenizer_files(checkpoint.folder());
    return GgufFile::open(checkpoint.files().front())->metadata().contains("tokenizer.ggml.model");
}

/// Errors that name a layer: its recipe, its shape, what it shares a tensor with.
void check_layers(const Model& model, const LayerChoices& choices, const Plan& plan, Diagnostics& all) {
    LayerProblems errors, notes;
    for (const Linear& linear : model.linears())
        if (const auto& choice = choices.at(index_of(linear.id)))
            if (const std::string problem = choice_problem(*choice); !problem.empty())
                errors.add(problem, linear.short_name);
    for (const Planned& tensor : plan.tensors()) {
        if (tensor.linears.empty() || tensor.ending == ".bias") continue;
        const auto form = form_of(tensor, choices);
        if (!form) continue;
        if (!form->problem.empty()) {
            errors.add(form->problem, tensor.linears.front()->short_name);
            continue;
        }
        char bits[32];
        std::snprintf(bits, sizeof bits, "%.4g", bits_of(form->type));
        notes.add("written as " + std::string(row_of(form->type).name) + ", " + bits +
                      " bits a weight: the same values, bit for bit",
                  tensor.linears.front()->short_name);
    }
    errors.report(Severity::error, all);
    notes.report(Severity::note, all);
}

} // namespace

Diagnostics check_gguf(const Model& model, const LayerChoices& choices, const ExportOptions&) {
    Diagnostics all;
    if (!model.parts().checkpoint) {
        all.add(Severity::error, "", "the model has no checkpoint to take the other tensors from");
        return all;
    }
    const GgufArchitecture* architecture = gguf_architecture_for(model.config().model_type);
    if (architecture == nullptr) {
        all.add(Severity::error, "",
                "models of the type \"" + model.config().model_type + "\" are not written as GGUF; " +
                    gguf_architecture_names() + " are. Export to compressed-tensors instead");
        return all;
    }
    all.append(check_gguf_config(model, *architecture));
    const Plan plan(model, *architecture);
    if (const auto& unknown = plan.unknown(); !unknown.empty())
        all.add(Severity::error, "",
                "tensor \"" + unknown.front() + "\"" +
                    (unknown.size() > 1 ? " and " + std::to_string(unknown.size() - 1) + " more have" : " has") +
                    " no place in llama.cpp's " + std::string(architecture->name) +
                    "; export to compressed-tensors instead");
    check_layers(model, choices, plan, all);
    if (!has_tokenizer(model)) {
        all.add(Severity::warning, "",
                "no tokenizer files lie beside the model, so the file has none: llama.cpp takes token ids only");
        return all;
    }
    try {
        for (const std::string& note :
             gguf_tokenizer_entries(*model.parts().checkpoint, model.config().vocabulary).notes)
            all.add(Severity::warning, "", note);
    } catch (const Error& error) {
        all.add(Severity::error, "", error.info().message);
    }
    return all;
}

std::optional<StoredLinear> stored_as_gguf(const Linear& linear, const SchemeChoice& choice) {
    if (!choice_problem(choice).empty()) return std::nullopt;
    const GgufForm form = gguf_form(*choice.scheme.weight, linear.in_features());
    if (!form.problem.empty()) return std::nullopt;
    StoredLinear stored;
    stored.layout = row_of(form.type).name;
    stored.bits = choice.scheme.weight->format->bits;
    stored.group = row_of(form.type).block_elements;
    stored.in_features = linear.in_features();
    return stored;
}

void write_gguf(const QuantizedModel& model, const std::filesystem::path& folder, const ExportOptions&,
                JobContext& ctx) {
    const Model& base = *model.base;
    const GgufArchitecture* architecture = gguf_architecture_for(base.config().model_type);
    GRATICULE_ASSERT(architecture != nullptr, "a model that check_gguf has seen");
    Plan plan(base, *architecture);
    const std::string head = std::string(base.family().names.head) + ".weight";
    if (!base.parts().head)
        if (const auto own = model.replaced.find(head); own != model.replaced.end()) plan.add_head(own->second);

    const LayerChoices choices = choices_of(model);
    const Contents contents(model, choices);
    std::vector<GgufSpec> specs;
    std::map<DType, std::int64_t> elements;
    for (const Planned& tensor : plan.tensors()) {
        specs.push_back(contents.spec(tensor));
        if (!tensor.linears.empty()) elements[specs.back().dtype] += element_count(specs.back().shape);
    }
    const auto rotary = gguf_rotary_tensors(base.config());
    for (const auto& [name, values] : rotary) specs.push_back({name, DType::f32, {std::ssize(values)}});

    GgufEntries entries;
    entries.text("general.architecture", architecture->name);
    entries.text("general.type", "model");
    entries.text("general.name", base.name());
    entries.u32("general.file_type", file_type(elements));
    entries.u32("general.quantization_version", 2);
    entries.text("graticule.version", GRATICULE_VERSION);
    entries.text("graticule.recipe", summary_line(model.recipe));
    entries.text("graticule.provenance", to_json(model.provenance).dump());
    add_gguf_config(base, *architecture, entries);
    if (has_tokenizer(base))
        entries.append(gguf_tokenizer_entries(*base.parts().checkpoint, base.config().vocabulary).entries);
    else
        entries.text("tokenizer.ggml.model", "no_vocab");

    GgufWriter writer(folder / gguf_file_name, entries, specs);
    ctx.progress.begin("Writing", std::ssize(specs));
    for (std::size_t i = 0; i < plan.tensors().size(); ++i) {
        writer.write(specs[i].name, contents.bytes(plan.tensors()[i], specs[i]));
        ctx.advance();
    }
    for (const auto& [name, values] : rotary) {
        writer.write(name, std::as_bytes(std::span(values)));
        ctx.advance();
    }
    writer.finish();
    carry_licences(base.parts().checkpoint->folder(), folder);
}

} // namespace graticule
