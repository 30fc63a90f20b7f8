// How much of a card's memory this program holds, for whoever watches a job from another thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace graticule {

struct CardMemory {
    std::int64_t now = 0, peak = 0; ///< bytes allocated by LibTorch, and at most since the last start_card_peak
};

/// Of "cuda" or "cuda:1"; absent for "cpu", and as long as no job has opened the card: nothing is loaded for this.
[[nodiscard]] std::optional<CardMemory> card_memory(const std::string& device);
/// `peak` counts from here; nothing happens where there is none.
void start_card_peak(const std::string& device);

} // namespace graticule
