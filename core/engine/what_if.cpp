#include "core/base/error.h"
#include "core/engine/engine.h"
#include "core/method/method.h"
#include "core/method/what_if_layer.h"

namespace graticule {

WhatIfs::WhatIfs(std::shared_ptr<const Model> model, std::shared_ptr<const ActivationStats> stats,
                 const std::string& device)
    : model_(std::move(model))
    , stats_(std::move(stats))
    , layers_(std::make_unique<WhatIfLayers>(model_, stats_, device)) {}
WhatIfs::~WhatIfs() = default;

WhatIf WhatIfs::of(LayerId layer, const SchemeChoice& choice, std::int64_t rows, ScoredOn scored_on) const {
    return result_of(layer, layers_->of(layer, complete(layer, choice), rows, scored_on));
}

WhatIf WhatIfs::of_weight(LayerId layer, const SchemeChoice& choice) const {
    return result_of(layer, layers_->of_weight(layer, complete(layer, choice)));
}

SchemeChoice WhatIfs::complete(LayerId layer, const SchemeChoice& choice) const {
    const Model& model = *model_;
    // Resolving a recipe for this layer alone finds every problem that the run would find there.
    const std::string& name = model.linear(layer).short_name;
    Recipe recipe;
    recipe.rules.push_back({model.linear(layer).name, false, choice});
    const Resolution resolution = resolve(recipe, model);
    for (const Diagnostic& item : resolution.diagnostics.items)
        if (item.severity == Severity::error) throw Error(ErrorKind::bad_input, name + ": " + item.text);
    SchemeChoice complete = choice;
    for (MethodStep& step : complete.steps) step.params = complete_params(*find_method(step.method), step.params);
    return complete;
}

WhatIf WhatIfs::result_of(LayerId layer, WhatIfLayer tried) const {
    WhatIf result;
    result.report = std::move(tried.quantized.report);
    result.params = std::move(tried.quantized.params);
    result.weight_in_steps = std::move(tried.weight_in_steps);
    result.smoothing = tried.quantized.input_map.smoothing();
    result.input_absmax = stats_->sites.at(index_of(model_->linear(layer).site)).all().channels.absmax_per_channel();
    for (std::size_t i = 0; i < result.smoothing.size(); ++i) result.input_absmax[i] /= result.smoothing[i];
    return result;
}

StepHistogram weight_histogram(const Model& model, LayerId layer) {
    constexpr std::int64_t bins_a_side = 96 * 64; // a plot of usual width tells 96 apart; the rest is for coming near
    return count_to_largest(to_floats(model.linear(layer).weight), bins_a_side);
}

} // namespace graticule
