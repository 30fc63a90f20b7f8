#include "core/recipe/few_rules.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "core/base/error.h"
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

/// "x", or "{x,y}" of several.
std::string any_of(const std::set<std::string>& parts) {
    if (parts.size() == 1) return *parts.begin();
    std::string text = "{";
    for (const std::string& part : parts) text += (text.size() > 1 ? "," : "") + part;
    return text + "}";
}

using Names = std::set<std::string>;

/// One pattern for all rows that have the same columns, as far as together they match `wanted` and nothing else; rows
/// and columns are blocks and roles, one way or the other.
std::optional<std::vector<std::string>> rectangles(const Model& model, const std::set<LayerId>& wanted,
                                                   const std::map<std::string, Names>& columns_of,
                                                   bool rows_are_roles) {
    std::map<Names, Names> rows_by_columns;
    for (const auto& [row, columns] : columns_of) rows_by_columns[columns].insert(row);
    std::vector<std::string> patterns;
    std::set<LayerId> matched;
    for (const auto& [columns, rows] : rows_by_columns) {
        const Names &blocks = rows_are_roles ? columns : rows, &roles = rows_are_roles ? rows : columns;
        patterns.push_back(any_of(blocks) + ".*" + any_of(roles));
        const LayerPattern compiled(patterns.back());
        for (const Linear& linear : model.linears())
            if (compiled.matches(linear.name)) matched.insert(linear.id);
    }
    return matched == wanted ? std::optional(patterns) : std::nullopt;
}

} // namespace

std::vector<std::string> patterns_for(const Model& model, const std::vector<LayerId>& layers) {
    const std::set<LayerId> wanted(layers.begin(), layers.end());
    if (wanted.empty()) return {};
    if (wanted.size() == 1) return {model.linear(*wanted.begin()).short_name};
    Names leaves, prefixes;
    std::map<std::string, Names> blocks_of, roles_in; // of a role, and of a block, where they are wanted
    for (const LayerId id : wanted) {
        const std::string leaf = leaf_of(model.linear(id).short_name), prefix = block_prefix(model.linear(id));
        leaves.insert(leaf);
        prefixes.insert(prefix);
        blocks_of[leaf].insert(prefix);
        roles_in[prefix].insert(leaf);
    }
    const bool in_blocks = !prefixes.contains(std::string()); // a head is in none
    std::vector<std::string> candidates{"*", "*." + any_of(leaves)};
    if (in_blocks) {
        candidates.push_back(any_of(prefixes) + ".*");
        candidates.push_back(any_of(prefixes) + ".*" + any_of(leaves));
    }
    for (const std::string& candidate : candidates)
        if (matches_exactly(model, candidate, wanted)) return {candidate};
    std::vector<std::string> fewest;
    for (const LayerId id : wanted) fewest.push_back(model.linear(id).short_name);
    if (!in_blocks) return fewest;
    // Roles that are wanted in the same blocks share a pattern, or blocks of which the same roles are.
    for (const bool by_role : {true, false})
        if (const auto found = rectangles(model, wanted, by_role ? blocks_of : roles_in, by_role);
            found && found->size() < fewest.size())
            fewest = *found;
    return fewest;
}

Recipe recipe_with_few_rules(const Model& model, const std::vector<SchemeChoice>& choices) {
    GRATICULE_ASSERT(choices.size() == model.linears().size() && !choices.empty(), "a choice for every linear");
    std::vector<std::pair<SchemeChoice, std::vector<LayerId>>> schemes; // each one once
    for (const Linear& linear : model.linears()) {
        const SchemeChoice& choice = choices[index_of(linear.id)];
        const auto known = std::ranges::find(schemes, choice, [](const auto& scheme) { return scheme.first; });
        if (known == schemes.end())
            schemes.push_back({choice, {linear.id}});
        else
            known->second.push_back(linear.id);
    }
    std::vector<std::vector<std::string>> patterns;
    for (const auto& [scheme, layers] : schemes) patterns.push_back(patterns_for(model, layers));
    // The default saves its own rules; of equals the one with more layers.
    std::size_t defaults = 0;
    const auto saved = [&](std::size_t i) { return std::pair(patterns[i].size(), schemes[i].second.size()); };
    for (std::size_t i = 1; i < schemes.size(); ++i)
        if (saved(i) > saved(defaults)) defaults = i;
    Recipe recipe;
    recipe.defaults = schemes[defaults].first;
    for (std::size_t i = 0; i < schemes.size(); ++i)
        if (i != defaults)
            for (const std::string& pattern : patterns[i]) recipe.rules.push_back({pattern, false, schemes[i].first});
    const LayerRules rules(recipe);
    for (const Linear& linear : model.linears())
        GRATICULE_ASSERT(rules.scheme_of(linear) == choices[index_of(linear.id)], "rules that say what was chosen");
    return recipe;
}

} // namespace graticule
