// What each linear's rounding would cost the model's predictions, without a run of the rounded model. To second order
// the divergence of a next-token distribution is half the error's square in the metric of the Fisher information: the
// mean, over labels drawn from the model's own distribution, of (gradient of log p(label) . error)^2. With a label
// drawn at every position of a window at once, one backward pass sees all positions: labels at different positions are
// independent, so that the products between positions vanish in the mean, while an error that is the same at many
// positions (a shift of every key, which attention does not notice) cancels where it does in the model.
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

/// What predictions are computed in, and what they are to be held against is measured in.
inline constexpr Execution prediction_execution{Compute::float32, Arithmetic::simulated};

struct PredictionSpec {
    std::int64_t draws = 8; ///< backward passes a window, each with labels of its own
    std::uint64_t seed = 0;
};

/// For every linear and every one of `candidates`, which must not fold anything into other tensors: one number for each
/// draw of each window, whose squares' mean is the expected KL(model || this linear rounded), in nats per token; that
/// of several linears rounded together is the mean of their sums' squares. Errors are those of the outputs under the
/// linear's true inputs, the rounding of the inputs included; how attention's operands are rounded is not seen. Calls
/// back per linear and candidate, the last block first. Windows of equal length. Block by block, float32; advances
/// `ctx` once per block and window, forward and backward.
void predict_damage(
    const std::shared_ptr<const Model>& model, std::span<const std::shared_ptr<const QuantizedModel>> candidates,
    const Device& device, std::span<const std::span<const std::int32_t>> windows, const PredictionSpec& spec,
    JobContext& ctx,
    const std::function<void(LayerId layer, std::size_t candidate, std::vector<double> projections)>& on_projections);

} // namespace graticule
