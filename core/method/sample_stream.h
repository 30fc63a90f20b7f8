// Hidden states of the calibration samples on their way through the blocks, either of the full-precision model or with
// the blocks before quantized, and what they are at a block's sites. Private to core/method.
#pragma once

#include <compare>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/method/site_samples.h"
#include "core/runtime/decoder.h"

namespace graticule {

/// Whose hidden states a stream carries into a block.
enum class States : std::uint8_t {
    full_precision,               ///< of the model as it was opened
    quantized_weights,            ///< of the blocks before as they were quantized
    quantized_weights_and_inputs, ///< the same with their activations rounded as at run time
};

/// Methods that agree in all of this share a stream; no other method changes what they see.
struct StreamKey {
    std::int64_t length = 0; ///< calibration length of the method; 0: samples as they are
    States states = States::full_precision;
    auto operator<=>(const StreamKey&) const = default;
};

struct SampleQuestion {
    SiteId site;
    SampleWants wants;
    auto operator<=>(const SampleQuestion&) const = default;
};

class SampleStream {
public:
    static constexpr std::int64_t usual_batch = 4096; ///< tokens

    /// `length`: samples are cut to pieces of this many tokens (calibration length of a method); 0: left as they are.
    /// Whole pieces of about `batch` tokens pass a block together.
    SampleStream(const Decoder& decoder, const std::vector<std::vector<std::int32_t>>& samples, std::int64_t length,
                 std::int64_t batch = usual_batch);

    [[nodiscard]] std::int64_t sequences() const { return sequences_; }
    [[nodiscard]] std::int64_t length() const { return length_; }
    [[nodiscard]] std::int64_t tokens() const { return sequences_ * length_; }

    /// One pass through the block that `weights` belong to; the states stay as they are. `hooks` sees it too.
    [[nodiscard]] std::map<SampleQuestion, SiteSamples> collect(const Decoder& decoder, BlockId block,
                                                                const BlockWeights& weights,
                                                                std::span<const SampleQuestion> questions,
                                                                DecoderHooks* hooks = nullptr) const;
    /// Shows the block's pass to `hooks` and leaves the states as they are.
    void pass(const Decoder& decoder, BlockId block, const BlockWeights& weights, DecoderHooks& hooks) const;
    void advance(const Decoder& decoder, BlockId block, const BlockWeights& weights);
    /// Replaces the states by what `change` makes of each batch (samples, tokens, hidden).
    void change_states(const std::function<at::Tensor(const at::Tensor&)>& change);
    /// Half as many samples in a forward pass from now on; false: it is one already.
    [[nodiscard]] bool halve_batches();

private:
    std::vector<at::Tensor> hidden_; ///< (batch, tokens, hidden)
    std::int64_t sequences_ = 0, length_ = 0;
};

/// Device memory that the samples of one pass may take.
struct SampleBudget {
    std::int64_t bytes = 0;
    /// Called when memory ran out and something smaller is tried; what it says is for people.
    std::function<void(const std::string&)> on_smaller;
};

/// The answers to the questions about one block, by as few passes as the budget allows. They are held until the next
/// pass; one that was asked in its turn (`expect` in that order) is made once.
class BlockSamples {
public:
    /// Everything must outlive this. `weights` may change in between where `in_turn` is true (true-sequential): each
    /// site then has a pass of its own, made when it is asked about. `hooks` see the passes.
    BlockSamples(SampleStream& stream, const Decoder& decoder, BlockId block, const BlockWeights& weights,
                 SampleBudget& budget, bool in_turn = false, DecoderHooks* hooks = nullptr);

    void expect(const SampleQuestion& question);
    [[nodiscard]] const SiteSamples& at(const SampleQuestion& question);

private:
    struct Batch {
        std::vector<SampleQuestion> questions;
        std::int64_t bytes = 0;
    };
    [[nodiscard]] Batch next_batch(const SampleQuestion& first) const;

    SampleStream& stream_;
    const Decoder& decoder_;
    BlockId block_;
    const BlockWeights& weights_;
    SampleBudget& budget_;
    bool in_turn_;
    DecoderHooks* hooks_;
    std::vector<SampleQuestion> expected_; ///< in the order they will be asked
    std::map<SampleQuestion, SiteSamples> held_;
};

/// Half as many samples in a forward pass from now on, which is said; false: it is one already.
[[nodiscard]] bool pass_fewer(SampleStream& stream, const SampleBudget& budget);

/// Runs `step`; where memory runs out, once more after `smaller` has made it need less, until that returns false.
void with_less_memory(const Device& device, const std::function<void()>& step, const std::function<bool()>& smaller);

} // namespace graticule
