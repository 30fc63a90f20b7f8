// What lies outside the blocks: loading parameters, embedding, head. The block itself is decoder_block.cpp.
#include "core/runtime/decoder.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/base/error.h"
#include "core/model/family.h"
#include "core/runtime/decoder_parts.h"
#include "core/runtime/fixed_products.h"
#include "core/runtime/gradients.h"
#include "core/runtime/parameters.h"
#include "core/runtime/transfers.h"

namespace graticule {

Decoder::Decoder(std::shared_ptr<const Model> model, std::shared_ptr<const WeightSource> weights, Device device,
                 Execution execution)
    : model_(std::move(model))
    , weights_(std::move(weights))
    , device_(std::move(device))
    , execution_(execution)
    , type_(scalar_type(execution.compute))
    , loader_(std::make_shared<ParameterLoader>(model_, device_))
    , parts_(std::make_unique<Parts>()) {}

Decoder::Decoder(const Decoder& beside, std::shared_ptr<const WeightSource> weights)
    : model_(beside.model_)
    , weights_(std::move(weights))
    , device_(beside.device_)
    , execution_(beside.execution_)
    , type_(beside.type_)
    , loader_(beside.loader_)
    , parts_(std::make_unique<Parts>()) {}

Decoder::~Decoder() = default;

NormWeights Decoder::load_norm(const Norm& norm) const {
    NormWeights loaded;
    if (!norm.present()) return loaded;
    const auto load_part = [&](const std::string& name, const HostTensor& stored) {
        return parameter(name, weights_->tensor(name, stored), state_type());
    };
    loaded.weight = load_part(norm.name + ".weight", norm.weight);
    if (norm.bias) loaded.bias = load_part(norm.name + ".bias", *norm.bias);
    return loaded;
}

at::Tensor Decoder::parameter(const std::string& name, const HostTensor& tensor, at::ScalarType type) const {
    return loader_->load(name, tensor, type);
}

std::string Decoder::outer_name(std::string_view name) const {
    return model_->parts().prefix + std::string(name) + ".weight";
}

BlockNorms Decoder::load_norms(const Block& block) const {
    BlockNorms norms;
    for (std::size_t slot = 0; slot < norm_slots; ++slot) norms.slots[slot] = load_norm(block.norms[slot]);
    return norms;
}

at::Tensor Decoder::load_router(const Block& block) const {
    if (!block.router) return {};
    const std::string name = block.router->name + ".weight";
    return parameter(name, weights_->tensor(name, block.router->weight), type());
}

namespace {

std::vector<LayerId> linears_of(const Block& block) {
    std::vector<LayerId> ids = {block.q, block.k, block.v, block.o};
    for (const Mlp& mlp : block.mlps) {
        if (mlp.gate) ids.push_back(*mlp.gate);
        ids.push_back(mlp.up);
        ids.push_back(mlp.down);
    }
    return ids;
}

} // namespace

BlockWeights Decoder::load(BlockId id) const {
    const TorchScope scope(device_);
    const Block& block = model_->blocks().at(index_of(id));
    BlockWeights loaded;
    loaded.norms = load_norms(block);
    loaded.router = load_router(block);
    for (const LayerId layer : linears_of(block)) {
        const Linear& linear = model_->linear(layer);
        const QuantizedLinear* quantized = weights_->quantized(linear);
        GRATICULE_ASSERT(quantized == nullptr || quantized->codes.empty(), "tensors in full precision");
        LinearWeights& tensors = loaded.linears[layer];
        tensors.weight = parameter(linear.name + ".weight", weights_->weight(linear), state_type());
        if (const auto bias = weights_->bias(linear))
            tensors.bias = parameter(linear.name + ".bias", *bias, state_type());
    }
    loader_->verify();
    return loaded;
}

BlockOperations Decoder::prepare(BlockId id) const {
    const TorchScope scope(device_);
    const Block& block = model_->blocks().at(index_of(id));
    BlockOperations prepared;
    prepared.norms = load_norms(block);
    prepared.router = load_router(block);
    prepared.attention = attention_plan(*model_, block, *weights_);
    for (const LayerId layer : linears_of(block))
        prepared.linears[layer] = prepare_linear(*loader_, model_->linear(layer), *weights_, execution_);
    return prepared;
}

namespace {
std::int64_t bytes_of(const at::Tensor& tensor) {
    return tensor.defined() ? static_cast<std::int64_t>(tensor.nbytes()) : 0;
}
} // namespace

void Decoder::load_outer() const {
    if (parts_->loaded) return;
    const TorchScope scope(device_);
    const Model::Parts& parts = model_->parts();
    const ModelFamily::Names& names = model_->family().names;
    const std::string embedding_name = outer_name(names.embedding), head_name = std::string(names.head) + ".weight";
    const HostTensor embedding = weights_->tensor(embedding_name, parts.embedding);
    // A tied head is the embedding, unless the source has made it a tensor of its own.
    const HostTensor head = weights_->tensor(head_name, parts.head ? *parts.head : parts.embedding);
    // On a card rows are looked up where they are needed; a CPU takes those it needs from the file.
    if (const auto stored = stored_scalar_type(embedding.dtype); stored && device_.is_cuda())
        parts_->embedding = parameter(embedding_name, embedding, *stored);
    if (parts.embedding_norm.present()) parts_->embedding_norm = load_norm(parts.embedding_norm);
    if (parts.project_in) parts_->project_in = parameter(outer_name(names.project_in), *parts.project_in, type());
    if (parts.positions) parts_->positions = parameter(outer_name(names.positions), *parts.positions, state_type());
    parts_->final_norm = load_norm(parts.final_norm);
    if (parts.project_out) parts_->project_out = parameter(outer_name(names.project_out), *parts.project_out, type());
    const bool shared = parts_->embedding.defined() && parts_->embedding.scalar_type() == type() &&
                        head.bytes.data() == embedding.bytes.data();
    parts_->head = shared ? parts_->embedding : parameter(parts.head ? head_name : embedding_name, head, type());
    parts_->loaded = true;
}

std::int64_t Decoder::outer_bytes() const {
    const Parts& parts = *parts_;
    std::int64_t bytes = parts.head.is_same(parts.embedding) ? 0 : bytes_of(parts.head);
    for (const at::Tensor* tensor : {&parts.embedding, &parts.positions, &parts.project_in, &parts.project_out})
        bytes += bytes_of(*tensor);
    return bytes;
}

namespace {

void check_ids(const Model& model, std::span<const std::span<const std::int32_t>> ids) {
    const std::int64_t vocabulary = model.parts().embedding.rows();
    for (const auto& row : ids) {
        GRATICULE_ASSERT(row.size() == ids.front().size(), "rows of equal length");
        for (const std::int32_t id : row)
            if (id < 0 || id >= vocabulary)
                throw Error(ErrorKind::bad_input, model.parts().path.string() + ": token id " + std::to_string(id) +
                                                      " is outside the vocabulary of " + std::to_string(vocabulary) +
                                                      "; does the tokenizer belong to this model?");
    }
}

/// (rows, tokens) int64 in host memory.
at::Tensor as_tensor(std::span<const std::span<const std::int32_t>> ids) {
    const auto tokens = static_cast<std::int64_t>(ids.front().size());
    at::Tensor all = at::empty({static_cast<std::int64_t>(ids.size()), tokens}, at::kLong);
    auto* out = all.data_ptr<std::int64_t>();
    for (const auto& row : ids) out = std::copy(row.begin(), row.end(), out);
    return all;
}

/// Rows of the embedding for these ids, decoded one by one: the table itself never leaves the file.
at::Tensor gather_rows(const HostTensor& table, std::span<const std::span<const std::int32_t>> ids) {
    const auto tokens = static_cast<std::int64_t>(ids.front().size());
    const bool wide = table.dtype == DType::f64; // a rotated table in the exact form
    at::Tensor rows =
        at::empty({static_cast<std::int64_t>(ids.size()), tokens, table.columns()}, wide ? at::kDouble : at::kFloat);
    const std::size_t row_bytes = static_cast<std::size_t>(table.columns()) * rows.element_size();
    auto* out = static_cast<std::byte*>(rows.data_ptr());
    for (const auto& row : ids)
        for (const std::int32_t id : row) {
            if (wide)
                std::memcpy(out, table.bytes.data() + static_cast<std::size_t>(id) * row_bytes, row_bytes);
            else
                to_floats(table, id, 1, reinterpret_cast<float*>(out));
            out += row_bytes;
        }
    return rows;
}

} // namespace

at::Tensor Decoder::embed(std::span<const std::span<const std::int32_t>> ids, std::int64_t first) const {
    GRATICULE_ASSERT(!ids.empty() && !ids.front().empty(), "nothing to embed");
    const TorchScope scope(device_);
    const Model::Parts& parts = model_->parts();
    const ModelConfig& config = model_->config();
    const auto tokens = static_cast<std::int64_t>(ids.front().size());
    model_->check_positions(first + tokens);
    check_ids(*model_, ids);
    load_outer();
    at::Tensor hidden;
    if (parts_->embedding.defined()) {
        hidden = at::embedding(parts_->embedding, send(as_tensor(ids), device_));
    } else {
        const std::string name = outer_name(model_->family().names.embedding);
        hidden = gather_rows(weights_->tensor(name, parts.embedding), ids);
        check_finite(hidden, *model_, name);
        hidden = send(hidden, device_);
    }
    hidden = hidden.to(state_type());
    if (config.embedding_scale != 1) hidden.mul_(config.embedding_scale);
    hidden = norm(parts_->embedding_norm, hidden);
    if (parts_->project_in.defined()) hidden = fixed_linear(hidden.to(type()), parts_->project_in).to(state_type());
    if (parts_->positions.defined())
        hidden = hidden + parts_->positions.narrow(0, config.position_offset + first, tokens);
    return hidden;
}

std::vector<at::Tensor> Decoder::embed(const std::vector<std::vector<std::int32_t>>& samples) const {
    std::vector<at::Tensor> hidden;
    for (const auto& sample : samples) {
        const std::span<const std::int32_t> row(sample);
        hidden.push_back(embed(std::span(&row, 1)));
    }
    return hidden;
}

at::Tensor Decoder::finish(const at::Tensor& hidden) const {
    load_outer();
    const at::Tensor out = norm(parts_->final_norm, hidden).to(type());
    return parts_->project_out.defined() ? fixed_linear(out, parts_->project_out) : out;
}

namespace {

void soft_cap_in_place(at::Tensor& logits, double cap) {
    if (cap > 0) logits.div_(cap).tanh_().mul_(cap);
}

} // namespace

at::Tensor Decoder::logits(const at::Tensor& hidden) const {
    const TorchScope scope(device_);
    return head_output(finish(hidden));
}

at::Tensor Decoder::head_input(const at::Tensor& hidden) const {
    GRATICULE_ASSERT(hidden.dim() == 3 && hidden.size(0) == 1, "one window");
    return finish(hidden)[0];
}

at::Tensor Decoder::head_output(const at::Tensor& rows) const {
    at::Tensor scores = fixed_linear(rows, parts_->head).to(state_type());
    const double cap = model_->config().logit_softcap;
    if (cap > 0 && differentiating()) return at::tanh(scores / cap) * cap;
    soft_cap_in_place(scores, cap);
    return scores;
}

std::int64_t Decoder::logit_rows() const {
    const std::int64_t budget = std::int64_t{device_.is_cuda() ? 1024 : 64} << 20;
    const Model::Parts& parts = model_->parts();
    const std::int64_t vocabulary = parts.head ? parts.head->rows() : parts.embedding.rows();
    return std::max<std::int64_t>(1, budget / (vocabulary * static_cast<std::int64_t>(c10::elementSize(state_type()))));
}

} // namespace graticule
