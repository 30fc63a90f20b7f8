// Turns a recipe into one plan a layer of one model, or says everything that is wrong with it at once.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/diagnostics.h"
#include "core/model/model.h"
#include "core/recipe/layer_choices.h"
#include "core/recipe/recipe.h"

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
    [[nodiscard]] std::int64_t estimated_bytes() const { return estimated_bytes_; } ///< whole model, packed
    [[nodiscard]] double bits_per_weight() const { return bits_per_weight_; }

private:
    friend struct Resolver;
    Recipe recipe_;
    std::vector<std::optional<LayerPlan>> plans_;
    bool needs_calibration_ = false;
    std::int64_t estimated_bytes_ = 0;
    double bits_per_weight_ = 0;
};

struct Resolution {
    Diagnostics diagnostics;
    std::vector<RuleMatch> matches;         ///< one a rule
    std::optional<ResolvedRecipe> resolved; ///< absent when there are errors
};
[[nodiscard]] LayerChoices choices_of(const ResolvedRecipe& resolved);
[[nodiscard]] Resolution resolve(const Recipe& recipe, const Model& model);

} // namespace graticule
