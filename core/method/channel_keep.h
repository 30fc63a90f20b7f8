// Mixed precision: which input channels stay in 16 bits.
#pragma once

#include "core/method/stages.h"

namespace graticule {

/// The `percent` largest channels by absolute maximum, or every channel that reaches `threshold` (LLM.int8).
class LargestChannels final : public ChannelChoice {
public:
    [[nodiscard]] std::vector<std::int32_t> choose(const std::vector<float>& absmax,
                                                   const ParamMap& params) const override;
    [[nodiscard]] std::optional<std::int64_t> count(std::int64_t channels, const ParamMap& params) const override;
};

} // namespace graticule
