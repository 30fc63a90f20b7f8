// What each linear's rounding would cost the loss, without a run of the rounded model: one backward pass per window
// gives the gradient of the loss at every linear's output, and the loss's curvature along an output is near its squared
// gradient (the empirical Fisher information).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "core/base/job_context.h"
#include "core/model/model.h"
#include "core/result/quantized_model.h"
#include "core/runtime/device.h"

namespace graticule {

/// For every linear and every one of `candidates`, which must not fold anything into other tensors: half the sum of
/// squared products gradient x error over its outputs, the mean over the tokens of `windows` (of equal length), in nats
/// per token. Calls back per linear and candidate, the last block first. Block by block, float32; advances `ctx` once
/// per block and window, forward and backward.
void predict_damage(const std::shared_ptr<const Model>& model,
                    std::span<const std::shared_ptr<const QuantizedModel>> candidates, const Device& device,
                    std::span<const std::span<const std::int32_t>> windows, JobContext& ctx,
                    const std::function<void(LayerId layer, std::size_t candidate, double nats)>& on_damage);

} // namespace graticule
