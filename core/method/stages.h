// What carries a method out, by stage. Private to core/method: these see Torch. One object of each class, without
// state, is pointed to by its row in all_methods.cpp.
//
//     if (const auto clip = chosen<Clip>(choice)) weight = clip.method->clip(...);
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/method/method.h"
#include "core/method/site_samples.h"
#include "core/method/solvers/tensor_quantizer.h"
#include "core/model/model.h"
#include "core/recipe/recipe.h"
#include "core/runtime/torch_bridge.h"
#include "core/stats/activation_stats.h"

namespace graticule {

/// Parameter of a completed ParamMap.
template <class T>
[[nodiscard]] const T& param(const ParamMap& params, const char* name) {
    const auto found = params.find(name);
    GRATICULE_ASSERT(found != params.end() && std::holds_alternative<T>(found->second), "resolve completes parameters");
    return std::get<T>(found->second);
}

// ---- transform

/// Output of the module that judges the site's scales (attention, gated MLP) when its linears have these weights.
using ModuleOutput = std::function<at::Tensor(std::span<const at::Tensor> weights, const at::Tensor& inputs)>;

struct FoldRequest {
    const FoldSite& site;
    const ParamMap& params;
    const Device& device;
    bool tf32 = false;                            ///< a search need not have more: the forward pass has 16 bits
    std::vector<LayerId> layers = {};             ///< the quantized consumers
    std::vector<at::Tensor> weights = {};         ///< of the same, (out, in), unscaled
    std::vector<const QuantScheme*> schemes = {}; ///< of the same
    const ChannelStats* statistics = nullptr;     ///< of the site's input; null: none were taken
    ModuleOutput attention = {}, mlp = {};        ///< null where the site does not belong to it or nothing is run
    SiteSamples samples = {};         ///< of the full-precision model unless asked: what the transform wants
    std::int64_t samples_at_once = 0; ///< of them in one product; 0: as suits the device
};

struct FoldResult {
    at::Tensor scale;           ///< (channels) float32, > 0
    std::vector<double> ratios; ///< what was tried ...
    std::vector<double> losses; ///< ... and its loss
    std::optional<double> loss, loss_before;
    std::string note;
};

class Transform {
public:
    virtual ~Transform() = default;
    /// Whether this site is one the method scales.
    [[nodiscard]] virtual bool applies(const FoldSite& site, const ParamMap& params) const = 0;
    /// True: `samples` of the request are what the quantized blocks before hand on.
    [[nodiscard]] virtual bool on_quantized_states(const ParamMap&) const { return false; }
    /// What of the samples it reads, for a request that has everything else.
    [[nodiscard]] virtual SampleWants wants(const FoldRequest&) const { return {}; }
    /// Tokens that the samples are cut to for it; 0: as calibrated.
    [[nodiscard]] virtual std::int64_t calibration_length(const ParamMap&) const { return 0; }
    /// The factors the consumers' columns are multiplied by; absent: leave the site as it is.
    [[nodiscard]] virtual std::optional<FoldResult> scale(const FoldRequest& request) const = 0;
};

// ---- rotate

class Rotation {
public:
    virtual ~Rotation() = default;
    /// True: the residual stream as a whole (rotation.h).
    [[nodiscard]] virtual bool residual(const ParamMap& params) const = 0;
};

class HadamardRotation final : public Rotation {
public:
    [[nodiscard]] bool residual(const ParamMap& params) const override { return param<bool>(params, "residual"); }
};

// ---- keep

class ChannelChoice {
public:
    virtual ~ChannelChoice() = default;
    /// Channels that stay in 16 bits, ascending. `absmax`: of the input each channel, after transforms.
    [[nodiscard]] virtual std::vector<std::int32_t> choose(const std::vector<float>& absmax,
                                                           const ParamMap& params) const = 0;
    /// How many of so many channels that will be, where it does not depend on their values.
    [[nodiscard]] virtual std::optional<std::int64_t> count(std::int64_t channels, const ParamMap& params) const = 0;
};

// ---- clip and round

struct WeightRequest {
    const Linear& linear;
    const QuantScheme& scheme;
    const ParamMap& params;
    const Device& device;
    at::Tensor weight;        ///< (out, in) float32: folded, kept columns zero, clipped
    at::Tensor keep;          ///< bool (in): columns left in 16 bits, zero in `weight`; undefined: none
    SiteSamples samples = {}; ///< in the folded domain: what the method wants
    bool tf32 = false;        ///< a search need not have more: the forward pass has 16 bits
};

class Clip {
public:
    virtual ~Clip() = default;
    [[nodiscard]] virtual bool applies(Role role, const ParamMap& params) const = 0;
    [[nodiscard]] virtual SampleWants wants(const ParamMap&) const { return {}; }
    [[nodiscard]] virtual std::int64_t calibration_length(const ParamMap&) const { return 0; } ///< as Transform's
    /// The weight with its range narrowed; `note` takes what a person should know.
    [[nodiscard]] virtual at::Tensor clip(const WeightRequest& request, std::string& note) const = 0;
};

struct Rounded {
    at::Tensor codes; ///< (out, in) uint8 on the device
    solvers::BlockParams params;
    std::optional<double> loss, loss_before; ///< of the method's own objective
    std::string note;
};

/// What of the calibration decides a static range.
enum class StaticRule {
    extremes, ///< the smallest and the largest value seen
    /// DGQ 141eef7: of each channel's absolute maximum the least over the samples, of those the largest over channels,
    /// as a range around zero. What only some samples reach is clipped.
    least_sample,
};

class Rounding {
public:
    virtual ~Rounding() = default;
    /// True: later blocks see what the rounding of earlier ones did.
    [[nodiscard]] virtual bool propagates(const ParamMap&) const { return false; }
    /// True: what is propagated includes the quantization of the linears' inputs.
    [[nodiscard]] virtual bool quantized_inputs(const ParamMap&) const { return false; }
    /// True: the linears of a block are rounded in turn, each on inputs that those before it have changed.
    [[nodiscard]] virtual bool true_sequential(const ParamMap&) const { return false; }
    [[nodiscard]] virtual StaticRule static_rule(const ParamMap&) const { return StaticRule::extremes; }
    /// True: every weight gets the nearest code of its block's range, so that a pass over them tells all.
    [[nodiscard]] virtual bool to_nearest() const { return false; }
    [[nodiscard]] virtual SampleWants wants(const ParamMap&) const { return {}; }
    [[nodiscard]] virtual std::int64_t calibration_length(const ParamMap&) const { return 0; } ///< as Transform's
    [[nodiscard]] virtual Rounded round(const WeightRequest& request) const = 0;
};

class Compensation {
public:
    virtual ~Compensation() = default;
    /// Factors a (out, rank) and b (rank, in), 16-bit values, to add to the rounded weight.
    [[nodiscard]] virtual std::pair<at::Tensor, at::Tensor> factors(const at::Tensor& weight, const at::Tensor& rounded,
                                                                    const ParamMap& params) const = 0;
    [[nodiscard]] virtual std::int64_t rank(std::int64_t rows, std::int64_t columns, const ParamMap& params) const = 0;
};

/// A layer's method of one stage, if it has one.
template <class Method>
struct Chosen {
    const Method* method = nullptr;
    const MethodStep* step = nullptr;
    const MethodRow* row = nullptr;
    explicit operator bool() const { return method != nullptr; }
    [[nodiscard]] const ParamMap& params() const { return step->params; }
};

template <class Method>
[[nodiscard]] Chosen<Method> chosen(const SchemeChoice& choice) {
    for (const MethodStep& step : choice.steps) {
        const MethodRow* row = find_method(step.method);
        if (row == nullptr) continue;
        if (const auto* method = std::get_if<const Method*>(&row->method)) return {*method, &step, row};
    }
    return {};
}

} // namespace graticule
