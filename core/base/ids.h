// Strong indices, valid for one Model only. Files and recipes use names; ids are never compared across models.
#pragma once

#include <cstddef>
#include <cstdint>

namespace graticule {

enum class LayerId : std::int32_t {}; ///< index into Model::linears()
enum class BlockId : std::int32_t {}; ///< decoder block, 0 = nearest the embedding; -1: outside the blocks (head)
enum class SiteId : std::int32_t {};  ///< index into Model::input_sites(): linears of one site share one input tensor

template <class Id>
[[nodiscard]] constexpr std::size_t index_of(Id id) {
    return static_cast<std::size_t>(id);
}

} // namespace graticule
