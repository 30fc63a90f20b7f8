// Input channels that stay in 16 bits while the rest is quantized: X W^T = X_kept W_kept^T + Q(X_rest) Q(W_rest)^T.
//
//     const std::vector<std::int64_t> kept = channels_by_share(absmax, 1.0);    // the top 1 %
#pragma once

#include <cstdint>
#include <vector>

#include "core/runtime/torch_bridge.h"

namespace graticule::solvers {

/// The `percent` % of all channels with the largest absmax, ascending by index; rounded to the nearest count, at least
/// one where percent > 0; of equals the lower index (algorithms.md section 5). percent in 0 ... 100, else
/// Error{bad_input}.
[[nodiscard]] std::vector<std::int64_t> channels_by_share(const at::Tensor& absmax, double percent);

/// How many that is.
[[nodiscard]] std::int64_t count_by_share(std::int64_t channels, double percent);

/// LLM.int8's rule: every channel that reaches the threshold during calibration (bitsandbytes decides per call;
/// Hugging Face's default is 6.0). 0 keeps none, as there (section 8).
[[nodiscard]] std::vector<std::int64_t> channels_above(const at::Tensor& absmax, double threshold);

} // namespace graticule::solvers
