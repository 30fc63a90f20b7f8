#include "core/method/sample_stream.h"

#include <algorithm>
#include <span>
#include <utility>

#include "core/base/error.h"

namespace graticule {

namespace {
constexpr std::int64_t tokens_a_batch = 4096;
}

SampleStream::SampleStream(const Decoder& decoder, const std::vector<std::vector<std::int32_t>>& samples,
                           std::int64_t length) {
    std::vector<std::span<const std::int32_t>> pieces;
    std::size_t longest = 0;
    for (const auto& sample : samples) longest = std::max(longest, sample.size());
    if (std::cmp_greater(length, longest))
        throw Error(ErrorKind::bad_input,
                    "calibration length " + std::to_string(length) +
                        " asks for more than the calibration samples hold, " + std::to_string(longest) +
                        " tokens; calibrate with longer samples (--calib-length) or ask for less");
    const std::size_t size = length > 0 ? std::size_t(length) : longest;
    for (const auto& sample : samples)
        for (std::size_t start = 0; size > 0 && start + size <= sample.size(); start += size)
            pieces.emplace_back(sample.data() + start, size);
    if (pieces.empty())
        throw Error(ErrorKind::bad_input, "calibration kept no sample of at least " + std::to_string(length) +
                                              " tokens; calibrate with longer samples or a shorter length");
    length_ = std::int64_t(size);
    sequences_ = std::int64_t(pieces.size());
    const auto batch = std::size_t(std::max<std::int64_t>(1, tokens_a_batch / length_));
    for (std::size_t first = 0; first < pieces.size(); first += batch)
        hidden_.push_back(decoder.embed(std::span(pieces).subspan(first, std::min(batch, pieces.size() - first))));
}

const at::Tensor& SampleStream::inputs(const Decoder& decoder, BlockId block, const BlockWeights& weights, SiteId site,
                                       bool only_this_site) {
    if (const auto found = inputs_.find(site); found != inputs_.end()) return found->second;
    const std::vector<SiteId> wanted = only_this_site ? std::vector{site} : std::vector<SiteId>();
    for (auto& [captured, values] : decoder.capture(block, weights, hidden_, wanted))
        inputs_.insert_or_assign(captured, values.to(at::kFloat));
    return inputs_.at(site);
}

const at::Tensor& SampleStream::gram(SiteId site) {
    at::Tensor& gram = gram_[site];
    if (!gram.defined()) gram = at::matmul(inputs_.at(site).t(), inputs_.at(site));
    return gram;
}

void SampleStream::forget() {
    inputs_.clear();
    gram_.clear();
}

void SampleStream::pass(const Decoder& decoder, BlockId block, const BlockWeights& weights, DecoderHooks& hooks) const {
    for (const at::Tensor& batch : hidden_) (void)decoder.forward(block, weights, batch, &hooks);
}

void SampleStream::advance(const Decoder& decoder, BlockId block, const BlockWeights& weights) {
    forget();
    decoder.forward(block, weights, hidden_);
}

} // namespace graticule
