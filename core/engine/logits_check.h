// Whether a checkpoint that was written computes what was meant: the quantized model in memory and the files, opened as
// any other model, both run on one window of text.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "core/base/job_context.h"
#include "core/result/quantized_model.h"

namespace graticule {

struct LogitsCheck {
    std::int64_t tokens = 0;
    double largest_difference = 0;  ///< of two logits of the same token and position
    double largest_logit = 0;       ///< magnitude, to hold it against
    std::int64_t other_choices = 0; ///< positions where another token comes first
};

/// Inputs are quantized on both sides: files hold weights, so the schemes of inputs and attention operands are taken
/// from `quantized`. Throws Error{unsupported} where those are static, for their ranges are not in a checkpoint, and
/// what open_model throws.
[[nodiscard]] LogitsCheck check_logits(std::shared_ptr<const QuantizedModel> quantized,
                                       const std::filesystem::path& written, const std::vector<std::int32_t>& window,
                                       JobContext& ctx);

} // namespace graticule
