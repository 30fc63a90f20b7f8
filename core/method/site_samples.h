// What the calibration samples were at one input site, as far as somebody asked: most methods need sums alone, so their
// inputs pass by and are not held. Private to core/method.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

#include "core/method/solvers/tensor_quantizer.h"
#include "core/runtime/torch_bridge.h"
#include "core/stats/activation_stats.h"

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
    at::Tensor row_samples; ///< (tokens kept) which sample each is of, on the host; undefined: an expert's, not known

    [[nodiscard]] at::Tensor absmax() const { return at::maximum(lowest.abs(), highest.abs()); }
};

/// Makes SiteSamples of inputs that come in parts, in their order.
class SampleSums {
public:
    /// `tokens` (at most) and `sequences` of all parts together.
    /// `row_samples` (tokens): samples_of; undefined: all sequences are equally long.
    SampleSums(const SampleWants& wants, std::int64_t tokens, std::int64_t sequences, const Device& device,
               at::Tensor row_samples = {});
    void add(const at::Tensor& x); ///< (samples, tokens of each, channels)
    [[nodiscard]] SiteSamples finish();

private:
    void add_rows(const at::Tensor& inputs);

    SampleWants wants_;
    const Device& device_;
    SiteSamples samples_;
    at::Tensor token_samples_;             ///< (tokens) of all that may come
    std::vector<at::Tensor> kept_samples_; ///< of the rows so far
    std::int64_t planned_ = 0;             ///< tokens
    std::int64_t seen_ = 0, kept_ = 0;     ///< tokens and rows so far
};

/// Of inputs (tokens, channels) that are all there, as one sequence; their rows are of these samples (tokens).
[[nodiscard]] SiteSamples samples_of(const at::Tensor& inputs, const SampleWants& wants, const Device& device,
                                     const at::Tensor& row_samples = {});
/// Which sample each row is of that calibration kept.
[[nodiscard]] at::Tensor kept_row_samples(const SiteStats& site);

/// Says so where inputs that share a scale by samples are rounded with one for all.
void add_samples_note(const SiteSamples& samples, const solvers::TensorQuantizer& input, std::string& note);

/// Of `tokens` tokens of `channels` values with `element_bytes`: what SampleSums holds for these wants.
[[nodiscard]] std::int64_t bytes_of(const SampleWants& wants, std::int64_t tokens, std::int64_t sequences,
                                    std::int64_t channels, std::int64_t element_bytes);

} // namespace graticule
