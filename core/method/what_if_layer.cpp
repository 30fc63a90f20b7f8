#include "core/method/what_if_layer.h"

#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "core/base/error.h"
#include "core/method/counted_linear.h"
#include "core/method/fold.h"
#include "core/method/linear_stage.h"
#include "core/method/method.h"
#include "core/method/reach.h"
#include "core/method/residual_rotation.h"
#include "core/method/result_params.h"
#include "core/method/rotation.h"
#include "core/method/solvers/counted_weight.h"
#include "core/runtime/input_mapping.h"
#include "core/runtime/parameters.h"
#include "core/runtime/torch_error.h"

namespace graticule {

namespace {

/// The transform, where it scales the layer's input.
Chosen<Transform> scaling_of(const Model& model, LayerId layer, const SchemeChoice& choice) {
    return idle_transform(model, layer, choice) != nullptr ? Chosen<Transform>() : chosen<Transform>(choice);
}

/// Rows of inputs on the device, and on the host which sample each is of.
struct Rows {
    at::Tensor values, samples;
    [[nodiscard]] Rows pick(const at::Tensor& index) const {
        return {values.index_select(0, index.to(values.device())), samples.index_select(0, index)};
    }
};

/// What the answers read: on the CPU views of the mapped file and of the statistics, on a card copies that stay.
class Inputs {
public:
    Inputs(const Model& model, const Device& device)
        : model_(model)
        , device_(device) {}

    at::Tensor parameter(const std::string& name, const HostTensor& values) {
        return kept(name, [&] { return load_parameter(model_, name, values, device_); });
    }
    /// `count` of a site's kept rows, evenly spread; 0: all.
    Rows rows(const SiteStats& site, const Linear& linear, std::int64_t count) {
        const Rows all = {kept("rows of site " + std::to_string(index_of(linear.site)),
                               [&] { return to_torch(site.kept_rows, device_); }),
                          kept_row_samples(site)};
        const std::int64_t there = all.values.size(0);
        if (count <= 0 || count >= there) return all;
        return all.pick((at::arange(count, at::kLong) * there).floor_divide(count));
    }

private:
    at::Tensor kept(const std::string& name, const std::function<at::Tensor()>& load) {
        if (!device_.is_cuda()) return load();
        const auto found = std::ranges::find(kept_, name, &Kept::first);
        if (found != kept_.end()) {
            std::rotate(found, found + 1, kept_.end()); // the one used last is last
            return kept_.back().second;
        }
        kept_.emplace_back(name, load());
        std::int64_t bytes = 0;
        for (const auto& [each, tensor] : kept_) bytes += static_cast<std::int64_t>(tensor.nbytes());
        while (bytes > WhatIfLayers::kept_bytes && kept_.size() > 1) {
            bytes -= static_cast<std::int64_t>(kept_.front().second.nbytes());
            kept_.erase(kept_.begin());
        }
        return kept_.back().second;
    }

    using Kept = std::pair<std::string, at::Tensor>;
    const Model& model_;
    const Device& device_;
    std::vector<Kept> kept_;
};

/// What a rotated residual stream has done to the layer's input, if that is the rotation.
InputMap rotated_before(const Model& model, const Linear& linear, const std::optional<HadamardChoice>& rotation,
                        Inputs& inputs) {
    if (!rotation || !rotation->residual) return {};
    const Block& block = model.blocks().at(index_of(linear.block));
    const bool attention = linear.site == model.linear(block.q).site;
    const Norm& norm = block.norm(attention ? NormSlot::attention : NormSlot::mlp);
    const at::Tensor weight = inputs.parameter(norm.name + ".weight", norm.weight);
    return residual_map(to_vector(norm_factors(model, weight)), rotation->block);
}

/// The scales of the layer's input, `before` having been done to it, when all linears that read it have `choice`;
/// searched on `rows`, as calibration saw them.
std::optional<FoldResult> search_scale(const Model& model, const SiteStats& statistics, const Rows& rows, LayerId layer,
                                       const SchemeChoice& choice, const InputMap& before, Inputs& inputs,
                                       const Device& device) {
    const auto transform = scaling_of(model, layer, choice);
    if (!transform) return std::nullopt;
    const FoldSite* site = fold_site_of(model, layer);
    LayerChoices choices(model.linears().size());
    for (const LayerId id : site->consumers) choices[index_of(id)] = choice;
    FoldRequest request = fold_request(*site, choices, transform.params(), device, [&](LayerId id) {
        const Linear& linear = model.linear(id);
        return fold_into(before, inputs.parameter(linear.name + ".weight", linear.weight), device);
    });
    request.statistics = &statistics.all().channels;
    SampleWants wants = transform.method->wants(request);
    if (!before.empty()) wants.magnitudes = true; // the statistics are of the input as it was
    if (transform.row->needs == Needs::samples || !before.empty())
        request.samples = samples_of(apply(before, rows.values, device), wants, device, rows.samples);
    return transform.method->scale(request);
}

/// The rows that calibration kept. A method that looks at inputs fits itself to those it sees, so every fourth row is
/// held out for the score; other methods see all, and are scored on all or, beside such a one, on the same.
struct KeptRows {
    Rows fitted, scored;
};
KeptRows split_rows(const Rows& kept, bool fits, ScoredOn scored_on) {
    const std::int64_t count = kept.values.size(0);
    if (count < 8 || (!fits && scored_on == ScoredOn::all_seen)) return {kept, kept};
    const at::Tensor held_out = at::arange(count, at::kLong).remainder(4) == 3;
    return {fits ? kept.pick(held_out.logical_not().nonzero().flatten()) : kept,
            kept.pick(held_out.nonzero().flatten())};
}

} // namespace

struct WhatIfLayers::State {
    State(std::shared_ptr<const Model> model_, std::shared_ptr<const ActivationStats> stats_, const std::string& name)
        : model(std::move(model_))
        , stats(std::move(stats_))
        , device(open_device(name))
        , inputs(*model, device) {
        if (device.is_cuda())
            stream = c10::impl::VirtualGuardImpl(at::kCUDA).getStreamFromGlobalPool(torch_device(device));
    }

    WhatIfLayer answer(LayerId layer, const SchemeChoice& choice, std::int64_t count, ScoredOn scored_on,
                       bool weight_alone);

    std::shared_ptr<const Model> model;
    std::shared_ptr<const ActivationStats> stats;
    Device device;
    Inputs inputs;
    std::optional<c10::Stream> stream; ///< of a card: beside that of the jobs
};

WhatIfLayers::WhatIfLayers(std::shared_ptr<const Model> model, std::shared_ptr<const ActivationStats> stats,
                           const std::string& device)
    : state_(std::make_unique<State>(std::move(model), std::move(stats), device)) {}
WhatIfLayers::~WhatIfLayers() = default;

WhatIfLayer WhatIfLayers::of(LayerId layer, const SchemeChoice& choice, std::int64_t rows, ScoredOn scored_on) {
    return state_->answer(layer, choice, rows, scored_on, false);
}

WhatIfLayer WhatIfLayers::of_weight(LayerId layer, const SchemeChoice& choice) {
    if (!state_->device.is_cuda())
        if (auto counted = count_linear(*state_->model, state_->model->linear(layer), choice)) {
            counted->quantized.report.estimated = true;
            return std::move(*counted);
        }
    return state_->answer(layer, choice, 0, ScoredOn::all_seen, true);
}

WhatIfLayer WhatIfLayers::State::answer(LayerId layer, const SchemeChoice& choice, std::int64_t count,
                                        ScoredOn scored_on, bool weight_alone) {
    const TorchScope scope(device);
    std::optional<c10::StreamGuard> aside;
    if (stream) aside.emplace(*stream);
    return translate_torch_errors("trying " + model->linear(layer).short_name, [&] {
        const Linear& linear = model->linear(layer);
        const SiteStats& statistics = stats->sites.at(index_of(linear.site));
        const auto rotation = hadamard_of(choice, linear, *model);
        const InputMap before = rotated_before(*model, linear, rotation, inputs);
        const bool fits = uses_samples(choice);
        GRATICULE_ASSERT(!fits || !weight_alone, "a method that looks at inputs has to see some");
        const KeptRows rows = split_rows(inputs.rows(statistics, linear, count), fits, scored_on);
        const std::optional<FoldResult> fold =
            search_scale(*model, statistics, rows.fitted, layer, choice, before, inputs, device);
        LinearJob job{.linear = linear,
                      .choice = choice,
                      .device = device,
                      .weight = inputs.parameter(linear.name + ".weight", linear.weight),
                      .map = input_map(before, fold ? to_vector(fold->scale) : std::vector<float>(), rotation),
                      .statistics = &statistics,
                      .report_only = true,
                      .weight_alone = weight_alone};
        if (rotation && rotation->writes_rotated)
            job.weight = rotate_outputs(job.weight, hadamard_block(model->config().hidden), device);
        job.weight = fold_into(job.map, job.weight, device);
        job.range_samples = job.clip_samples = job.round_samples = [&](const SampleWants& wants) {
            return samples_of(apply(job.map, rows.fitted.values, device), wants, device, rows.fitted.samples);
        };
        if (!weight_alone && rows.scored.values.size(0) > 0) {
            job.scored = apply(job.map, rows.scored.values, device);
            job.scored_samples = rows.scored.samples;
        }
        WhatIfLayer result;
        LinearOutcome outcome = quantize_linear(job);
        if (fold) add_to_report(*fold, outcome.quantized.report);
        outcome.quantized.report.estimated = true;
        LayerReport& report = outcome.quantized.report;
        // A rounding that is fitted finds less than a run does on its thousands of tokens: by decibels with 384 rows for
        // 256 inputs, and what it finds may look worse than no fit.
        constexpr std::int64_t rows_per_input = 4;
        if (report.rows_fitted > 0) report.too_few_rows = report.rows_fitted < rows_per_input * linear.in_features();
        if (fits) report.rows_fitted = rows.fitted.values.size(0);
        if (choice.scheme.weight) result.weight_in_steps = solvers::histogram_of(outcome.steps);
        result.quantized = std::move(outcome.quantized);
        return result;
    });
}

bool same_input_units(const Model& model, LayerId layer, const SchemeChoice& one, const SchemeChoice& other) {
    const auto rotated_stream = [&](const SchemeChoice& choice) { // its norms' factors are no longer in the input
        const auto rotation = hadamard_of(choice, model.linear(layer), model);
        return rotation && rotation->residual;
    };
    if (one == other) return true;
    if (rotated_stream(one) != rotated_stream(other)) return false;
    const auto here = scaling_of(model, layer, one), there = scaling_of(model, layer, other);
    if (!here || !there) return !here && !there;
    return here.row == there.row && here.row->needs != Needs::samples &&
           complete_params(*here.row, here.params()) == complete_params(*there.row, there.params());
}

} // namespace graticule
