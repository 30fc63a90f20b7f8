// The one range of a static activation, from calibration: of a linear's input and of the operands of attention. Private
// to core/method.
#pragma once

#include <map>
#include <string>

#include "core/method/result_params.h"
#include "core/method/sample_stream.h"
#include "core/method/stages.h"

namespace graticule {

/// That of the choice's rounding.
[[nodiscard]] StaticRule static_rule(const SchemeChoice& choice);

struct StaticRange {
    float low = 0, high = 0;
    [[nodiscard]] std::string text() const; ///< "-4.21 .. 4.21"
};

/// `absmax` (samples, channels) of a site's inputs; `keep` (channels) take no part; may be undefined.
[[nodiscard]] StaticRange least_sample_range(const at::Tensor& absmax, const at::Tensor& keep);

/// Ranges of those of query, key, value and probability that `scheme` wants static, as `stream`'s samples give them in
/// a block of full-precision weights. Channels are those of a head.
[[nodiscard]] std::map<Operand, StaticRange> attention_ranges(const QuantScheme& scheme, StaticRule rule,
                                                              SampleStream& stream, const Decoder& decoder,
                                                              BlockId block, const BlockWeights& weights);

} // namespace graticule
