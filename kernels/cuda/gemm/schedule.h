// Which thread block computes what. Tiles are 128 outputs x `tile_tokens` tokens; the blocks stay for the whole
// product. Tiles that fill the card in whole rounds are computed whole. The remainder is split along the inputs
// ("stream-K", Osama et al. 2023): its blocks of 128 inputs, laid end to end, are shared out evenly, and a tile that
// several thread blocks computed parts of is added up by one of them, or by all of them, each a share (part_sums.cuh).
// Sums of integers are the same however they are shared out. Those of weight-only products are floats, added in the
// order of the parts: the same bits on every card with as many multiprocessors.
#pragma once

#include <algorithm>
#include <cstdint>

namespace graticule::cuda {

struct Schedule {
    std::int32_t channel_tiles = 0, token_tiles = 0;
    std::int32_t input_blocks = 0;
    std::int32_t raster = 0;       ///< channel tiles whose token tiles are neighbours in time: they share L2's content
    std::int32_t split_tiles = 0;  ///< the first tiles, shared out
    std::int32_t split_blocks = 0; ///< thread blocks that share them; each has at most two parts of tiles

    [[nodiscard]] std::int32_t tiles() const { return channel_tiles * token_tiles; }
};

/// Whether every thread block of the split tiles has one part, and every tile as many parts as any other.
[[nodiscard]] constexpr bool is_even_split(const Schedule& s) { return s.split_blocks % s.split_tiles == 0; }

/// For `processors` thread blocks that run at once.
inline Schedule make_schedule(std::int64_t channel_tiles, std::int64_t token_tiles, std::int64_t input_blocks,
                              std::int64_t processors, std::int64_t tile_tokens) {
    Schedule s;
    s.channel_tiles = static_cast<std::int32_t>(channel_tiles);
    s.token_tiles = static_cast<std::int32_t>(token_tiles);
    s.input_blocks = static_cast<std::int32_t>(input_blocks);
    s.raster = 8;
    const std::int64_t tiles = channel_tiles * token_tiles;
    const std::int64_t remainder = tiles % processors;
    if (remainder == 0) return s;
    // A last round that nearly fills the card is not worth the sums of parts.
    if (tiles > processors && remainder * 100 >= processors * 88) return s;
    const std::int64_t least_part = tile_tokens >= 128 ? 6 : 3; // a part costs about as much as a few blocks of inputs
    const std::int64_t shares = processors / remainder;         // equal parts of a tile: one part per thread block
    const std::int64_t enough = tile_tokens >= 128 ? 85 : 92;   // per cent: large parts cost more to add up
    std::int64_t blocks = shares * remainder * 100 >= processors * enough ? shares * remainder : processors;
    blocks = std::min(blocks, remainder * input_blocks / least_part);
    if (blocks <= remainder) return s;
    s.split_tiles = static_cast<std::int32_t>(remainder);
    s.split_blocks = static_cast<std::int32_t>(blocks);
    return s;
}

/// The same without parts of tiles: floats are added in one order.
inline Schedule whole_tiles(Schedule s) {
    s.split_tiles = s.split_blocks = 0;
    return s;
}

/// Clocks that the busiest thread block needs, for the choice between tiles; `block_clocks`: of 128 inputs of one tile.
inline std::int64_t estimated_clocks(const Schedule& s, std::int64_t processors, std::int64_t tile_tokens,
                                     std::int64_t block_clocks) {
    // What a multiprocessor's path to the second-level cache can carry. Streams of stages reach less of it: their rate
    // is in `block_clocks`. Both figures and the next are a Hopper card's; only the choice between tiles hangs on them.
    constexpr std::int64_t bytes_per_clock = 64;
    constexpr std::int64_t round_trip = 2000; // a part written, its ticket drawn
    const std::int64_t whole = s.tiles() - s.split_tiles, store = 10 * tile_tokens;
    const std::int64_t rounds = (whole + processors - 1) / processors;
    std::int64_t clocks = rounds * (s.input_blocks * block_clocks + store);
    if (s.split_tiles == 0) return clocks;
    const std::int64_t units = std::int64_t{s.split_tiles} * s.input_blocks;
    clocks += (units + s.split_blocks - 1) / s.split_blocks * block_clocks + round_trip + store;
    const std::int64_t tile_bytes = 128 * tile_tokens * 4, shares = s.split_blocks / s.split_tiles;
    return clocks + (is_even_split(s) ? 2 * tile_bytes * (shares - 1) / shares : 3 * tile_bytes) / bytes_per_clock;
}

} // namespace graticule::cuda
