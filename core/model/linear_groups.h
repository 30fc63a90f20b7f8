// Linears that a serving program stores as one, so that they must share a scheme: q, k and v; gate and up; with
// experts, all of a block's experts (vLLM fuses each of these).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/model/model.h"

namespace graticule {

struct LinearGroup {
    std::string name;            ///< "layers.3.self_attn.{q_proj,k_proj,v_proj}": a pattern that matches its members
    std::vector<LayerId> layers; ///< ascending, at least one
};

enum class Grouping : std::uint8_t {
    single, ///< every linear by itself
    fused,  ///< as serving programs fuse them
};

/// Every linear in exactly one group; in the order of execution of their first members.
[[nodiscard]] std::vector<LinearGroup> linear_groups(const Model& model, Grouping grouping);

} // namespace graticule
