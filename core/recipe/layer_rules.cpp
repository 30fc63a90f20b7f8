#include "core/recipe/layer_rules.h"

#include <algorithm>

namespace graticule {

LayerRules::LayerRules(const Recipe& recipe)
    : choices_{recipe.defaults} {
    for (const Rule& rule : recipe.rules) {
        choices_.push_back(rule.choice);
        rules_.emplace_back(rule.pattern, rule.regex);
    }
    for (const std::string& pattern : recipe.ignore) ignored_.emplace_back(pattern);
}

int LayerRules::winner(const Linear& linear) const {
    for (std::size_t i = rules_.size(); i > 0; --i)
        if (rules_[i - 1].matches(linear.name)) return static_cast<int>(i) - 1;
    return -1;
}

bool LayerRules::ignores(const Linear& linear) const {
    return std::any_of(ignored_.begin(), ignored_.end(),
                       [&](const LayerPattern& pattern) { return pattern.matches(linear.name); });
}

LayerChoice LayerRules::choice_of(const Linear& linear) const {
    const int rule = winner(linear);
    return {choices_.at(static_cast<std::size_t>(rule + 1)), rule, ignores(linear)};
}

SchemeChoice LayerRules::scheme_of(const Linear& linear) const {
    return ignores(linear) ? SchemeChoice{} : choices_.at(static_cast<std::size_t>(winner(linear) + 1));
}

} // namespace graticule
