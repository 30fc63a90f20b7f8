#include "core/method/method.h"
#include "core/method/stages.h"

namespace graticule {

std::optional<StoredParts> expected_parts(const SchemeChoice& choice, const Linear& linear) {
    StoredParts parts;
    if (!choice.scheme.weight) return parts; // channels are kept out of the input's scales alone
    if (const auto keep = chosen<ChannelChoice>(choice)) {
        const auto count = keep.method->count(linear.in_features(), keep.params());
        if (!count) return std::nullopt;
        parts.kept_channels = *count;
    }
    if (const auto compensation = chosen<Compensation>(choice))
        parts.rank = compensation.method->rank(linear.out_features(), linear.in_features(), compensation.params());
    return parts;
}

} // namespace graticule
