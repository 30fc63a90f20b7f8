#include "core/model/linear_groups.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace graticule {

namespace {

/// What is fused: by block, and of the block the attention's inputs, the MLPs' inputs, or a linear by itself.
std::tuple<BlockId, int, LayerId> fused_key(const Linear& linear, bool experts) {
    switch (linear.role) {
    case Role::q:
    case Role::k:
    case Role::v:
        return {linear.block, 0, {}};
    case Role::gate:
    case Role::up:
        // One expert reads the block's input as all of them do.
        return {linear.block, 1, {}};
    case Role::down:
        return experts ? std::tuple{linear.block, 2, LayerId{}} : std::tuple{linear.block, 3, linear.id};
    default:
        return {linear.block, 3, linear.id};
    }
}

/// The names' common beginning up to a dot, then what differs.
std::string pattern_of(const Model& model, const std::vector<LayerId>& layers) {
    const std::string& first = model.linear(layers.front()).short_name;
    if (layers.size() == 1) return first;
    std::size_t common = first.size();
    for (const LayerId layer : layers) {
        const std::string& name = model.linear(layer).short_name;
        std::size_t same = 0;
        while (same < std::min(common, name.size()) && name[same] == first[same]) ++same;
        common = same;
    }
    const std::size_t dot = first.rfind('.', common == 0 ? 0 : common - 1);
    common = dot == std::string::npos || common == 0 ? 0 : dot + 1;
    std::string pattern = first.substr(0, common) + "{";
    for (const LayerId layer : layers)
        pattern += (layer == layers.front() ? "" : ",") + model.linear(layer).short_name.substr(common);
    return pattern + "}";
}

} // namespace

std::vector<LinearGroup> linear_groups(const Model& model, Grouping grouping) {
    std::vector<LinearGroup> groups;
    std::map<std::tuple<BlockId, int, LayerId>, std::size_t> known;
    for (const Linear& linear : model.linears()) {
        const bool in_block = linear.block >= BlockId{0};
        const bool experts = in_block && model.blocks().at(index_of(linear.block)).router.has_value();
        const auto key = grouping == Grouping::fused && in_block ? fused_key(linear, experts)
                                                                 : std::tuple{linear.block, 3, linear.id};
        const auto [place, fresh] = known.emplace(key, groups.size());
        if (fresh) groups.emplace_back();
        groups[place->second].layers.push_back(linear.id);
    }
    for (LinearGroup& group : groups) group.name = pattern_of(model, group.layers);
    return groups;
}

} // namespace graticule
