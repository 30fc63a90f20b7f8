// One decoder block: norms, attention, MLP, residuals, with the hooks in their places.
#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>
#include <utility>

#include "core/base/cancel_point.h"
#include "core/base/error.h"
#include "core/runtime/decoder.h"
#include "core/runtime/decoder_parts.h"
#include "core/runtime/fixed_products.h"
#include "core/runtime/fused_attention.h"
#include "core/runtime/gradients.h"

namespace graticule {

namespace {

/// What `make` gives for a length, of a few lengths: texts of many would fill the memory.
template <class Key, class Make>
at::Tensor kept_by_length(std::map<Key, at::Tensor>& kept, const Key& key, const Make& make) {
    constexpr std::size_t most = 4;
    const auto found = kept.find(key);
    if (found != kept.end()) return found->second;
    if (kept.size() == most) kept.clear();
    return kept[key] = make();
}

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

/// (tokens, first + tokens) bool, true where the query at position `first + row` may look at the key at j: j <= i and,
/// under a sliding window, i - j < window.
at::Tensor visible(std::int64_t first, std::int64_t tokens, std::int64_t window, at::Device device) {
    const at::Tensor all =
        at::ones({tokens, first + tokens}, at::TensorOptions().dtype(at::kBool).device(device)).tril(first);
    return window < first + tokens ? all.logical_and(all.triu(first + 1 - window)) : all;
}

/// ALiBi's slope of every head (formats.md section 4.8): powers of one base, and for head counts that are no power of
/// two every other power of the finer base.
std::vector<double> alibi_slopes(std::int64_t heads) {
    std::int64_t whole = 1;
    while (whole * 2 <= heads) whole *= 2;
    const double base = std::pow(2.0, -std::pow(2.0, -(std::log2(double(whole)) - 3)));
    const double finer = std::pow(2.0, -std::pow(2.0, -(std::log2(2 * double(whole)) - 3)));
    std::vector<double> slopes;
    for (std::int64_t i = 1; i <= whole; ++i) slopes.push_back(std::pow(base, double(i)));
    for (std::int64_t i = 1; std::cmp_less(slopes.size(), heads); i += 2) slopes.push_back(std::pow(finer, double(i)));
    return slopes;
}

} // namespace

at::Tensor Decoder::norm(const NormWeights& weights, const at::Tensor& any) const {
    if (!weights.weight.defined()) return any; // absent in this family
    const ModelConfig& config = model_->config();
    const at::Tensor x = any.to(state_type());
    if (config.norm == NormKind::layer)
        return at::layer_norm(x, {x.size(-1)}, weights.weight, weights.bias, config.norm_epsilon);
    const bool plus_one = config.norm == NormKind::rms_plus_one;
    if (differentiating() || (device_.is_cuda() && type() != state_type())) // one kernel
        return at::rms_norm(x, {x.size(-1)}, plus_one ? weights.weight + 1 : weights.weight, config.norm_epsilon);
    // Without a squared copy of x: |x|^2 / n is the mean square.
    const at::Tensor mean_square = at::linalg_vector_norm(x, 2, {-1}, true).square_().div_(x.size(-1));
    at::Tensor normed = x * mean_square.add_(config.norm_epsilon).rsqrt_();
    return plus_one ? normed.mul_(weights.weight + 1) : normed.mul_(weights.weight);
}

/// What linears read behind a norm: made when they want it as it is, quantized in one read where that is all they want.
SiteInputs Decoder::normed_inputs(const NormWeights& weights, const at::Tensor& x) const {
    if (!weights.weight.defined()) return {x.to(type()), device_};
    const ModelConfig& config = model_->config();
    SiteFront front;
    if (x.scalar_type() == at::kFloat && weights.weight.scalar_type() == at::kFloat && !differentiating())
        front.kind = config.norm == NormKind::layer ? InputFront::layer_norm : InputFront::rms_norm;
    front.values = x;
    front.weight = config.norm == NormKind::rms_plus_one ? weights.weight + 1 : weights.weight;
    if (config.norm == NormKind::layer) front.bias = weights.bias;
    front.epsilon = config.norm_epsilon;
    front.type = type();
    front.make = [this, weights, x] { return norm(weights, x).to(type()); };
    return {std::move(front), device_};
}

/// Of the positions from `first` on.
RotaryTable Decoder::rotary_rows(bool windowed, std::int64_t first, std::int64_t tokens) const {
    const ModelConfig& config = model_->config();
    const RopeConfig& rope = windowed ? *config.sliding_rope : config.rope;
    const std::int64_t all = first + tokens;
    RotaryTable& table = parts_->rotary[{rotary_regime(config, rope, all), windowed}];
    if (!table.cosine.defined() || table.cosine.size(0) < all) // a text that grows does not ask every time
        table = make_rotary_table(config, rope, all, first > 0 ? 2 * all : all, torch_device(device_), state_type());
    return {table.cosine.narrow(0, first, tokens), table.sine.narrow(0, first, tokens)};
}

bool Decoder::same_positions(std::int64_t tokens, std::int64_t longer) const {
    const ModelConfig& config = model_->config();
    const auto same = [&](const RopeConfig& rope) {
        return rotary_regime(config, rope, tokens) == rotary_regime(config, rope, longer);
    };
    return same(config.rope) && (!config.sliding_rope || same(*config.sliding_rope));
}

/// See visible(); for blocks with a sliding window that is narrower than the text, or without one.
at::Tensor Decoder::visible_keys(bool windowed, std::int64_t first, std::int64_t tokens) const {
    const auto make = [&] {
        return visible(first, tokens, windowed ? *model_->config().sliding_window : first + tokens,
                       torch_device(device_));
    };
    if (first > 0) return make();
    return kept_by_length(parts_->masks, std::pair(tokens, windowed), make);
}

/// ALiBi: what is added to the scores of the queries from position `first` on, (heads, tokens, first + tokens): slope
/// times the distance from query to key; keys that are out of view -infinity.
at::Tensor Decoder::distances(std::int64_t first, std::int64_t tokens) const {
    const auto make = [&] {
        const at::Tensor position = at::arange(first + tokens, at::kDouble);
        const at::Tensor slopes = at::tensor(alibi_slopes(model_->config().heads), at::kDouble);
        at::Tensor bias = (position.unsqueeze(0) - position.narrow(0, first, tokens).unsqueeze(1)).unsqueeze(0) *
                          slopes.view({-1, 1, 1});
        bias.masked_fill_(visible(first, tokens, first + tokens, at::kCPU).logical_not(),
                          -std::numeric_limits<double>::infinity());
        return bias.to(type()).to(torch_device(device_));
    };
    if (first > 0) return make();
    return kept_by_length(parts_->distances, tokens, make);
}

/// q (batch, heads, tokens, head_dim) of the last tokens among those of k and v, which are all that may be seen.
at::Tensor Decoder::attend(const Block& block, const AttentionPlan& plan, at::Tensor q, at::Tensor k, at::Tensor v,
                           DecoderHooks* hooks) const {
    const ModelConfig& config = model_->config();
    const std::int64_t tokens = q.size(2), first = k.size(2) - tokens;
    const bool windowed = block.sliding_window && *config.sliding_window < first + tokens;
    const bool slopes = config.positions == PositionKind::alibi;
    const bool probabilities =
        plan.rounding(Operand::probability) != nullptr || (hooks != nullptr && hooks->wants_probabilities(block.id));
    const bool fused = !probabilities && config.attention_softcap == 0;
    // The kernels know the mask of a whole text, and the last token alone sees every key.
    const bool masked = windowed || (first > 0 && tokens > 1);
    // The kernels for 16 bits on a card read shared heads where they are.
    const bool shared_heads = fused && !masked && !slopes && device_.is_cuda() && type() != state_type();
    if (!shared_heads) {
        k = repeat_heads(k, q.size(1));
        v = repeat_heads(v, q.size(1));
    }
    if (fused && !masked && !slopes)
        return fused_attention(q, k, v, {{}, first == 0, config.attention_scale, shared_heads});
    if (fused && slopes) return fused_attention(q, k, v, {distances(first, tokens), false, config.attention_scale});

    const at::Tensor mask = visible_keys(windowed, first, tokens);
    if (fused) return fused_attention(q, k, v, {mask, false, config.attention_scale});

    const at::Tensor hidden_from_view = mask.logical_not();
    std::vector<at::Tensor> outputs;
    for (std::int64_t sample = 0; sample < q.size(0); ++sample) { // heads x tokens^2 scores: one sample at a time
        cancel_point();
        at::Tensor scores =
            at::matmul(q[sample], k[sample].transpose(1, 2)).to(state_type()).mul_(config.attention_scale);
        if (slopes) scores.add_(distances(first, tokens));
        if (config.attention_softcap > 0) scores.div_(config.attention_softcap).tanh_().mul_(config.attention_softcap);
        scores.masked_fill_(hidden_from_view, -std::numeric_limits<double>::infinity());
        cancel_point();
        at::Tensor weights = at::softmax(scores, -1).unsqueeze(0);
        if (probabilities) weights = planned_operand(Operand::probability, block, plan, weights, device_, hooks);
        outputs.push_back(at::matmul(weights[0].to(type()), v[sample]));
    }
    return at::stack(outputs);
}

/// A norm of query or key (batch, tokens, heads, head_dim): per head, or over all of them where its weight is as wide.
at::Tensor Decoder::norm_heads(const NormWeights& weights, const at::Tensor& x) const {
    if (!weights.weight.defined() || weights.weight.size(0) == x.size(3)) return norm(weights, x);
    return norm(weights, x.flatten(2)).view(x.sizes());
}

at::Tensor Decoder::attention(BlockId id, const BlockOperations& operations, const at::Tensor& any,
                              DecoderHooks* hooks) const {
    const TorchScope scope(device_);
    SiteInputs inputs(any.to(type()), device_);
    return attention(id, operations, inputs, hooks, nullptr);
}

at::Tensor Decoder::attention(BlockId id, const BlockOperations& operations, SiteInputs& inputs, DecoderHooks* hooks,
                              KeyValueCache* cache) const {
    const ModelConfig& config = model_->config();
    const Block& block = model_->blocks().at(index_of(id));
    const std::int64_t batch = inputs.sizes()[0];
    const std::int64_t tokens = inputs.sizes()[1];
    if (hooks != nullptr) hooks->observe(model_->linear(block.q).site, inputs.values());
    const auto heads_of = [&](LayerId layer, std::int64_t heads) {
        return operations.run(layer, inputs).view({batch, tokens, heads, config.head_dim});
    };
    at::Tensor q = heads_of(block.q, config.heads);
    at::Tensor k = heads_of(block.k, config.kv_heads);
    at::Tensor v = heads_of(block.v, config.kv_heads);
    q = norm_heads(operations.norms.at(NormSlot::query), q).to(type());
    k = norm_heads(operations.norms.at(NormSlot::key), k).to(type());
    const bool windowed = block.sliding_window && config.sliding_rope;
    const RopeConfig& rope = windowed ? *config.sliding_rope : config.rope;
    if (rope.type != RopeConfig::Type::none) {
        const RotaryTable table = rotary_rows(windowed, cache != nullptr ? cache->tokens(id) : 0, tokens);
        q = rotate(q.to(state_type()), table).to(type());
        k = rotate(k.to(state_type()), table).to(type());
    }
    const AttentionPlan& plan = operations.attention;
    q = planned_operand(Operand::query, block, plan, q.transpose(1, 2), device_, hooks);
    k = planned_operand(Operand::key, block, plan, k.transpose(1, 2), device_, hooks);
    v = planned_operand(Operand::value, block, plan, v.transpose(1, 2), device_, hooks);
    if (cache != nullptr) std::tie(k, v) = cache->append(id, k, v);
    const at::Tensor mixed = attend(block, plan, std::move(q), std::move(k), std::move(v), hooks)
                                 .transpose(1, 2)
                                 .reshape({batch, tokens, config.heads * config.head_dim});
    if (hooks != nullptr) hooks->observe(model_->linear(block.o).site, mixed);
    SiteInputs mixed_inputs(mixed, device_);
    return operations.run(block.o, mixed_inputs);
}

at::Tensor Decoder::run_mlp(const Mlp& mlp, const BlockOperations& operations, SiteInputs& inputs,
                            DecoderHooks* hooks) const {
    if (hooks != nullptr) hooks->observe(model_->linear(mlp.up).site, inputs.values());
    const at::Tensor first = operations.run(mlp.gate ? *mlp.gate : mlp.up, inputs);
    SiteFront front;
    front.values = first;
    front.type = first.scalar_type();
    if (mlp.gate) front.up = operations.run(mlp.up, inputs);
    const Activation activation = model_->config().activation;
    if (mlp.gate && activation == Activation::silu && !differentiating()) front.kind = InputFront::silu_product;
    front.make = [inner = first, up = front.up, activation]() mutable {
        activate_in_place(inner, activation);
        return up.defined() ? inner.mul_(up) : inner;
    };
    SiteInputs inner_inputs(std::move(front), device_);
    if (hooks != nullptr) hooks->observe(model_->linear(mlp.down).site, inner_inputs.values());
    return operations.run(mlp.down, inner_inputs);
}

/// Each token's answer is the weighted sum of the experts that its router scores highest. Experts are added in their
/// order, each to other rows than before, so the result does not depend on who was ready first.
at::Tensor Decoder::run_experts(const Block& block, const BlockOperations& operations, const at::Tensor& input,
                                DecoderHooks* hooks) const {
    const ModelConfig& config = model_->config();
    const at::Tensor rows = input.reshape({-1, input.size(-1)});
    const at::Tensor scores = at::softmax(fixed_linear(rows, operations.router, {}).to(state_type()), -1);
    auto [share, chosen] = scores.topk(config.experts_per_token, -1);
    if (config.normalize_experts) share = share / share.sum(-1, true);
    at::Tensor out = at::zeros_like(rows);
    for (std::size_t expert = 0; expert < block.mlps.size(); ++expert) {
        const at::Tensor sent = (chosen == std::int64_t(expert)).nonzero(); // (n, 2): row, rank among the chosen
        if (sent.size(0) == 0) continue;
        const at::Tensor which = sent.select(1, 0);
        const at::Tensor weight = share.index({which, sent.select(1, 1)}).to(rows.scalar_type());
        if (hooks != nullptr) hooks->select_tokens(which);
        SiteInputs inputs(rows.index_select(0, which).unsqueeze(0), device_);
        const at::Tensor answer = run_mlp(block.mlps[expert], operations, inputs, hooks).squeeze(0);
        out.index_add_(0, which, answer.mul_(weight.unsqueeze(1)));
    }
    if (hooks != nullptr) hooks->select_tokens({});
    return out.view(input.sizes());
}

at::Tensor Decoder::mlp(BlockId id, const BlockOperations& operations, const at::Tensor& any,
                        DecoderHooks* hooks) const {
    const TorchScope scope(device_);
    SiteInputs inputs(any.to(type()), device_);
    return mlp(id, operations, inputs, hooks);
}

at::Tensor Decoder::mlp(BlockId id, const BlockOperations& operations, SiteInputs& inputs, DecoderHooks* hooks) const {
    const Block& block = model_->blocks().at(index_of(id));
    return block.router ? run_experts(block, operations, inputs.values(), hooks)
                        : run_mlp(block.mlps.front(), operations, inputs, hooks);
}

at::Tensor Decoder::forward(BlockId id, const BlockOperations& operations, const at::Tensor& hidden,
                            DecoderHooks* hooks, KeyValueCache* cache) const {
    const TorchScope scope(device_);
    const auto normed = [&](NormSlot slot, const at::Tensor& x) { return norm(operations.norms.at(slot), x); };
    // The modules return fresh tensors, so a residual of their type may be added in place.
    const auto with_residual = [](at::Tensor x, const at::Tensor& residual) {
        return x.scalar_type() == residual.scalar_type() ? x.add_(residual) : at::add(residual, x);
    };
    if (model_->config().norm_after) {
        SiteInputs attention_input(hidden.to(type()), device_);
        const at::Tensor mixed = normed(
            NormSlot::attention, with_residual(attention(id, operations, attention_input, hooks, cache), hidden));
        return normed(NormSlot::mlp, with_residual(mlp(id, operations, mixed, hooks), mixed));
    }
    const auto normed_site = [&](NormSlot slot, const at::Tensor& x) {
        return normed_inputs(operations.norms.at(slot), x);
    };
    SiteInputs attention_input = normed_site(NormSlot::attention, hidden);
    at::Tensor mixed = normed(NormSlot::post_attention, attention(id, operations, attention_input, hooks, cache));
    if (model_->config().parallel) {
        at::Tensor answer;
        if (operations.norms.at(NormSlot::mlp).weight.defined()) {
            SiteInputs mlp_input = normed_site(NormSlot::mlp, hidden);
            answer = mlp(id, operations, mlp_input, hooks);
        } else {
            answer = mlp(id, operations, attention_input, hooks);
        }
        return answer.to(state_type()).add_(mixed).add_(hidden);
    }
    mixed = with_residual(mixed, hidden);
    SiteInputs mlp_input = normed_site(NormSlot::mlp, mixed);
    return with_residual(normed(NormSlot::post_mlp, mlp(id, operations, mlp_input, hooks)), mixed);
}

void Decoder::forward(BlockId block, const BlockOperations& operations, std::vector<at::Tensor>& hidden,
                      DecoderHooks* hooks) const {
    for (at::Tensor& sample : hidden) sample = forward(block, operations, sample, hooks);
}

} // namespace graticule
