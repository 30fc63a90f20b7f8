// What every back end's Hadamard transform agrees on; see Backend::hadamard.
#pragma once

#include <cmath>
#include <cstdint>

namespace graticule {

inline constexpr std::int64_t largest_hadamard = 256;

/// 1 / sqrt(block): makes the transform its own inverse.
[[nodiscard]] inline float hadamard_norm(std::int64_t block) {
    return static_cast<float>(1.0 / std::sqrt(static_cast<double>(block)));
}

} // namespace graticule
