// One decoder block: norms, attention, MLP, residuals, with the hooks in their places.
#include <algorithm>
#include <limits>
#include <utility>

#include "core/base/error.h"
#include "core/runtime/decoder.h"
#include "core/runtime/decoder_parts.h"

namespace graticule {

namespace {

/// Shows the operand to `hooks` and rounds it as the plan says.
at::Tensor planned_operand(Operand operand, const Block& block, const AttentionPlan& plan, at::Tensor x,
                           const Device& device, DecoderHooks* hooks) {
    if (hooks != nullptr) hooks->observe_operand(operand, block.id, x);
    const ActivationRounding* rounding = plan.rounding(operand);
    return rounding != nullptr ? round_activation(*rounding, x, device) : x;
}

void activate_in_place(at::Tensor& x, Activation activation) {
    switch (activation) {
    case Activation::relu:
        x.relu_();
        return;
    case Activation::silu:
        at::silu_(x);
        return;
    case Activation::gelu_tanh:
        at::gelu_(x, "tanh");
        return;
    case Activation::gelu_erf:
        at::gelu_(x);
        return;
    }
}

/// Each key-value head once for every query head that reads it.
at::Tensor repeat_heads(const at::Tensor& x, std::int64_t heads) {
    return x.size(1) == heads ? x : x.repeat_interleave(heads / x.size(1), 1);
}

/// True where query i may look at key j: j <= i and, under a sliding window, i - j < window.
at::Tensor visible(std::int64_t tokens, std::int64_t window, at::Device device) {
    const at::Tensor all = at::ones({tokens, tokens}, at::TensorOptions().dtype(at::kBool).device(device)).tril();
    return window < tokens ? all.logical_and(all.triu(1 - window)) : all;
}

} // namespace

at::Tensor Decoder::norm(const NormWeights& weights, const at::Tensor& x) const {
    const ModelConfig& config = model_->config();
    if (config.norm == NormKind::layer)
        return at::layer_norm(x, {x.size(-1)}, weights.weight, weights.bias, config.norm_epsilon);
    // Without a squared copy of x: |x|^2 / n is the mean square.
    const at::Tensor mean_square = at::linalg_vector_norm(x, 2, {-1}, true).square_().div_(x.size(-1));
    at::Tensor normed = x * mean_square.add_(config.norm_epsilon).rsqrt_();
    return config.norm == NormKind::rms_plus_one ? normed.mul_(weights.weight + 1) : normed.mul_(weights.weight);
}

at::Tensor Decoder::attend(const Block& block, const AttentionPlan& plan, at::Tensor q, at::Tensor k, at::Tensor v,
                           DecoderHooks* hooks) const {
    const ModelConfig& config = model_->config();
    const std::int64_t tokens = q.size(2);
    k = repeat_heads(k, q.size(1));
    v = repeat_heads(v, q.size(1));
    const bool windowed = block.sliding_window && *config.sliding_window < tokens;
    const bool probabilities =
        plan.rounding(Operand::probability) != nullptr || (hooks != nullptr && hooks->wants_probabilities(block.id));
    const bool fused = !probabilities && config.attention_softcap == 0;
    if (fused && !windowed) return at::scaled_dot_product_attention(q, k, v, {}, 0, true, config.attention_scale);

    at::Tensor& mask = windowed ? parts_->sliding_masks[tokens] : parts_->sliding_masks[-tokens];
    if (!mask.defined()) mask = visible(tokens, windowed ? *config.sliding_window : tokens, q.device());
    if (fused) return at::scaled_dot_product_attention(q, k, v, mask, 0, false, config.attention_scale);

    const at::Tensor hidden_from_view = mask.logical_not();
    std::vector<at::Tensor> outputs;
    for (std::int64_t sample = 0; sample < q.size(0); ++sample) { // heads x tokens^2 scores: one sample at a time
        at::Tensor scores = at::matmul(q[sample], k[sample].transpose(1, 2)).mul_(config.attention_scale);
        if (config.attention_softcap > 0) scores.div_(config.attention_softcap).tanh_().mul_(config.attention_softcap);
        scores.masked_fill_(hidden_from_view, -std::numeric_limits<double>::infinity());
        at::Tensor weights = at::softmax(scores, -1).unsqueeze(0);
        if (probabilities) weights = planned_operand(Operand::probability, block, plan, weights, device_, hooks);
        outputs.push_back(at::matmul(weights[0], v[sample]));
    }
    return at::stack(outputs);
}

at::Tensor Decoder::attention(BlockId id, const BlockOperations& operations, const at::Tensor& input,
                              DecoderHooks* hooks) const {
    const TorchScope scope(device_);
    const ModelConfig& config = model_->config();
    const Block& block = model_->blocks().at(index_of(id));
    const std::int64_t batch = input.size(0);
    const std::int64_t tokens = input.size(1);
    if (hooks != nullptr) hooks->observe(model_->linear(block.q).site, input);
    SiteInputs inputs(input, device_);
    const auto heads_of = [&](LayerId layer, std::int64_t heads) {
        return operations.run(layer, inputs).view({batch, tokens, heads, config.head_dim});
    };
    at::Tensor q = heads_of(block.q, config.heads);
    at::Tensor k = heads_of(block.k, config.kv_heads);
    at::Tensor v = heads_of(block.v, config.kv_heads);
    if (operations.norms.query.weight.defined()) q = norm(operations.norms.query, q);
    if (operations.norms.key.weight.defined()) k = norm(operations.norms.key, k);
    if (config.rope.type != RopeConfig::Type::none) {
        RotaryTable& table = parts_->rotary[tokens];
        if (table.tokens == 0) table = make_rotary_table(config, tokens, q.device(), type());
        q = rotate(q, table);
        k = rotate(k, table);
    }
    const AttentionPlan& plan = operations.attention;
    q = planned_operand(Operand::query, block, plan, q.transpose(1, 2), device_, hooks);
    k = planned_operand(Operand::key, block, plan, k.transpose(1, 2), device_, hooks);
    v = planned_operand(Operand::value, block, plan, v.transpose(1, 2), device_, hooks);
    const at::Tensor mixed = attend(block, plan, std::move(q), std::move(k), std::move(v), hooks)
                                 .transpose(1, 2)
                                 .reshape({batch, tokens, config.heads * config.head_dim});
    if (hooks != nullptr) hooks->observe(model_->linear(block.o).site, mixed);
    SiteInputs mixed_inputs(mixed, device_);
    return operations.run(block.o, mixed_inputs);
}

at::Tensor Decoder::mlp(BlockId id, const BlockOperations& operations, const at::Tensor& input,
                        DecoderHooks* hooks) const {
    const TorchScope scope(device_);
    const Block& block = model_->blocks().at(index_of(id));
    if (hooks != nullptr) hooks->observe(model_->linear(block.up).site, input);
    SiteInputs inputs(input, device_);
    at::Tensor inner = operations.run(block.gate ? *block.gate : block.up, inputs);
    activate_in_place(inner, model_->config().activation);
    if (block.gate) inner.mul_(operations.run(block.up, inputs));
    if (hooks != nullptr) hooks->observe(model_->linear(block.down).site, inner);
    SiteInputs inner_inputs(inner, device_);
    return operations.run(block.down, inner_inputs);
}

at::Tensor Decoder::forward(BlockId id, const BlockOperations& operations, const at::Tensor& hidden,
                            DecoderHooks* hooks) const {
    const TorchScope scope(device_);
    const bool norm_after = model_->config().norm_after;
    const auto maybe = [&](const NormWeights& which, const at::Tensor& x) {
        return which.weight.defined() ? norm(which, x) : x;
    };
    // The modules return fresh tensors, so the residual may be added in place.
    at::Tensor mixed = attention(id, operations, norm_after ? hidden : norm(operations.norms.attention, hidden), hooks);
    mixed = maybe(operations.norms.post_attention, mixed).add_(hidden);
    if (norm_after) mixed = norm(operations.norms.attention, mixed);
    at::Tensor out = mlp(id, operations, norm_after ? mixed : norm(operations.norms.mlp, mixed), hooks);
    out = maybe(operations.norms.post_mlp, out).add_(mixed);
    return norm_after ? norm(operations.norms.mlp, out) : out;
}

void Decoder::forward(BlockId block, const BlockOperations& operations, std::vector<at::Tensor>& hidden,
                      DecoderHooks* hooks) const {
    for (at::Tensor& sample : hidden) sample = forward(block, operations, sample, hooks);
}

} // namespace graticule
