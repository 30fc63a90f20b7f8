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

std::set<int> rules_made_idle(const Recipe& after, const Model& model, const std::set<int>& decided_before) {
    const std::set<int> decide_now = deciding_rules(after, model);
    std::set<int> idle;
    for (const int rule : decided_before)
        if (rule >= 0 && !decide_now.contains(rule)) idle.insert(rule);
    return idle;
}

/// Those of `edited` without which, and without `gone`, every linear would have the choice that it has.
std::set<int> rules_saying_the_same(const Recipe& recipe, const Model& model, const std::set<int>& edited,
                                    const std::set<int>& gone) {
    const auto choice = [&](int rule) -> const SchemeChoice& {
        return rule < 0 ? recipe.defaults : recipe.rules[static_cast<std::size_t>(rule)].choice;
    };
    const LayerRules rules(recipe);
    std::vector<std::vector<int>> matching; // of each linear, the last one decides
    for (const Linear& linear : model.linears()) {
        std::vector<int>& of = matching.emplace_back(1, -1);
        for (int rule = 0; rule < static_cast<int>(recipe.rules.size()); ++rule)
            if (!gone.contains(rule) && rules.rules()[static_cast<std::size_t>(rule)].matches(linear.name))
                of.push_back(rule);
    }
    std::set<int> same;
    for (const int rule : edited) {
        const auto needs = [&](const std::vector<int>& of) {
            return of.back() == rule && choice(of[of.size() - 2]) != choice(rule); // there is the default at least
        };
        if (gone.contains(rule) || std::ranges::any_of(matching, needs)) continue;
        same.insert(rule);
        for (std::vector<int>& of : matching) std::erase(of, rule);
    }
    return same;
}

void drop(Recipe& recipe, const std::set<int>& rules) {
    for (auto rule = rules.rbegin(); rule != rules.rend(); ++rule) recipe.rules.erase(recipe.rules.begin() + *rule);
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
    std::set<int> gone = rules_made_idle(result, model, decided_before);
    // An edit of one rule's layers alone may pass by what is above it on its way to something else: a rule that
    // somebody wrote stays then, one that the next edit would make as it is does not.
    std::set<int> edited;
    for (const auto& [rule, ids] : by_rule) {
        if (rule < 0) continue;
        const std::string& pattern = recipe.rules[static_cast<std::size_t>(rule)].pattern;
        if (by_rule.size() > 1 || patterns_for(model, ids) == std::vector{pattern}) edited.insert(rule);
    }
    gone.merge(rules_saying_the_same(result, model, edited, gone));
    drop(result, gone);
    return result;
}

} // namespace graticule
