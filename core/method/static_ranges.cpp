#include "core/method/static_ranges.h"

#include <cstdio>

#include "core/method/method.h"

namespace graticule {

namespace {

bool is_static(const std::optional<TensorScheme>& scheme) { return scheme && !scheme->dynamic; }

/// Per sample and channel of a head, the extremes of what the attention products read.
class OperandExtremes final : public DecoderHooks {
public:
    explicit OperandExtremes(const QuantScheme& scheme)
        : scheme_(scheme) {}

    void observe_operand(Operand operand, BlockId, const at::Tensor& x) override {
        if (!is_static(scheme_[operand])) return;
        // A probability's last dimension is a position, not a channel.
        const bool channels = operand != Operand::probability;
        const std::vector<std::int64_t> over =
            channels ? std::vector<std::int64_t>{1, 2} : std::vector<std::int64_t>{1, 2, 3};
        low[operand].push_back(x.amin(over).view({x.size(0), -1}));
        high[operand].push_back(x.amax(over).view({x.size(0), -1}));
    }
    [[nodiscard]] bool wants_probabilities(BlockId) const override { return is_static(scheme_.probability); }

    std::map<Operand, std::vector<at::Tensor>> low, high; ///< (samples of a batch, channels)

private:
    const QuantScheme& scheme_;
};

StaticRange around_zero(const at::Tensor& absmax) { // (samples, channels)
    const float reach = std::get<0>(absmax.min(0)).max().item<float>();
    return {-reach, reach};
}

} // namespace

StaticRule static_rule(const SchemeChoice& choice) {
    const auto rounding = chosen<Rounding>(choice);
    return rounding ? rounding.method->static_rule(rounding.params()) : StaticRule::extremes;
}

std::string StaticRange::text() const {
    char text[64];
    std::snprintf(text, sizeof text, "%.4g .. %.4g", double(low), double(high));
    return text;
}

StaticRange least_sample_range(const at::Tensor& absmax, const at::Tensor& keep) {
    return around_zero(keep.defined() ? absmax.masked_fill(keep, 0) : absmax);
}

std::map<Operand, StaticRange> attention_ranges(const QuantScheme& scheme, StaticRule rule, SampleStream& stream,
                                                const Decoder& decoder, BlockId block, const BlockWeights& weights) {
    OperandExtremes seen(scheme);
    stream.pass(decoder, block, weights, seen);
    std::map<Operand, StaticRange> ranges;
    for (const Operand operand : attention_operands) {
        if (!is_static(scheme[operand])) continue;
        const at::Tensor low = at::cat(seen.low.at(operand)), high = at::cat(seen.high.at(operand));
        ranges[operand] = rule == StaticRule::least_sample
                              ? around_zero(at::maximum(low.abs(), high.abs()))
                              : StaticRange{low.min().item<float>(), high.max().item<float>()};
    }
    return ranges;
}

} // namespace graticule
