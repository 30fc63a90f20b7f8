// One search for the factors s that a fold site moves from its inputs into its weights' columns: X becomes X / s and W
// becomes W diag(s), the product stays the same, the rounding of both changes. SmoothQuant, AWQ, AQAS and percentile
// clipping are presets of it (algorithms.md sections 3, 4, 7.3; aqas_slac_dint.md section 2).
//
//     const ScaleMethod method = aqas_method();
//     const ScaleStatistics statistics{absmax, weight_statistic(method.formula.weight, weights, quantizers)};
//     const OutputLoss loss({.weights = weights, .quantizers = quantizers, .inputs = inputs, .input = a8}, device);
//     const ScaleSearch found = search_scale(method, statistics, [&](const at::Tensor& s) { return loss.of(s); });
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "core/method/solvers/tensor_quantizer.h"
#include "core/runtime/torch_bridge.h"

namespace graticule::solvers {

enum class InputStatistic : std::uint8_t { absolute_maximum, absolute_mean };
enum class WeightStatistic : std::uint8_t {
    none,
    absolute_maximum, ///< max over all consumers' rows of |W_ij|
    absolute_mean,    ///< mean over all consumers' rows of |W_ij|
    relative_mean,    ///< mean over rows of |W_ij| / absmax of its group: AWQ before November 2023
};
enum class Normalisation : std::uint8_t { none, geometric }; ///< geometric: divided by sqrt(max s * min s)

/// What an input that never fired during calibration gets. Its statistic is 0, and 0^ratio a scale that ruins the
/// token's range when the input fires later (trials.md trap 1).
enum class DeadChannels : std::uint8_t {
    clamp,          ///< the statistic's floor, as the papers' programs do
    geometric_mean, ///< the geometric mean of the live channels' scales
};

/// s_j = X_j^ratio / W_j^(1 - ratio), floors and normalisation applied.
struct ScaleFormula {
    InputStatistic input = InputStatistic::absolute_maximum;
    WeightStatistic weight = WeightStatistic::absolute_maximum;
    Normalisation normalisation = Normalisation::none;
    DeadChannels dead = DeadChannels::geometric_mean;
    double input_floor = 0;       ///< lower bound of X_j
    double weight_floor = 0;      ///< lower bound of W_j
    double denominator_shift = 0; ///< added to W_j^(1 - ratio): AutoAWQ has 1e-4
    double scale_floor = 1e-5;    ///< lower bound of s_j, before normalisation
};

struct ScaleStatistics {
    at::Tensor input;  ///< (channels) float32
    at::Tensor weight; ///< (channels) float32; undefined where the formula needs none
};

/// `quantizers` give the groups of relative_mean.
[[nodiscard]] at::Tensor weight_statistic(WeightStatistic statistic, std::span<const at::Tensor> weights,
                                          std::span<const TensorQuantizer> quantizers);

/// The formula at one ratio: (channels) float32, all > 0.
[[nodiscard]] at::Tensor scale_at(const ScaleFormula& formula, const ScaleStatistics& statistics, double ratio);
[[nodiscard]] std::int64_t dead_channels(const ScaleStatistics& statistics);

struct ScaleMethod {
    ScaleFormula formula;
    std::vector<double> ratios;      ///< tried in this order; one ratio: no search
    bool identity_candidate = false; ///< s = 1 is tried first: AQAS' grid does not hold it
};

/// `paper`: dead channels clamped and no identity candidate, as published.
[[nodiscard]] ScaleMethod smoothquant_method(double alpha, bool paper = false);
[[nodiscard]] ScaleMethod awq_method();     ///< llm-awq since November 2023: X^r, normalised, r = i/20; r = 0 is s = 1
[[nodiscard]] ScaleMethod awq_duo_method(); ///< AutoAWQ's duo_scaling: X^r / (W^(1-r) + 1e-4)
[[nodiscard]] ScaleMethod aqas_method(bool paper = false);      ///< absolute maxima
[[nodiscard]] ScaleMethod aqas_mean_method(bool paper = false); ///< absolute means: Table 8's other criterion

struct ScaleTrial {
    std::optional<double> ratio; ///< absent: the identity
    double loss = 0;
};

struct ScaleSearch {
    at::Tensor scale;            ///< (channels) best found; the first of equals
    std::optional<double> ratio; ///< absent: the identity won
    double loss = 0;             ///< of `scale`
    std::vector<ScaleTrial> trials;
    std::int64_t dead_channels = 0;
};

/// `loss` judges one scale: OutputLoss below, or anything else.
[[nodiscard]] ScaleSearch search_scale(const ScaleMethod& method, const ScaleStatistics& statistics,
                                       const std::function<double(const at::Tensor& scale)>& loss);

/// Output of the module that judges the site (attention, gated MLP) with these weights on these inputs.
using ModuleForward = std::function<at::Tensor(std::span<const at::Tensor> weights, const at::Tensor& inputs)>;

struct OutputLossSpec {
    std::vector<at::Tensor> weights;         ///< of the consumers, (out, in), unscaled
    std::vector<TensorQuantizer> quantizers; ///< one per weight
    at::Tensor inputs = {};                  ///< (tokens, in) of the full-precision model
    at::Tensor gram = {};                    ///< X^T X / tokens of them: enough where neither of the next two is given
    std::optional<TensorQuantizer> input = {}; ///< active in the objective as well (AQAS); absent: weights only (AWQ)
    ModuleForward module = {};                 ///< null: the consumers' own outputs, one beside the other
    at::Tensor samples = {};       ///< of the rows of dynamic inputs, see round_inputs; undefined: not known
    std::int64_t rows_at_once = 0; ///< of the inputs, whole sequences of the module; 0: as suits module and device
};

/// Mean squared difference of the output from the full-precision output, over tokens and outputs, when the weights are
/// Q(W diag(s)) diag(1/s) and, where `input` is given, the inputs Q(X diag(1/s)) diag(s).
class OutputLoss {
public:
    OutputLoss(OutputLossSpec spec, const Device& device);
    [[nodiscard]] double of(const at::Tensor& scale) const;

private:
    [[nodiscard]] double of_module(const at::Tensor& scale) const;
    [[nodiscard]] double of_linears(const at::Tensor& scale) const;
    [[nodiscard]] double of_gram(const at::Tensor& scale) const;
    /// Rounds a part of the inputs that was divided by `scale`.
    [[nodiscard]] std::function<at::Tensor(const at::Tensor& smooth)> input_rounding(const at::Tensor& scale) const;
    [[nodiscard]] at::Tensor rounded_weight(std::size_t index, const at::Tensor& scale) const; ///< Q(W diag(s))

    OutputLossSpec spec_;
    Device device_;
    std::vector<at::Tensor> parts_;       ///< the inputs in parts that stay in a cache ...
    std::vector<at::Tensor> exact_parts_; ///< ... and of each the module's output, or the consumers' side by side
    std::int64_t outputs_ = 0;            ///< of all consumers together
};

/// DGQ's percentile clipping (section 7.3): channels above the k-th largest absmax are brought down to it, with
/// k = int(fraction * channels + 1.5); all others keep 1. `absmax` (channels).
[[nodiscard]] at::Tensor percentile_clip_scale(const at::Tensor& absmax, double fraction = 0.005);

} // namespace graticule::solvers
