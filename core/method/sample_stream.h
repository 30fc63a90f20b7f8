// Hidden states of the calibration samples on their way through the blocks, either of the full-precision model or with
// the blocks before quantized. Private to core/method.
#pragma once

#include <map>
#include <vector>

#include "core/runtime/decoder.h"

namespace graticule {

class SampleStream {
public:
    /// `length`: samples are cut to pieces of this many tokens (calibration length of a method); 0: left as they are.
    SampleStream(const Decoder& decoder, const std::vector<std::vector<std::int32_t>>& samples, std::int64_t length);

    [[nodiscard]] std::int64_t sequences() const { return sequences_; }
    [[nodiscard]] std::int64_t length() const { return length_; }
    /// Input of a site, (tokens, channels), of the block that `weights` belong to. All sites of the block are captured
    /// at once and kept until `forget`.
    [[nodiscard]] const at::Tensor& inputs(const Decoder& decoder, BlockId block, const BlockWeights& weights,
                                           SiteId site, bool only_this_site = false);
    /// X^T X of it.
    [[nodiscard]] const at::Tensor& gram(SiteId site);
    void forget();
    /// Shows the block's pass to `hooks` and leaves the states as they are.
    void pass(const Decoder& decoder, BlockId block, const BlockWeights& weights, DecoderHooks& hooks) const;
    void advance(const Decoder& decoder, BlockId block, const BlockWeights& weights);

private:
    std::vector<at::Tensor> hidden_; ///< (batch, tokens, hidden)
    std::map<SiteId, at::Tensor> inputs_, gram_;
    std::int64_t sequences_ = 0, length_ = 0;
};

} // namespace graticule
