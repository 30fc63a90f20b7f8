// Which of a recipe's choices holds for a layer, by its rules alone: the one answer that resolve and the window share.
#pragma once

#include <vector>

#include "core/model/model.h"
#include "core/recipe/layer_pattern.h"
#include "core/recipe/recipe.h"

namespace graticule {

struct LayerChoice {
    SchemeChoice choice;
    int rule = -1;        ///< that won; -1: the defaults
    bool ignored = false; ///< left in full precision by the ignore list
};

/// A recipe's rules with their patterns compiled once. Nothing is checked here: a rule whose pattern cannot be read
/// matches nothing. Patterns are asked about the full name, whose ends include every shorter name of the layer.
class LayerRules {
public:
    LayerRules() = default;
    explicit LayerRules(const Recipe& recipe);

    [[nodiscard]] LayerChoice choice_of(const Linear& linear) const;
    /// What the layer is quantized with: the choice, or nothing at all where it is ignored.
    [[nodiscard]] SchemeChoice scheme_of(const Linear& linear) const;
    [[nodiscard]] const std::vector<LayerPattern>& rules() const { return rules_; }     ///< index = Recipe::rules
    [[nodiscard]] const std::vector<LayerPattern>& ignored() const { return ignored_; } ///< index = Recipe::ignore

private:
    [[nodiscard]] int winner(const Linear& linear) const;
    [[nodiscard]] bool ignores(const Linear& linear) const;

    std::vector<SchemeChoice> choices_{SchemeChoice{}}; // the defaults, then one a rule
    std::vector<LayerPattern> rules_, ignored_;
};

} // namespace graticule
