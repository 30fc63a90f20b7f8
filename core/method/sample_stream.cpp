#include "core/method/sample_stream.h"

#include <algorithm>
#include <span>
#include <utility>

#include "core/base/error.h"
#include "core/runtime/torch_error.h"

namespace graticule {

namespace {

/// Answers questions about sites as their inputs pass by.
class Collector final : public DecoderHooks {
public:
    Collector(std::span<const SampleQuestion> questions, const SampleStream& stream, const Device& device,
              DecoderHooks* inner)
        : inner_(inner) {
        for (const SampleQuestion& question : questions)
            sums_.try_emplace(question, question.wants, stream.tokens(), stream.sequences(), device);
    }

    void observe(SiteId site, const at::Tensor& x) override {
        if (inner_ != nullptr) inner_->observe(site, x);
        for (auto sum = sums_.lower_bound({site, {}}); sum != sums_.end() && sum->first.site == site; ++sum)
            sum->second.add(x);
    }

    [[nodiscard]] std::map<SampleQuestion, SiteSamples> answers() {
        std::map<SampleQuestion, SiteSamples> all;
        for (auto& [question, sums] : sums_) all.emplace(question, sums.finish());
        return all;
    }

private:
    DecoderHooks* inner_;
    std::map<SampleQuestion, SampleSums> sums_;
};

} // namespace

SampleStream::SampleStream(const Decoder& decoder, const std::vector<std::vector<std::int32_t>>& samples,
                           std::int64_t length, std::int64_t batch) {
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
    const auto together = std::size_t(std::max<std::int64_t>(1, batch / length_));
    for (std::size_t first = 0; first < pieces.size(); first += together)
        hidden_.push_back(decoder.embed(std::span(pieces).subspan(first, std::min(together, pieces.size() - first))));
}

std::map<SampleQuestion, SiteSamples> SampleStream::collect(const Decoder& decoder, BlockId block,
                                                            const BlockWeights& weights,
                                                            std::span<const SampleQuestion> questions,
                                                            DecoderHooks* hooks) const {
    Collector collector(questions, *this, decoder.device(), hooks);
    pass(decoder, block, weights, collector);
    return collector.answers();
}

void SampleStream::pass(const Decoder& decoder, BlockId block, const BlockWeights& weights, DecoderHooks& hooks) const {
    const BlockOperations operations(weights); // what they convert once is used by all batches
    for (const at::Tensor& batch : hidden_) (void)decoder.forward(block, operations, batch, &hooks);
}

void SampleStream::advance(const Decoder& decoder, BlockId block, const BlockWeights& weights) {
    std::vector<at::Tensor> next; // the old ones stay until all are there: a step that fails can be made again
    const BlockOperations operations(weights);
    for (const at::Tensor& batch : hidden_) next.push_back(decoder.forward(block, operations, batch));
    hidden_ = std::move(next);
}

void SampleStream::change_states(const std::function<at::Tensor(const at::Tensor&)>& change) {
    std::vector<at::Tensor> changed; // as in advance()
    for (const at::Tensor& batch : hidden_) changed.push_back(change(batch));
    hidden_ = std::move(changed);
}

bool SampleStream::halve_batches() {
    std::vector<at::Tensor> smaller;
    for (const at::Tensor& batch : hidden_)
        for (const at::Tensor& part : batch.split(std::max<std::int64_t>(1, batch.size(0) / 2)))
            smaller.push_back(part.clone()); // a view would hold the whole
    const bool changed = smaller.size() > hidden_.size();
    hidden_ = std::move(smaller);
    return changed;
}

BlockSamples::BlockSamples(SampleStream& stream, const Decoder& decoder, BlockId block, const BlockWeights& weights,
                           SampleBudget& budget, bool in_turn, DecoderHooks* hooks)
    : stream_(stream)
    , decoder_(decoder)
    , block_(block)
    , weights_(weights)
    , budget_(budget)
    , in_turn_(in_turn)
    , hooks_(hooks) {}

void BlockSamples::expect(const SampleQuestion& question) {
    if (std::find(expected_.begin(), expected_.end(), question) == expected_.end()) expected_.push_back(question);
}

/// `first` and those that will be asked after it, as many as the budget holds.
BlockSamples::Batch BlockSamples::next_batch(const SampleQuestion& first) const {
    Batch batch;
    for (auto question = std::find(expected_.begin(), expected_.end(), first); question != expected_.end();
         ++question) {
        const std::int64_t channels = decoder_.model().site(question->site).channels;
        const std::int64_t bytes = bytes_of(question->wants, stream_.tokens(), stream_.sequences(), channels,
                                            std::int64_t(c10::elementSize(decoder_.type())));
        const bool fits = batch.bytes + bytes <= budget_.bytes && !(in_turn_ && question->site != first.site);
        if (!fits && !batch.questions.empty()) break;
        batch.questions.push_back(*question);
        batch.bytes += bytes;
    }
    return batch;
}

const SiteSamples& BlockSamples::at(const SampleQuestion& question) {
    if (const auto found = held_.find(question); found != held_.end()) return found->second;
    GRATICULE_ASSERT(std::find(expected_.begin(), expected_.end(), question) != expected_.end(),
                     "questions are announced");
    held_.clear();
    Batch batch;
    with_less_memory(
        decoder_.device(),
        [&] {
            batch = next_batch(question);
            held_ = stream_.collect(decoder_, block_, weights_, batch.questions, hooks_);
        },
        [&] {
            if (batch.questions.size() > 1) {
                budget_.bytes = batch.bytes / 2;
                budget_.on_smaller("fewer inputs at a time");
                return true;
            }
            return pass_fewer(stream_, budget_);
        });
    return held_.at(question);
}

bool pass_fewer(SampleStream& stream, const SampleBudget& budget) {
    if (!stream.halve_batches()) return false;
    budget.on_smaller("fewer samples at a time, whose sums may differ in the last digits");
    return true;
}

void with_less_memory(const Device& device, const std::function<void()>& step, const std::function<bool()>& smaller) {
    for (;;) {
        try {
            step();
            return;
        } catch (const std::exception&) {
            if (current_error().kind != ErrorKind::out_of_memory || !smaller()) throw;
        }
        if (device.is_cuda()) at::getDeviceAllocator(at::kCUDA)->emptyCache();
    }
}

} // namespace graticule
