// What the calibration samples were at one input site, as far as somebody asked: most methods need sums alone, so their
// inputs pass by and are not held. Private to core/method.
#pragma once

#include <compare>
#include <cstdint>

#include "core/runtime/torch_bridge.h"

namespace graticule {

/// What a method reads of a site's inputs. Nothing else of them is held.
struct SampleWants {
    enum class Rows : std::uint8_t {
        none,
        spread,      ///< `count` tokens or a few more, evenly spaced over all samples
        last_sample, ///< of the last sample alone
        all,
    };
    bool gram = false;       ///< X^T X
    bool magnitudes = false; ///< extremes and means of |x|
    Rows rows = Rows::none;
    std::int64_t count = 0;    ///< of Rows::spread
    std::int64_t hadamard = 0; ///< of the inputs times the block Hadamard matrix of this size; 0: as they are
    auto operator<=>(const SampleWants&) const = default;
};

/// Tensors are undefined where they were not asked for, and float32 but for the rows.
struct SiteSamples {
    std::int64_t tokens = 0, sequences = 0; ///< of all samples; an expert sees some of their tokens, or none at all
    at::Tensor gram;                        ///< (channels, channels) sum of x x^T over all tokens
    at::Tensor lowest, highest;             ///< (sequences, channels)
    at::Tensor absmean;                     ///< (channels) of |x|
    at::Tensor rows;                        ///< (tokens kept, channels) in the type that the forward pass has

    [[nodiscard]] at::Tensor absmax() const { return at::maximum(lowest.abs(), highest.abs()); }
};

/// Makes SiteSamples of inputs that come in parts, in their order.
class SampleSums {
public:
    /// `tokens` (at most) and `sequences` of all parts together.
    SampleSums(const SampleWants& wants, std::int64_t tokens, std::int64_t sequences, const Device& device);
    void add(const at::Tensor& x); ///< (samples, tokens of each, channels)
    [[nodiscard]] SiteSamples finish();

private:
    void add_rows(const at::Tensor& inputs);

    SampleWants wants_;
    const Device& device_;
    SiteSamples samples_;
    std::int64_t seen_ = 0, kept_ = 0; ///< tokens and rows so far
};

/// Of inputs (tokens, channels) that are all there, as one sequence.
[[nodiscard]] SiteSamples samples_of(const at::Tensor& inputs, const SampleWants& wants, const Device& device);

/// Of `tokens` tokens of `channels` values with `element_bytes`: what SampleSums holds for these wants.
[[nodiscard]] std::int64_t bytes_of(const SampleWants& wants, std::int64_t tokens, std::int64_t sequences,
                                    std::int64_t channels, std::int64_t element_bytes);

} // namespace graticule
