#include "app/session/recipe_edit.h"

#include <algorithm>
#include <map>
#include <set>

#include "core/recipe/few_rules.h"
#include "core/recipe/layer_rules.h"

namespace graticule {

namespace {
void unignore(Recipe& recipe, const Model& model, const std::set<LayerId>& layers) {
    std::vector<std::string> kept;
    for (const std::string& pattern : recipe.ignore) {
        const LayerPattern compiled(pattern);
        std::vector<std::string> others; // what else the pattern leaves alone must stay left alone
        bool touches = false;
        for (const Linear& linear : model.linears()) {
            if (!compiled.matches(linear.name)) continue;
            if (layers.contains(linear.id))
                touches = true;
            else
                others.push_back(linear.short_name);
        }
        if (!touches)
            kept.push_back(pattern);
        else
            kept.insert(kept.end(), others.begin(), others.end());
    }
    recipe.ignore = std::move(kept);
}

std::set<int> deciding_rules(const Recipe& recipe, const Model& model) {
    const LayerRules rules(recipe);
    std::set<int> decide;
    for (const Linear& linear : model.linears()) decide.insert(rules.choice_of(linear).rule);
    return decide;
}

void drop_rules_made_idle(Recipe& after, const Model& model, const std::set<int>& decided_before) {
    const std::set<int> decide_now = deciding_rules(after, model);
    for (int rule = static_cast<int>(after.rules.size()) - 1; rule >= 0; --rule)
        if (decided_before.contains(rule) && !decide_now.contains(rule)) after.rules.erase(after.rules.begin() + rule);
}
} // namespace

Recipe edit_layers(const Recipe& recipe, const Model& model, const std::vector<LayerId>& layers,
                   const std::function<void(SchemeChoice&)>& edit) {
    const std::set<LayerId> wanted(layers.begin(), layers.end());
    const std::set<int> decided_before = deciding_rules(recipe, model);
    Recipe result = recipe;
    unignore(result, model, wanted);

    std::map<int, std::vector<LayerId>> by_rule; // edited layers, under the rule that decides them now
    std::map<int, std::size_t> decided;          // how many layers each rule decides in all
    const LayerRules rules(recipe);
    for (const Linear& linear : model.linears()) {
        const int rule = rules.choice_of(linear).rule;
        ++decided[rule];
        if (wanted.contains(linear.id)) by_rule[rule].push_back(linear.id);
    }
    // Layers of one rule share one choice, so the edit turns them into one new choice as well.
    struct Change {
        SchemeChoice choice;
        std::vector<LayerId> layers;
        std::vector<int> rules;
        bool whole = true; ///< the layers are all that these rules decide
    };
    std::vector<Change> changes;
    for (const auto& [rule, ids] : by_rule) {
        SchemeChoice choice = rule < 0 ? recipe.defaults : recipe.rules[static_cast<std::size_t>(rule)].choice;
        const SchemeChoice before = choice;
        edit(choice);
        if (choice == before) continue;
        auto same =
            std::find_if(changes.begin(), changes.end(), [&](const Change& change) { return change.choice == choice; });
        if (same == changes.end()) same = changes.insert(changes.end(), Change{choice, {}, {}, true});
        same->layers.insert(same->layers.end(), ids.begin(), ids.end());
        same->rules.push_back(rule);
        same->whole = same->whole && ids.size() == decided[rule];
    }
    for (const Change& change : changes) {
        if (!change.whole) {
            for (const std::string& pattern : patterns_for(model, change.layers))
                result.rules.push_back({pattern, false, change.choice});
            continue;
        }
        for (const int rule : change.rules)
            (rule < 0 ? result.defaults : result.rules[static_cast<std::size_t>(rule)].choice) = change.choice;
    }
    drop_rules_made_idle(result, model, decided_before);
    return result;
}

} // namespace graticule
