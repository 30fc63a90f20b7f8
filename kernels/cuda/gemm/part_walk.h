// A thread block's way through a schedule (schedule.h): which parts of which tiles it computes, who shares a tile with
// it, and where sums of parts lie until they are added up. Plain functions of whole numbers, so that tests walk through
// the schedules of any card without one: tests/kernels/tst_schedule.cpp.
//
//     units:         [split tile 0: blocks of inputs 0 ... n - 1][split tile 1: ...] ...   shared out evenly
//     thread block:  its run of units: the end of one tile, then the beginning of the next; then whole tiles, a grid
//                    apart
//     workspace:     tickets, one per split tile | sums with flags | [thread block][ends a tile, begins a tile] of sums
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "kernels/api/gemm.h"
#include "kernels/cuda/gemm/schedule.h"

namespace graticule::cuda {

/// A part of a tile: inputs [begin, end) in blocks of 128.
struct Part {
    std::int32_t tile, channel_tile, token_tile, begin, end;
};

/// The parts of thread block `block` of `grid`, one after the other.
class BlockParts {
public:
    constexpr BlockParts(const Schedule& schedule, std::int32_t block, std::int32_t grid)
        : schedule_(schedule)
        , tile_(schedule.split_tiles + block)
        , grid_(grid) {
        const std::int32_t units = schedule.split_tiles * schedule.input_blocks;
        if (block < schedule.split_blocks) {
            unit_ = units * block / schedule.split_blocks;
            unit_end_ = units * (block + 1) / schedule.split_blocks;
        }
    }
    /// False behind the last.
    constexpr bool next(Part& part) {
        if (unit_ < unit_end_) {
            part.tile = unit_ / schedule_.input_blocks;
            part.begin = unit_ - part.tile * schedule_.input_blocks;
            const std::int32_t end = part.begin + unit_end_ - unit_;
            part.end = end < schedule_.input_blocks ? end : schedule_.input_blocks;
            unit_ += part.end - part.begin;
        } else {
            if (tile_ >= schedule_.channel_tiles * schedule_.token_tiles) return false;
            part.tile = tile_;
            part.begin = 0;
            part.end = schedule_.input_blocks;
            tile_ += grid_;
        }
        const std::int32_t per_raster = schedule_.raster * schedule_.token_tiles;
        const std::int32_t raster = part.tile / per_raster, within = part.tile % per_raster;
        const std::int32_t left = schedule_.channel_tiles - raster * schedule_.raster;
        const std::int32_t wide = left < schedule_.raster ? left : schedule_.raster;
        part.channel_tile = raster * schedule_.raster + within % wide;
        part.token_tile = within / wide;
        return true;
    }

private:
    const Schedule& schedule_;
    std::int32_t unit_ = 0, unit_end_ = 0, tile_, grid_;
};

/// The first and last thread block with a part of a split tile.
struct Contributors {
    std::int32_t first, last;
    constexpr Contributors(const Schedule& s, std::int32_t tile)
        : first(((tile * s.input_blocks + 1) * s.split_blocks - 1) / (s.split_tiles * s.input_blocks))
        , last(((tile + 1) * s.input_blocks * s.split_blocks - 1) / (s.split_tiles * s.input_blocks)) {}
};

/// Where a part's sums lie, counted in parts. A thread block has at most two parts that are no whole tiles: one that
/// ends a tile, then one that begins a tile.
[[nodiscard]] constexpr std::int64_t part_place(std::int32_t block, bool begins_tile) {
    return std::int64_t{block} * 2 + (begins_tile ? 1 : 0);
}

/// Tiles of up to this many tokens send their sums with flags; the room for them lies behind the tickets.
inline constexpr int flagged_tile_tokens = 16;
inline constexpr int most_blocks = 256; ///< that the room is for
inline constexpr std::int64_t tickets_bytes = std::int64_t{1} << 16;
static_assert(gemm_counter_bytes == tickets_bytes + most_blocks * 128 * flagged_tile_tokens * sizeof(std::int64_t));

/// Thread blocks that have something to do.
[[nodiscard]] inline int thread_blocks(const Schedule& schedule, int processors) {
    return std::min(processors, std::max(schedule.split_blocks, schedule.tiles() - schedule.split_tiles));
}

/// A workspace: the counters, and behind them two parts per thread block, each of 128 outputs x tile_tokens sums.
[[nodiscard]] inline std::size_t parts_bytes(const Schedule& schedule, std::int64_t tile_tokens) {
    return gemm_counter_bytes +
           static_cast<std::size_t>(part_place(schedule.split_blocks, false) * 128 * tile_tokens * 4);
}

} // namespace graticule::cuda
