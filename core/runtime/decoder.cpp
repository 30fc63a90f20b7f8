// What lies outside the blocks: loading parameters, embedding, head, loss. The block itself is decoder_block.cpp.
#include "core/runtime/decoder.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/base/error.h"
#include "core/model/family.h"
#include "core/runtime/decoder_parts.h"
#include "core/runtime/parameters.h"

namespace graticule {

Decoder::Decoder(std::shared_ptr<const Model> model, std::shared_ptr<const WeightSource> weights, Device device,
                 Precision precision)
    : model_(std::move(model))
    , weights_(std::move(weights))
    , device_(std::move(device))
    , precision_(precision)
    , parts_(std::make_unique<Parts>()) {}

Decoder::~Decoder() = default;

at::ScalarType Decoder::type() const { return precision_ == Precision::float64 ? at::kDouble : at::kFloat; }

NormWeights Decoder::load_norm(const Norm& norm) const {
    NormWeights loaded;
    if (!norm.present()) return loaded;
    const auto load_part = [&](const std::string& name, const HostTensor& stored) {
        return parameter(name, weights_->tensor(name, stored));
    };
    loaded.weight = load_part(norm.name + ".weight", norm.weight);
    if (norm.bias) loaded.bias = load_part(norm.name + ".bias", *norm.bias);
    return loaded;
}

at::Tensor Decoder::parameter(const std::string& name, const HostTensor& tensor) const {
    return load_parameter(*model_, name, tensor, device_, type());
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
    return parameter(name, weights_->tensor(name, block.router->weight));
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
        tensors.weight = parameter(linear.name + ".weight", weights_->weight(linear));
        if (const auto bias = weights_->bias(linear)) tensors.bias = parameter(linear.name + ".bias", *bias);
    }
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
        prepared.linears[layer] = prepare_linear(*model_, model_->linear(layer), *weights_, device_, type());
    return prepared;
}

namespace {

/// Rows of the embedding for these ids, decoded one by one: the table itself never leaves the file.
at::Tensor gather_rows(const HostTensor& table, std::span<const std::span<const std::int32_t>> ids) {
    const auto tokens = static_cast<std::int64_t>(ids.front().size());
    const bool wide = table.dtype == DType::f64; // a rotated table in the exact form
    at::Tensor rows =
        at::empty({static_cast<std::int64_t>(ids.size()), tokens, table.columns()}, wide ? at::kDouble : at::kFloat);
    const std::size_t row_bytes = static_cast<std::size_t>(table.columns()) * rows.element_size();
    auto* out = static_cast<std::byte*>(rows.data_ptr());
    for (const auto& row : ids) {
        GRATICULE_ASSERT(std::cmp_equal(row.size(), tokens), "rows of equal length");
        for (const std::int32_t id : row) {
            if (id < 0 || id >= table.rows())
                throw Error(ErrorKind::bad_input, "token id " + std::to_string(id) + " is outside the vocabulary of " +
                                                      std::to_string(table.rows()) +
                                                      "; does the tokenizer belong to this model?");
            if (wide)
                std::memcpy(out, table.bytes.data() + static_cast<std::size_t>(id) * row_bytes, row_bytes);
            else
                to_floats(table, id, 1, reinterpret_cast<float*>(out));
            out += row_bytes;
        }
    }
    return rows;
}

} // namespace

at::Tensor Decoder::embed(std::span<const std::span<const std::int32_t>> ids) const {
    GRATICULE_ASSERT(!ids.empty() && !ids.front().empty(), "nothing to embed");
    const TorchScope scope(device_);
    const Model::Parts& parts = model_->parts();
    const ModelConfig& config = model_->config();
    const auto tokens = static_cast<std::int64_t>(ids.front().size());
    const ModelFamily::Names& names = model_->family().names;
    const std::string name = outer_name(names.embedding);
    at::Tensor hidden = gather_rows(weights_->tensor(name, parts.embedding), ids);
    check_finite(hidden, *model_, name);
    hidden = hidden.to(torch_device(device_)).to(type());
    if (config.embedding_scale != 1) hidden.mul_(config.embedding_scale);
    if (parts.embedding_norm.present()) {
        if (!parts_->embedding_norm.weight.defined()) parts_->embedding_norm = load_norm(parts.embedding_norm);
        hidden = norm(parts_->embedding_norm, hidden);
    }
    if (parts.project_in) hidden = at::linear(hidden, parameter(outer_name(names.project_in), *parts.project_in));
    if (parts.positions) {
        if (tokens > config.max_positions)
            throw Error(ErrorKind::bad_input, std::to_string(tokens) + " tokens are more than the " +
                                                  std::to_string(config.max_positions) +
                                                  " positions this model has learned; use a shorter window");
        if (!parts_->positions.defined()) parts_->positions = parameter(outer_name(names.positions), *parts.positions);
        hidden = hidden + parts_->positions.narrow(0, config.position_offset, tokens);
    }
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
    const Model::Parts& parts = model_->parts();
    if (!parts_->head.defined()) {
        const ModelFamily::Names& names = model_->family().names;
        parts_->final_norm = load_norm(parts.final_norm);
        if (parts.project_out) parts_->project_out = parameter(outer_name(names.project_out), *parts.project_out);
        const std::string name = std::string(names.head) + ".weight";
        // A tied head is the embedding, unless the source has made it a tensor of its own.
        parts_->head = parameter(parts.head ? name : outer_name(names.embedding),
                                 weights_->tensor(name, parts.head ? *parts.head : parts.embedding));
    }
    at::Tensor out = parts_->final_norm.weight.defined() ? norm(parts_->final_norm, hidden) : hidden;
    return parts_->project_out.defined() ? at::linear(out, parts_->project_out) : out;
}

namespace {

void soft_cap_in_place(at::Tensor& logits, double cap) {
    if (cap > 0) logits.div_(cap).tanh_().mul_(cap);
}

} // namespace

at::Tensor Decoder::logits(const at::Tensor& hidden) const {
    const TorchScope scope(device_);
    const at::Tensor last = finish(hidden); // loads the head
    at::Tensor scores = at::linear(last, parts_->head);
    soft_cap_in_place(scores, model_->config().logit_softcap);
    return scores;
}

double Decoder::window_loss(const at::Tensor& hidden, std::span<const std::int32_t> ids) const {
    GRATICULE_ASSERT(hidden.dim() == 3 && hidden.size(0) == 1 && std::cmp_equal(hidden.size(1), ids.size()),
                     "one window and its ids");
    const TorchScope scope(device_);
    const at::Tensor last = finish(hidden)[0]; // (tokens, width)
    const std::int64_t targets = last.size(0) - 1;
    at::Tensor next = at::empty({targets, 1}, at::kLong);
    std::copy(ids.begin() + 1, ids.end(), next.data_ptr<std::int64_t>());
    next = next.to(last.device());
    // A few hundred rows at a time: a whole window of logits over a large vocabulary would not stay in cache, and need
    // not be in memory.
    const std::int64_t budget = std::int64_t{device_.is_cuda() ? 1024 : 64} << 20;
    const std::int64_t rows_at_once =
        std::max<std::int64_t>(1, budget / (parts_->head.size(0) * static_cast<std::int64_t>(last.element_size())));
    double sum = 0;
    for (std::int64_t first = 0; first < targets; first += rows_at_once) {
        const std::int64_t count = std::min(rows_at_once, targets - first);
        at::Tensor scores = at::linear(last.narrow(0, first, count), parts_->head);
        soft_cap_in_place(scores, model_->config().logit_softcap);
        const at::Tensor target = scores.gather(1, next.narrow(0, first, count));
        const at::Tensor highest = scores.amax(-1, true);
        const at::Tensor log_sum = scores.sub_(highest).exp_().sum(-1, true).log_().add_(highest);
        sum += (log_sum - target).sum(at::kDouble).item<double>();
    }
    return sum / static_cast<double>(targets);
}

} // namespace graticule
