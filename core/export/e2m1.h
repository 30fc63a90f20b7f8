// FP4 E2M1 as four bits: a sign over eight magnitudes. Private to core/export.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

#include "core/base/error.h"

namespace graticule {

inline constexpr std::array<float, 8> e2m1_magnitudes = {0, 0.5F, 1, 1.5F, 2, 3, 4, 6};

/// Zero has no sign.
inline std::uint8_t e2m1_field(float value) {
    const auto magnitude = std::ranges::find(e2m1_magnitudes, std::fabs(value));
    GRATICULE_ASSERT(magnitude != e2m1_magnitudes.end(), "a value of E2M1");
    return static_cast<std::uint8_t>(magnitude - e2m1_magnitudes.begin() + (value < 0 ? 8 : 0));
}
constexpr float e2m1_value(std::uint8_t field) { return e2m1_magnitudes[field & 7U] * (field > 7 ? -1.0F : 1.0F); }

} // namespace graticule
