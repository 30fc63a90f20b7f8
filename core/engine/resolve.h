// Turns a recipe into one plan per layer of one model, or says everything that is wrong with it at once.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/diagnostics.h"
#include "core/model/model.h"
#include "core/recipe/layer_choices.h"
#include "core/recipe/recipe.h"
#include "core/result/stored_size.h"

namespace graticule {

struct LayerPlan {
    LayerId layer{};
    SchemeChoice choice; ///< parameters checked and completed with defaults
    int rule = -1;       ///< index of the rule that won; -1: the defaults
};

struct RuleMatch {
    int rule = 0;
    int matched = 0; ///< layers the pattern matches
    int won = 0;     ///< of them not taken by a later rule or the ignore list
};

class ResolvedRecipe {
public:
    [[nodiscard]] const Recipe& recipe() const { return recipe_; }
    [[nodiscard]] const std::vector<std::optional<LayerPlan>>& plans() const { return plans_; } ///< index = LayerId
    [[nodiscard]] bool needs_calibration() const { return needs_calibration_; }
    /// What QuantizedModel::size() will be, or at least, where calibration decides how many channels are kept.
    [[nodiscard]] const ModelSize& size() const { return size_; }
    [[nodiscard]] bool size_is_exact() const { return size_is_exact_; }

private:
    friend struct Resolver;
    Recipe recipe_;
    std::vector<std::optional<LayerPlan>> plans_;
    bool needs_calibration_ = false;
    ModelSize size_;
    bool size_is_exact_ = true;
};

struct Resolution {
    Diagnostics diagnostics;
    std::vector<RuleMatch> matches;         ///< one per rule
    std::optional<ResolvedRecipe> resolved; ///< absent when there are errors
};
[[nodiscard]] LayerChoices choices_of(const ResolvedRecipe& resolved);
[[nodiscard]] Resolution resolve(const Recipe& recipe, const Model& model);

} // namespace graticule
