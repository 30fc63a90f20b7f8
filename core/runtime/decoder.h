// Forward passes, block by block. Methods and the model runner are written on this; parameters of one block at a time
// are in memory, and a caller may change them between two passes:
//
//     Decoder decoder(model, stored_weights(), device);
//     std::vector<at::Tensor> hidden = decoder.embed(samples);               // one (1, tokens, hidden) a sample
//     for (const Block& block : model->blocks()) {
//         BlockWeights weights = decoder.load(block.id);
//         weights.at(layer).weight = quantized;                               // what later passes of this block use
//         decoder.forward(block.id, weights, hidden);                         // in place: hidden of the next block
//     }
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/model.h"
#include "core/runtime/block_operations.h"
#include "core/runtime/device.h"
#include "core/runtime/hooks.h"
#include "core/runtime/key_value_cache.h"
#include "core/runtime/parameter_loader.h"
#include "core/runtime/torch_bridge.h"
#include "core/runtime/weight_source.h"

namespace graticule {

struct RotaryTable;

class Decoder {
public:
    Decoder(std::shared_ptr<const Model> model, std::shared_ptr<const WeightSource> weights, Device device,
            Execution execution = {Compute::float32, Arithmetic::simulated});
    /// The same model, device and execution with other weights. The two run side by side: what both take from the
    /// checkpoint is loaded once while one of them holds it.
    Decoder(const Decoder& beside, std::shared_ptr<const WeightSource> weights);
    ~Decoder();

    [[nodiscard]] const Model& model() const { return *model_; }
    [[nodiscard]] const Device& device() const { return device_; }
    /// Of products and of what linears read and write.
    [[nodiscard]] at::ScalarType type() const { return type_; }
    /// Of hidden states, norms, softmax, rotary angles and losses: float32, or float64 with products in it.
    [[nodiscard]] at::ScalarType state_type() const { return type_ == at::kDouble ? at::kDouble : at::kFloat; }

    /// The block's tensors of the state type: Error{internal} for a linear that its source gives as codes.
    [[nodiscard]] BlockWeights load(BlockId block) const;
    /// The block's operations as the source wants them: codes stay codes, inputs and attention operands are rounded.
    [[nodiscard]] BlockOperations prepare(BlockId block) const;

    /// ids: rows of equal length, at the positions from `first` on. Returns (rows, tokens, hidden). Error{bad_input} for
    /// an id outside the vocabulary or more tokens than learned positions.
    [[nodiscard]] at::Tensor embed(std::span<const std::span<const std::int32_t>> ids, std::int64_t first = 0) const;
    /// One (1, tokens, hidden) a sample.
    [[nodiscard]] std::vector<at::Tensor> embed(const std::vector<std::vector<std::int32_t>>& samples) const;

    /// hidden (batch, tokens, hidden), of the state type, through one block. With a cache they are the tokens behind
    /// those that it has seen; hooks are shown the new ones alone.
    [[nodiscard]] at::Tensor forward(BlockId block, const BlockOperations& operations, const at::Tensor& hidden,
                                     DecoderHooks* hooks = nullptr, KeyValueCache* cache = nullptr) const;
    /// The same for every sample, in place.
    void forward(BlockId block, const BlockOperations& operations, std::vector<at::Tensor>& hidden,
                 DecoderHooks* hooks = nullptr) const;

    /// Whether a token has the same place in a text of `tokens` tokens and in one that goes on to `longer`: some rotary
    /// embeddings turn a longer text by other angles.
    [[nodiscard]] bool same_positions(std::int64_t tokens, std::int64_t longer) const;

    /// The attention module alone: `input` (batch, tokens, hidden) is what q, k and v read (already normed); the result
    /// is the o projection's output, before post-norm and residual, of type().
    [[nodiscard]] at::Tensor attention(BlockId block, const BlockOperations& operations, const at::Tensor& input,
                                       DecoderHooks* hooks = nullptr) const;
    /// The MLP alone, or router and experts: `input` is what fc1, or gate and up, read; the result is fc2's or down's
    /// output.
    [[nodiscard]] at::Tensor mlp(BlockId block, const BlockOperations& operations, const at::Tensor& input,
                                 DecoderHooks* hooks = nullptr) const;

    /// Final norm, projection and head: (batch, tokens, vocabulary) of the state type.
    [[nodiscard]] at::Tensor logits(const at::Tensor& hidden) const;
    /// The same in two steps, for work on a few rows at a time: what the head multiplies, of one window, (tokens,
    /// width) of type() from hidden (1, tokens, hidden); and of some rows of that (rows, vocabulary), the caller's to
    /// change.
    [[nodiscard]] at::Tensor head_input(const at::Tensor& hidden) const;
    [[nodiscard]] at::Tensor head_output(const at::Tensor& rows) const;
    /// How many rows of logits are worth having at a time: a whole window of them over a large vocabulary would not
    /// stay in cache, and need not be in memory.
    [[nodiscard]] std::int64_t logit_rows() const;

    /// Everything outside the blocks now instead of on first use, so that its memory is counted.
    void load_outer() const;
    [[nodiscard]] std::int64_t outer_bytes() const; ///< of what load_outer has loaded
    /// See ParameterLoader::verify; for callers of prepare, embed and logits on a card. load() has done it.
    void verify_parameters() const { loader_->verify(); }
    /// Gives up the scratch memory that products of codes share; the next one takes some.
    void forget_scratch() const { loader_->workspace()->forget(); }

private:
    [[nodiscard]] at::Tensor attention(BlockId block, const BlockOperations& operations, SiteInputs& inputs,
                                       DecoderHooks* hooks, KeyValueCache* cache) const;
    [[nodiscard]] at::Tensor mlp(BlockId block, const BlockOperations& operations, SiteInputs& inputs,
                                 DecoderHooks* hooks) const;
    [[nodiscard]] at::Tensor run_mlp(const Mlp& mlp, const BlockOperations& operations, SiteInputs& inputs,
                                     DecoderHooks* hooks) const;
    [[nodiscard]] at::Tensor run_experts(const Block& block, const BlockOperations& operations, const at::Tensor& input,
                                         DecoderHooks* hooks) const;
    [[nodiscard]] at::Tensor norm_heads(const NormWeights& weights, const at::Tensor& x) const;
    [[nodiscard]] RotaryTable rotary_rows(bool windowed, std::int64_t first, std::int64_t tokens) const;
    [[nodiscard]] at::Tensor visible_keys(bool windowed, std::int64_t first, std::int64_t tokens) const;
    [[nodiscard]] at::Tensor distances(std::int64_t first, std::int64_t tokens) const;
    struct Parts; // what lies outside the blocks (embedding, final norm, head), loaded on first use; rotary tables
    [[nodiscard]] at::Tensor norm(const NormWeights& weights, const at::Tensor& x) const; // to the state type
    [[nodiscard]] SiteInputs normed_inputs(const NormWeights& weights, const at::Tensor& x) const;
    [[nodiscard]] at::Tensor attend(const Block& block, const AttentionPlan& plan, at::Tensor q, at::Tensor k,
                                    at::Tensor v, DecoderHooks* hooks) const;
    [[nodiscard]] at::Tensor parameter(const std::string& name, const HostTensor& tensor, at::ScalarType type) const;
    [[nodiscard]] std::string outer_name(std::string_view name) const; ///< of a tensor outside the blocks
    [[nodiscard]] NormWeights load_norm(const Norm& norm) const;
    [[nodiscard]] BlockNorms load_norms(const Block& block) const;
    [[nodiscard]] at::Tensor load_router(const Block& block) const;  // undefined: there is none
    [[nodiscard]] at::Tensor finish(const at::Tensor& hidden) const; // final norm and output projection

    std::shared_ptr<const Model> model_;
    std::shared_ptr<const WeightSource> weights_;
    Device device_;
    Execution execution_;
    at::ScalarType type_;
    std::shared_ptr<ParameterLoader> loader_;
    std::unique_ptr<Parts> parts_;
};

} // namespace graticule
