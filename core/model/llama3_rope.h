// LLaMA 3's rule of rotary angles as a number for each pair, the form in which GGUF files hold it ("rope_freqs").
#pragma once

#include <cstdint>
#include <vector>

#include "core/model/model_config.h"

namespace graticule {

/// What the frequency of each pair of `dimensions` is divided by (formats.md section 4.7).
[[nodiscard]] std::vector<double> llama3_divisors(const RopeConfig& rope, std::int64_t dimensions);

} // namespace graticule
