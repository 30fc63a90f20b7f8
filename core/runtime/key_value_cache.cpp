#include "core/runtime/key_value_cache.h"

#include <algorithm>

namespace graticule {

namespace {

constexpr std::int64_t token_axis = 2;

/// Writes `next` behind the first `tokens` of `room`, in a larger one where it has no place.
at::Tensor append_to(at::Tensor& room, std::int64_t tokens, const at::Tensor& next) {
    const std::int64_t all = tokens + next.size(token_axis);
    if (!room.defined() || room.size(token_axis) < all) {
        at::DimVector shape(next.sizes());
        shape[token_axis] = std::max<std::int64_t>(64, all + all / 2);
        const at::Tensor larger = at::empty(shape, next.options());
        if (tokens > 0) larger.narrow(token_axis, 0, tokens).copy_(room.narrow(token_axis, 0, tokens));
        room = larger;
    }
    room.narrow(token_axis, tokens, next.size(token_axis)).copy_(next);
    return room.narrow(token_axis, 0, all);
}

} // namespace

std::int64_t KeyValueCache::tokens(BlockId block) const {
    const auto found = blocks_.find(block);
    return found == blocks_.end() ? 0 : found->second.tokens;
}

std::int64_t KeyValueCache::tokens() const {
    return blocks_.empty() ? 0 : blocks_.rbegin()->second.tokens; // blocks are passed in order
}

std::pair<at::Tensor, at::Tensor> KeyValueCache::append(BlockId block, const at::Tensor& keys,
                                                        const at::Tensor& values) {
    Seen& seen = blocks_[block];
    std::pair all(append_to(seen.keys, seen.tokens, keys), append_to(seen.values, seen.tokens, values));
    seen.tokens += keys.size(token_axis);
    return all;
}

} // namespace graticule
