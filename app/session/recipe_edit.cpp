#include "app/session/recipe_edit.h"

#include <algorithm>
#include <map>
#include <set>

#include "core/recipe/layer_rules.h"

namespace graticule {

namespace {
std::string leaf_of(const std::string& name) { return name.substr(name.rfind('.') + 1); }

// "layers.3.self_attn.q_proj" -> "layers.3"
std::string block_prefix(const Linear& linear) {
    const std::string number = "." + std::to_string(static_cast<int>(linear.block)) + ".";
    const auto at = linear.short_name.find(number);
    return at == std::string::npos ? std::string() : linear.short_name.substr(0, at + number.size() - 1);
}

bool matches_exactly(const Model& model, const std::string& pattern, const std::set<LayerId>& wanted) {
    const LayerPattern compiled(pattern);
    return std::all_of(model.linears().begin(), model.linears().end(), [&](const Linear& linear) {
        return compiled.matches(linear.name) == wanted.contains(linear.id);
    });
}

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

namespace {
/// "x", or "{x,y}" of several.
std::string any_of(const std::set<std::string>& parts) {
    if (parts.size() == 1) return *parts.begin();
    std::string text = "{";
    for (const std::string& part : parts) text += (text.size() > 1 ? "," : "") + part;
    return text + "}";
}
} // namespace

std::vector<std::string> patterns_for(const Model& model, const std::vector<LayerId>& layers) {
    const std::set<LayerId> wanted(layers.begin(), layers.end());
    if (wanted.empty()) return {};
    if (wanted.size() == 1) return {model.linear(*wanted.begin()).short_name};
    std::set<std::string> leaves, prefixes;
    std::map<std::string, std::set<std::string>> blocks_of; // of a role, where it is wanted
    for (const LayerId id : wanted) {
        const std::string leaf = leaf_of(model.linear(id).short_name), prefix = block_prefix(model.linear(id));
        leaves.insert(leaf);
        prefixes.insert(prefix);
        blocks_of[leaf].insert(prefix);
    }
    const bool in_blocks = !prefixes.contains(std::string()); // a head is in none
    std::vector<std::string> candidates{"*", "*." + any_of(leaves)};
    if (in_blocks) {
        candidates.push_back(any_of(prefixes) + ".*");
        candidates.push_back(any_of(prefixes) + ".*" + any_of(leaves));
    }
    for (const std::string& candidate : candidates)
        if (matches_exactly(model, candidate, wanted)) return {candidate};
    // Roles that are wanted in the same blocks share a pattern.
    std::map<std::set<std::string>, std::set<std::string>> roles_by_blocks;
    for (const auto& [leaf, blocks] : blocks_of) roles_by_blocks[blocks].insert(leaf);
    std::vector<std::string> patterns;
    std::set<LayerId> matched;
    for (const auto& [blocks, roles] : roles_by_blocks) {
        patterns.push_back(any_of(blocks) + ".*" + any_of(roles));
        const LayerPattern compiled(patterns.back());
        for (const Linear& linear : model.linears())
            if (compiled.matches(linear.name)) matched.insert(linear.id);
    }
    if (in_blocks && matched == wanted) return patterns;
    std::vector<std::string> names;
    for (const LayerId id : wanted) names.push_back(model.linear(id).short_name);
    return names;
}

} // namespace graticule
