// GPTQ's update ratios and the activation maxima of every input site when the same samples are cut to several lengths.
// The ratio follows from the inputs alone, so nothing is quantized: states are those of the full-precision model. No
// Torch here; the verb calls this.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/base/job_context.h"
#include "core/model/model.h"
#include "core/result/length_study.h"
#include "core/runtime/device.h"

namespace graticule {

/// `lengths` divide the samples' length, so that all see the same tokens. Advances `ctx` once a block and length.
[[nodiscard]] std::vector<SiteLengths> probe_lengths(const std::shared_ptr<const Model>& model,
                                                     const std::vector<std::vector<std::int32_t>>& samples,
                                                     const std::vector<std::int64_t>& lengths, double damping,
                                                     const Device& device, const Execution& execution, JobContext& ctx);

} // namespace graticule
