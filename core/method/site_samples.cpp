#include "core/method/site_samples.h"

#include <algorithm>
#include <utility>

#include "core/base/error.h"
#include "core/method/solvers/fixed_sums.h"
#include "core/runtime/input_mapping.h"

namespace graticule {

namespace {

using Rows = SampleWants::Rows;

/// Every how manieth token is kept.
std::int64_t stride_of(const SampleWants& wants, std::int64_t tokens) {
    return wants.rows == Rows::spread ? std::max<std::int64_t>(1, tokens / wants.count) : 1;
}

std::int64_t first_of(const SampleWants& wants, std::int64_t tokens, std::int64_t sequences) {
    return wants.rows == Rows::last_sample ? tokens - tokens / sequences : 0;
}

std::int64_t rows_of(const SampleWants& wants, std::int64_t tokens, std::int64_t sequences) {
    if (wants.rows == Rows::none) return 0;
    const std::int64_t stride = stride_of(wants, tokens);
    return (tokens - first_of(wants, tokens, sequences) + stride - 1) / stride;
}

} // namespace

SampleSums::SampleSums(const SampleWants& wants, std::int64_t tokens, std::int64_t sequences, const Device& device,
                       at::Tensor row_samples)
    : wants_(wants)
    , device_(device)
    , token_samples_(std::move(row_samples))
    , planned_(tokens) {
    GRATICULE_ASSERT(sequences > 0 && tokens % sequences == 0, "samples of a site are equally long");
    if (!token_samples_.defined() && wants.rows != Rows::none && tokens > 0)
        token_samples_ = at::arange(tokens, at::kLong).floor_divide(tokens / sequences);
    samples_.tokens = tokens;
    samples_.sequences = sequences;
}

void SampleSums::add(const at::Tensor& x) {
    const at::Tensor inputs = wants_.hadamard > 0 ? hadamard(x, wants_.hadamard, device_) : x;
    const std::int64_t channels = inputs.size(2), tokens = inputs.size(0) * inputs.size(1);
    const at::Tensor values = inputs.reshape({tokens, channels}).to(at::kFloat);
    const bool first = seen_ == 0;
    if (wants_.gram) {
        if (first) samples_.gram = at::zeros({channels, channels}, values.options());
        solvers::add_gram(samples_.gram, values);
    }
    if (wants_.magnitudes) {
        const at::Tensor sum = values.abs().sum(0), samples = values.view({inputs.size(0), -1, channels});
        const auto [low, high] = std::pair(samples.amin(1), samples.amax(1));
        samples_.absmean = first ? sum : samples_.absmean.add_(sum); // the sum until `finish`
        samples_.lowest = first ? low : at::cat({samples_.lowest, low});
        samples_.highest = first ? high : at::cat({samples_.highest, high});
    }
    if (wants_.rows != Rows::none) {
        if (first)
            samples_.rows =
                at::empty({rows_of(wants_, samples_.tokens, samples_.sequences), channels}, inputs.options());
        add_rows(inputs.reshape({tokens, channels}));
    }
    seen_ += tokens;
}

void SampleSums::add_rows(const at::Tensor& inputs) {
    const std::int64_t stride = stride_of(wants_, samples_.tokens);
    const std::int64_t begin = first_of(wants_, samples_.tokens, samples_.sequences);
    const std::int64_t behind = (stride - (seen_ - begin) % stride) % stride; // from here to the next that is kept
    const std::int64_t start = seen_ < begin ? begin - seen_ : behind;
    if (start >= inputs.size(0)) return;
    const at::Tensor wanted = inputs.slice(0, start, inputs.size(0), stride);
    samples_.rows.narrow(0, kept_, wanted.size(0)).copy_(wanted);
    kept_samples_.push_back(token_samples_.slice(0, seen_ + start, seen_ + inputs.size(0), stride));
    kept_ += wanted.size(0);
}

SiteSamples SampleSums::finish() {
    GRATICULE_ASSERT(seen_ <= samples_.tokens, "no more inputs than samples");
    samples_.tokens = seen_;
    if (samples_.rows.defined()) samples_.rows = samples_.rows.narrow(0, 0, kept_);
    if (seen_ == planned_ && !kept_samples_.empty()) samples_.row_samples = at::cat(kept_samples_);
    if (samples_.absmean.defined()) samples_.absmean.div_(static_cast<double>(samples_.tokens));
    return std::move(samples_);
}

SiteSamples samples_of(const at::Tensor& inputs, const SampleWants& wants, const Device& device,
                       const at::Tensor& row_samples) {
    SampleSums sums(wants, inputs.size(0), 1, device, row_samples);
    sums.add(inputs.unsqueeze(0));
    return sums.finish();
}

at::Tensor kept_row_samples(const SiteStats& site) {
    return at::tensor(site.kept_tokens, at::kLong).floor_divide(site.all().length);
}

void add_samples_note(const SiteSamples& samples, const solvers::TensorQuantizer& input, std::string& note) {
    if (samples.row_samples.defined() || !solvers::rows_share_scales(input)) return;
    note += (note.empty() ? "" : "; ") + std::string("inputs rounded with one scale for the tokens of all samples");
}

std::int64_t bytes_of(const SampleWants& wants, std::int64_t tokens, std::int64_t sequences, std::int64_t channels,
                      std::int64_t element_bytes) {
    std::int64_t bytes = rows_of(wants, tokens, sequences) * channels * element_bytes;
    if (wants.gram) bytes += channels * channels * 4;
    if (wants.magnitudes) bytes += (2 * sequences + 1) * channels * 4;
    return bytes;
}

} // namespace graticule
