#include "core/recipe/few_rules.h"

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>

#include "core/base/error.h"
#include "core/recipe/layer_rules.h"

namespace graticule {

namespace {

/// "layers" "3" "mlp.up_proj"; of a linear outside the blocks only the last.
struct NameParts {
    std::string stem, block, kind;
    bool operator<(const NameParts& other) const {
        return std::tie(stem, block, kind) < std::tie(other.stem, other.block, other.kind);
    }
};

NameParts parts_of(const Linear& linear) {
    const std::string& name = linear.short_name;
    if (linear.block < BlockId{0}) return {"", "", name};
    const std::string number = std::to_string(index_of(linear.block));
    const std::size_t place = name.find("." + number + ".");
    if (place == std::string::npos) return {"", "", name};
    return {name.substr(0, place), number, name.substr(place + number.size() + 2)};
}

/// In the order of execution, without repeats.
using Names = std::vector<std::string>;

void add_once(Names& names, const std::string& name) {
    if (std::ranges::find(names, name) == names.end()) names.push_back(name);
}

std::string one_of(const Names& names) {
    if (names.size() == 1) return names.front();
    std::string text;
    for (const std::string& name : names) text += (text.empty() ? "{" : ",") + name;
    return text + "}";
}

/// Linears as cells of a table of blocks and kinds, which rules cover with rectangles.
struct Cells {
    std::vector<NameParts> of;                                         ///< index = LayerId
    std::map<std::string, Names> blocks_with;                          ///< by kind
    std::map<std::pair<std::string, std::string>, Names> kinds_within; ///< by stem and block
};

Cells cells_of(const Model& model) {
    Cells cells;
    for (const Linear& linear : model.linears()) {
        const NameParts& parts = cells.of.emplace_back(parts_of(linear));
        add_once(cells.blocks_with[parts.kind], parts.block);
        add_once(cells.kinds_within[{parts.stem, parts.block}], parts.kind);
    }
    return cells;
}

std::string pattern_of(const Cells& cells, const std::string& stem, const Names& blocks, const Names& kinds) {
    if (blocks.front().empty()) return one_of(kinds);
    const bool all_blocks = std::ranges::all_of(
        kinds, [&](const std::string& kind) { return cells.blocks_with.at(kind).size() == blocks.size(); });
    const bool all_kinds = std::ranges::all_of(blocks, [&](const std::string& block) {
        return cells.kinds_within.at({stem, block}).size() == kinds.size();
    });
    return (all_blocks ? "*" : stem + "." + one_of(blocks)) + "." + (all_kinds ? "*" : one_of(kinds));
}

/// Patterns that match these layers and no others: kinds that have the same blocks are one, or blocks that have the
/// same kinds, whichever gives fewer.
Names cover(const Cells& cells, const std::vector<std::size_t>& layers) {
    std::map<NameParts, Names> blocks_of, kinds_of; // by (stem, -, kind) and by (stem, block, -)
    std::vector<NameParts> kinds, blocks;           // in the order of execution
    for (const std::size_t layer : layers) {
        const NameParts& parts = cells.of[layer];
        const NameParts kind{parts.stem, "", parts.kind}, block{parts.stem, parts.block, ""};
        if (!blocks_of.contains(kind)) kinds.push_back(kind);
        if (!kinds_of.contains(block)) blocks.push_back(block);
        blocks_of[kind].push_back(parts.block);
        kinds_of[block].push_back(parts.kind);
    }
    const auto merged = [](const std::vector<NameParts>& keys, std::map<NameParts, Names>& names,
                           std::string NameParts::*own) {
        std::vector<std::tuple<std::string, Names, Names>> rectangles; // stem, own names, the others
        for (const NameParts& key : keys) {
            const auto same = std::ranges::find_if(rectangles, [&](const auto& rectangle) {
                return std::get<0>(rectangle) == key.stem && std::get<2>(rectangle) == names[key];
            });
            if (same == rectangles.end())
                rectangles.emplace_back(key.stem, Names{key.*own}, names[key]);
            else
                std::get<1>(*same).push_back(key.*own);
        }
        return rectangles;
    };
    const auto by_kind = merged(kinds, blocks_of, &NameParts::kind);
    const auto by_block = merged(blocks, kinds_of, &NameParts::block);
    Names patterns;
    if (by_kind.size() <= by_block.size())
        for (const auto& [stem, some_kinds, some_blocks] : by_kind)
            patterns.push_back(pattern_of(cells, stem, some_blocks, some_kinds));
    else
        for (const auto& [stem, some_blocks, some_kinds] : by_block)
            patterns.push_back(pattern_of(cells, stem, some_blocks, some_kinds));
    return patterns;
}

} // namespace

Recipe recipe_with_few_rules(const Model& model, const std::vector<SchemeChoice>& choices) {
    GRATICULE_ASSERT(choices.size() == model.linears().size() && !choices.empty(), "a choice for every linear");
    const Cells cells = cells_of(model);
    std::vector<SchemeChoice> schemes; // different ones
    std::vector<std::vector<std::size_t>> layers_with;
    for (std::size_t layer = 0; layer < choices.size(); ++layer) {
        const auto known = std::ranges::find(schemes, choices[layer]);
        if (known == schemes.end()) {
            schemes.push_back(choices[layer]);
            layers_with.push_back({layer});
        } else {
            layers_with[std::size_t(known - schemes.begin())].push_back(layer);
        }
    }
    std::vector<Names> covers;
    for (const auto& layers : layers_with) covers.push_back(cover(cells, layers));
    // The default saves its own rules; of equals the one with more layers.
    std::size_t best = 0;
    for (std::size_t i = 1; i < schemes.size(); ++i)
        if (std::pair(covers[i].size(), layers_with[i].size()) >
            std::pair(covers[best].size(), layers_with[best].size()))
            best = i;
    Recipe recipe;
    recipe.defaults = schemes[best];
    for (std::size_t i = 0; i < schemes.size(); ++i)
        if (i != best)
            for (const std::string& pattern : covers[i]) recipe.rules.push_back({pattern, false, schemes[i]});
    const LayerRules rules(recipe);
    for (const Linear& linear : model.linears())
        GRATICULE_ASSERT(rules.scheme_of(linear) == choices[index_of(linear.id)], "rules that say what was chosen");
    return recipe;
}

} // namespace graticule
