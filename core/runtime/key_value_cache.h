// Keys and values that attention has read of a text so far, so that a pass over its next tokens computes theirs alone:
//
//     KeyValueCache cache;
//     hidden = decoder.embed(prompt);                                         // then block by block:
//     hidden = decoder.forward(id, operations, hidden, nullptr, &cache);      // ... keeps the prompt's
//     hidden = decoder.embed(next, cache.tokens());                           // one token more, block by block:
//     hidden = decoder.forward(id, operations, hidden, nullptr, &cache);      // ... reads the prompt's and its own
//
// The states of the new tokens are those of a pass over the whole text, but for the order of sums, where the earlier
// tokens' keys and values do not depend on later ones: see token_by_token(BlockOperations) and
// Decoder::same_positions.
#pragma once

#include <cstdint>
#include <map>
#include <utility>

#include "core/base/ids.h"
#include "core/runtime/torch_bridge.h"

namespace graticule {

class KeyValueCache {
public:
    /// How many tokens the block has seen: the position of the next one.
    [[nodiscard]] std::int64_t tokens(BlockId block) const;
    /// How many tokens have passed all blocks.
    [[nodiscard]] std::int64_t tokens() const;
    /// Takes keys and values of the block's next tokens, (batch, kv_heads, tokens, head_dim) as the attention products
    /// read them: turned by their positions and rounded. Returns those of all tokens so far.
    [[nodiscard]] std::pair<at::Tensor, at::Tensor> append(BlockId block, const at::Tensor& keys,
                                                           const at::Tensor& values);

private:
    struct Seen {
        std::int64_t tokens = 0;
        at::Tensor keys, values; ///< room for more than there are, so that not every token copies all before it
    };
    std::map<BlockId, Seen> blocks_;
};

} // namespace graticule
