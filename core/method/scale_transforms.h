// SmoothQuant, AWQ, AQAS and percentile clipping as transforms: which sites, which statistics, what judges a scale. The
// mathematics is solvers/scale_search.h.
#pragma once

#include "core/method/solvers/scale_search.h"
#include "core/method/stages.h"

namespace graticule {

/// What distinguishes the scaling methods here; `method` makes the formula and grid from the parameters.
struct ScaleRules {
    solvers::ScaleMethod (*method)(const ParamMap& params);
    bool search = true;           ///< false: one scale, from statistics alone
    bool quantize_inputs = false; ///< whether the objective sees quantized inputs (AQAS) or full-precision ones (AWQ)
    bool norm_sites_only = false; ///< SmoothQuant folds into norms only
    bool judge_gated_mlp = false; ///< gate and up judged by the MLP's output (AWQ) instead of their own
};

class ScaleTransform final : public Transform {
public:
    explicit ScaleTransform(const ScaleRules& rules)
        : rules_(rules) {}
    [[nodiscard]] bool applies(const FoldSite& site, const ParamMap& params) const override;
    [[nodiscard]] SampleWants wants(const FoldRequest& request) const override;
    [[nodiscard]] std::int64_t calibration_length(const ParamMap& params) const override;
    [[nodiscard]] std::optional<FoldResult> scale(const FoldRequest& request) const override;

private:
    [[nodiscard]] const ModuleOutput& module_of(const FoldRequest& request) const;
    [[nodiscard]] bool sees_quantized_inputs(const FoldRequest& request) const;
    [[nodiscard]] FoldResult search(const FoldRequest& request, const solvers::ScaleMethod& method) const;
    ScaleRules rules_;
};

/// DGQ's percentile clipping: only the channels above a high quantile of the absolute maxima are scaled, down to it.
/// The maxima are the calibration's, or in paper mode those of what the quantized blocks before hand on.
class PercentileClipping final : public Transform {
public:
    [[nodiscard]] bool applies(const FoldSite& site, const ParamMap& params) const override;
    [[nodiscard]] bool on_quantized_states(const ParamMap& params) const override;
    [[nodiscard]] SampleWants wants(const FoldRequest& request) const override;
    [[nodiscard]] std::optional<FoldResult> scale(const FoldRequest& request) const override;
};

[[nodiscard]] solvers::ScaleMethod smoothquant_rules(const ParamMap& params);
[[nodiscard]] solvers::ScaleMethod awq_rules(const ParamMap& params);
[[nodiscard]] solvers::ScaleMethod aqas_rules(const ParamMap& params);

} // namespace graticule
