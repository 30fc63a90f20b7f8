// SmoothQuant, AWQ and AQAS are one thing with different settings: a factor s a channel, made from a statistic of the
// inputs and one of the weights with an exponent that is given or searched,
//
//     s_j = x_j^r / w_j^(1-r),
//
// folded so that the product stays as it was while Q(W diag(s)) Q(diag(s)^-1 X) comes nearer to W X.
#pragma once

#include "core/method/stages.h"

namespace graticule {

enum class InputStatistic : std::uint8_t { absolute_maximum, absolute_mean };
enum class WeightStatistic : std::uint8_t { none, absolute_maximum };

struct ScaleRules {
    InputStatistic input = InputStatistic::absolute_maximum;
    WeightStatistic weight = WeightStatistic::absolute_maximum;
    bool search = true;            ///< false: the exponent is the parameter `alpha`, and statistics suffice
    bool quantize_inputs = true;   ///< whether the objective sees quantized inputs (AQAS) or full-precision ones (AWQ)
    bool normalise = false;        ///< s / sqrt(max s min s)
    bool norm_sites_only = false;  ///< SmoothQuant folds into norms only
    bool judge_gated_mlp = false;  ///< gate and up judged by the MLP's output (AWQ) instead of their own
    double least_statistic = 1e-5; ///< lower bound of x_j and w_j
    double least_scale = 0;        ///< lower bound of x_j^r / w_j^(1-r)
};

class ScaleSearch final : public Transform {
public:
    explicit ScaleSearch(const ScaleRules& rules)
        : rules_(rules) {}
    [[nodiscard]] bool applies(const FoldSite& site, const ParamMap& params) const override;
    [[nodiscard]] std::optional<FoldResult> scale(const FoldRequest& request) const override;

private:
    struct Objective;
    [[nodiscard]] at::Tensor input_statistic(const FoldRequest& request) const;
    [[nodiscard]] at::Tensor scale_for(double ratio, const at::Tensor& x, const at::Tensor& w) const;
    void treat_dead_channels(const at::Tensor& x, at::Tensor& scale) const;
    ScaleRules rules_;
};

/// DGQ's percentile clipping: only the channels above the (1 - percent) quantile of the absolute maxima are scaled,
/// down to that quantile.
class PercentileSmoothing final : public Transform {
public:
    [[nodiscard]] bool applies(const FoldSite& site, const ParamMap& params) const override;
    [[nodiscard]] std::optional<FoldResult> scale(const FoldRequest& request) const override;
};

} // namespace graticule
