// Writing the file: what is quantized lies in front, so that each linear can be put in its place when it comes; the
// rest, of which folding decides the types, follows at the end.
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/export/carry_along.h"
#include "core/export/checkpoint_writer.h"
#include "core/export/gguf.h"
#include "core/export/gguf_metadata.h"
#include "core/export/gguf_plan.h"
#include "core/io/checkpoint.h"
#include "core/io/gguf/gguf_file.h"
#include "core/io/gguf/gguf_row_order.h"
#include "core/io/gguf/gguf_tokenizer_writer.h"
#include "core/io/gguf/gguf_writer.h"
#include "core/model/family.h"
#include "core/report/json_results.h"

namespace graticule {
namespace {

/// Whether rows of each head lie in another order in the file.
bool turns_rows(GgufChange change) { return change == GgufChange::query_rows || change == GgufChange::key_rows; }

/// What the file is called by its most frequent type (llama.cpp's llama_ftype).
std::uint32_t file_type(const std::map<DType, std::int64_t>& elements) {
    constexpr std::pair<DType, std::uint32_t> numbers[] = {
        {DType::f32, 0},    {DType::f16, 1},   {DType::q4_0, 2},    {DType::q4_1, 3},    {DType::q8_0, 7},
        {DType::q5_0, 8},   {DType::q5_1, 9},  {DType::q2_k, 10},   {DType::q3_k, 12},   {DType::q4_k, 15},
        {DType::q5_k, 17},  {DType::q6_k, 18}, {DType::iq4_nl, 25}, {DType::iq4_xs, 30}, {DType::bf16, 32},
        {DType::mxfp4, 38}, {DType::nvfp4, 39}};
    const auto most = std::ranges::max_element(elements, {}, [](const auto& entry) { return entry.second; });
    const auto found = std::ranges::find(numbers, most->first, [](const auto& row) { return row.first; });
    return found == std::end(numbers) ? 0 : found->second;
}

/// As the tensor is stored, where GGUF has such a type; vectors are float32 there.
DType plain_type(const HostTensor& tensor, GgufChange change) {
    const DTypeRow& row = row_of(tensor.dtype);
    const bool keeps = tensor.shape.size() > 1 && change != GgufChange::plus_one && !tensor.encoded &&
                       row.gguf_id >= 0 && row.decode != nullptr;
    return keeps ? tensor.dtype : DType::f32;
}

/// The tensor of the checkpoint that holds the linear. GPT-2's, turned as they are opened, are float32 by then.
HostTensor stored_as(const Model& model, const Linear& linear) {
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

std::uint64_t bytes_of_row(DType type, std::int64_t columns) {
    const DTypeRow& row = row_of(type);
    return static_cast<std::uint64_t>(columns / row.block_elements * row.block_bytes);
}

std::vector<std::byte> in_type(const std::vector<float>& values, DType type) {
    if (type == DType::f32) {
        const auto bytes = std::as_bytes(std::span(values));
        return {bytes.begin(), bytes.end()};
    }
    GRATICULE_ASSERT(type == DType::f16 || type == DType::bf16, "a turned tensor of 16 bits"); // and so exact
    std::vector<std::uint16_t> halves;
    for (const float value : values)
        halves.push_back(type == DType::f16 ? float_to_half(value) : float_to_bfloat16(value));
    const auto bytes = std::as_bytes(std::span(halves));
    return {bytes.begin(), bytes.end()};
}

class GgufFolder final : public ModelWriter {
public:
    GgufFolder(const QuantizedModel& heading, const LayerChoices& choices, std::filesystem::path folder);
    HostTensor take(const QuantizedLinear& linear) override;
    void finish(const QuantizedModel& model, JobContext& ctx) override;

private:
    /// Where the rows of a linear lie, and what was written there.
    struct Spot {
        const GgufPlanned* tensor = nullptr;
        DType type = DType::f32;
        std::uint64_t offset = 0, bytes = 0;
        std::string digest; ///< empty: not taken yet
    };

    [[nodiscard]] std::vector<GgufSpec> specs(const QuantizedModel& model) const;
    [[nodiscard]] GgufEntries entries(const QuantizedModel& model, const std::vector<GgufSpec>& specs) const;
    [[nodiscard]] DType float_type(const QuantizedModel& model, const GgufPlanned& tensor) const;
    [[nodiscard]] std::vector<std::byte> for_the_file(GgufChange change, std::vector<std::byte> rows_of_all,
                                                      std::int64_t rows) const;
    [[nodiscard]] std::int64_t heads_of(GgufChange change) const {
        return change == GgufChange::query_rows ? base_->config().heads : base_->config().kv_heads;
    }
    void write_values(const std::string& stored_name, const HostTensor& values, const GgufPlanned& tensor, DType type);
    void write_rest(const QuantizedModel& model, const GgufPlanned& tensor, DType type);
    void check_linears(JobContext& ctx) const;

    std::shared_ptr<const Model> base_;
    const GgufArchitecture& architecture_;
    LayerChoices choices_;
    std::filesystem::path file_;
    GgufEntries tokenizer_;
    GgufPlan plan_;
    std::vector<const GgufPlanned*> order_; ///< in the file; the first `streamed_` are what is quantized
    std::size_t streamed_ = 0;
    std::vector<std::pair<std::string, std::vector<float>>> rotary_; ///< behind the others
    std::map<LayerId, Spot> spots_;
    std::optional<GgufWriter> writer_;
};

const GgufArchitecture& architecture_of(const Model& model) {
    const GgufArchitecture* architecture = gguf_architecture_for(model.config().model_type);
    GRATICULE_ASSERT(architecture != nullptr, "a model that check_gguf has seen");
    return *architecture;
}

GgufEntries tokenizer_of(const Model& model) {
    if (has_gguf_tokenizer(model))
        return gguf_tokenizer_entries(*model.parts().checkpoint, model.config().vocabulary).entries;
    GgufEntries none;
    none.text("tokenizer.ggml.model", "no_vocab");
    return none;
}

/// As folding left it; null: it made it alone, and is not done yet.
const HostTensor* current(const QuantizedModel& model, const std::string& name, const HostTensor& stored) {
    if (const auto replaced = model.replaced.find(name); replaced != model.replaced.end()) return &replaced->second;
    return stored.shape.empty() ? nullptr : &stored;
}

GgufFolder::GgufFolder(const QuantizedModel& heading, const LayerChoices& choices, std::filesystem::path folder)
    : base_(heading.base)
    , architecture_(architecture_of(*base_))
    , choices_(choices)
    , file_(std::move(folder) / gguf_file_name)
    , tokenizer_(tokenizer_of(*base_))
    , plan_(*base_, architecture_, heading.head_untied)
    , rotary_(gguf_rotary_tensors(base_->config())) {
    for (const GgufPlanned& tensor : plan_.tensors()) order_.push_back(&tensor);
    const auto rest = std::ranges::stable_partition(order_, [&](const GgufPlanned* tensor) {
        return tensor->of_weights() && gguf_form_of(*tensor, choices_).has_value();
    });
    streamed_ = static_cast<std::size_t>(rest.begin() - order_.begin());
    const std::vector<GgufSpec> planned = specs(heading);
    for (std::size_t i = 0; i < streamed_; ++i) {
        std::uint64_t offset = 0;
        for (const Linear* linear : order_[i]->linears) {
            const std::uint64_t bytes = static_cast<std::uint64_t>(linear->out_features()) *
                                        bytes_of_row(planned[i].dtype, linear->in_features());
            spots_[linear->id] = {order_[i], planned[i].dtype, offset, bytes, {}};
            offset += bytes;
        }
    }
    writer_.emplace(file_, entries(heading, planned), planned);
}

std::vector<GgufSpec> GgufFolder::specs(const QuantizedModel& model) const {
    std::vector<GgufSpec> all;
    for (const GgufPlanned* tensor : order_) {
        GgufSpec& spec = all.emplace_back(GgufSpec{tensor->full_name(), DType::f32, {}});
        if (tensor->linears.empty()) {
            const HostTensor* values = current(model, tensor->stored_name, tensor->plain);
            spec.shape = values != nullptr ? values->shape : base_->parts().embedding.shape;
            if (values != nullptr) spec.dtype = plain_type(*values, tensor->change);
        } else if (!tensor->of_weights()) {
            spec.shape = {tensor->rows()};
        } else {
            spec.shape = {tensor->rows(), tensor->linears.front()->in_features()};
            const auto form = gguf_form_of(*tensor, choices_);
            if (form && !form->problem.empty())
                throw Error(ErrorKind::unsupported, tensor->linears.front()->short_name + ": " + form->problem);
            spec.dtype = form ? form->type : float_type(model, *tensor);
        }
    }
    for (const auto& [name, values] : rotary_) all.push_back({name, DType::f32, {std::ssize(values)}});
    return all;
}

GgufEntries GgufFolder::entries(const QuantizedModel& model, const std::vector<GgufSpec>& specs) const {
    std::map<DType, std::int64_t> elements;
    for (std::size_t i = 0; i < order_.size(); ++i)
        if (!order_[i]->linears.empty()) elements[specs[i].dtype] += element_count(specs[i].shape);
    GgufEntries all;
    all.text("general.architecture", architecture_.name);
    all.text("general.type", "model");
    all.text("general.name", base_->name());
    all.u32("general.file_type", file_type(elements));
    all.u32("general.quantization_version", 2);
    all.text("graticule.version", GRATICULE_VERSION);
    all.text("graticule.recipe", summary_line(model.recipe));
    all.text("graticule.provenance", to_json(model.provenance).dump());
    add_gguf_config(*base_, architecture_, all);
    all.append(tokenizer_);
    return all;
}

/// Of linears that are not quantized.
DType GgufFolder::float_type(const QuantizedModel& model, const GgufPlanned& tensor) const {
    DType type = DType::f32;
    for (const Linear* linear : tensor.linears) {
        const bool replaced = model.replaced.contains(linear->name + ".weight");
        const DType own = replaced ? DType::f32 : plain_type(stored_as(*base_, *linear), GgufChange::none);
        if (linear != tensor.linears.front() && own != type) return DType::f32;
        type = own;
    }
    return type;
}

std::vector<std::byte> GgufFolder::for_the_file(GgufChange change, std::vector<std::byte> rows_of_all,
                                                std::int64_t rows) const {
    if (!turns_rows(change)) return rows_of_all;
    return rows_turned(rows_of_all, rows, heads_of(change), 2);
}

HostTensor GgufFolder::take(const QuantizedLinear& linear) {
    const Linear& shape = base_->linear(linear.layer);
    Spot& spot = spots_.at(linear.layer);
    GRATICULE_ASSERT(spot.digest.empty(), "a linear that is handed over twice");
    const GgufChange change = spot.tensor->change;
    const std::int64_t rows = shape.out_features();
    std::vector<std::byte> bytes = for_the_file(change, gguf_rows(linear, shape, spot.type), rows);
    writer_->write_at(spot.tensor->full_name(), spot.offset, bytes);
    Sha256 hash;
    hash.update(bytes);
    spot.digest = hash.hex();
    if (turns_rows(change)) bytes = rows_turned(bytes, rows, heads_of(change), rows / heads_of(change) / 2);
    HostTensor decoded = HostTensor::from_vector(std::move(bytes), spot.type, {rows, shape.in_features()});
    refuse_what_is_not_finite(*base_, shape.name + ".weight", decoded);
    return decoded;
}

/// A tensor's own bytes where it has that type already, or its values a few rows at a time.
void GgufFolder::write_values(const std::string& stored_name, const HostTensor& values, const GgufPlanned& tensor,
                              DType type) {
    const bool turned = turns_rows(tensor.change);
    const std::int64_t rows = values.rows(), columns = std::max<std::int64_t>(values.columns(), 1);
    if (type == values.dtype && !values.encoded && tensor.change != GgufChange::plus_one) { // as it is
        refuse_what_is_not_finite(*base_, stored_name, values);
        if (turned)
            writer_->write(tensor.full_name(),
                           for_the_file(tensor.change, {values.bytes.begin(), values.bytes.end()}, rows));
        else
            writer_->write(tensor.full_name(), values.bytes);
        return;
    }
    const std::int64_t step =
        turned ? std::max<std::int64_t>(rows, 1) : rows_decoded_at_once(values); // heads are whole
    for (std::int64_t first = 0; first < rows; first += step) {
        std::vector<float> floats = to_floats(values, first, std::min(step, rows - first));
        refuse_what_is_not_finite(*base_, stored_name, floats, first, columns);
        if (tensor.change == GgufChange::plus_one)
            for (float& value : floats) value += 1.0F;
        writer_->write(tensor.full_name(),
                       for_the_file(tensor.change, in_type(floats, type), std::min(step, rows - first)));
    }
}

/// Whatever has no codes.
void GgufFolder::write_rest(const QuantizedModel& model, const GgufPlanned& tensor, DType type) {
    if (tensor.linears.empty()) {
        const HostTensor* values = current(model, tensor.stored_name, tensor.plain);
        GRATICULE_ASSERT(values != nullptr, "a head of its own from folding");
        write_values(tensor.stored_name, *values, tensor, type);
        return;
    }
    for (const Linear* linear : tensor.linears) {
        const std::string name = linear->name + tensor.ending;
        const HostTensor& stored = tensor.of_weights() ? linear->weight : *linear->bias;
        write_values(name, *current(model, name, stored), tensor, type);
    }
}

void GgufFolder::finish(const QuantizedModel& model, JobContext& ctx) {
    const std::vector<GgufSpec> known = specs(model);
    writer_->redeclare(entries(model, known), known);
    ctx.progress.begin("Writing", std::ssize(known) - static_cast<std::int64_t>(streamed_));
    for (std::size_t i = streamed_; i < order_.size(); ++i) {
        write_rest(model, *order_[i], known[i].dtype);
        ctx.advance();
    }
    for (const auto& [name, values] : rotary_) {
        writer_->write(name, std::as_bytes(std::span(values)));
        ctx.advance();
    }
    writer_->finish();
    carry_licences(base_->parts().checkpoint->folder(), file_.parent_path());
    check_linears(ctx);
}

void GgufFolder::check_linears(JobContext& ctx) const {
    ctx.progress.begin("Reading back", std::ssize(spots_));
    const auto file = GgufFile::open(file_);
    for (const auto& [layer, spot] : spots_) {
        const GgufTensor* tensor = file->find(spot.tensor->full_name());
        Sha256 hash;
        hash.update(tensor->bytes.subspan(spot.offset, spot.bytes));
        if (hash.hex() != spot.digest)
            throw Error(ErrorKind::internal, file_.string() + ": " + tensor->name +
                                                 ": other bytes were read back than were written; nothing was kept");
        ctx.advance();
    }
}

} // namespace

std::unique_ptr<ModelWriter> open_gguf_folder(const QuantizedModel& heading, const LayerChoices& choices,
                                              const std::filesystem::path& folder, const ExportOptions&) {
    return std::make_unique<GgufFolder>(heading, choices, folder);
}

} // namespace graticule
