// Grids the kernel tests use, written out here so that they do not depend on the engine's format list.
#pragma once

#include <vector>

#include "kernels/api/code_grid.h"

namespace graticule::testing {

inline CodeGrid int_grid(int bits) {
    CodeGrid grid;
    grid.levels = 1 << bits;
    return grid;
}

inline CodeGrid dint_grid(int bits) {
    CodeGrid grid;
    grid.levels = (1 << bits) - 2;
    grid.special_count = 2;
    grid.specials = {0.5F, -0.5F};
    return grid;
}

inline CodeGrid table_grid(const std::vector<float>& values) {
    CodeGrid grid;
    grid.shape = CodeGrid::Shape::table;
    grid.levels = static_cast<int>(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) grid.table[i] = values[i];
    return grid;
}

inline CodeGrid fp4_grid() { return table_grid({-6, -4, -3, -2, -1.5F, -1, -0.5F, 0, 0.5F, 1, 1.5F, 2, 3, 4, 6}); }

} // namespace graticule::testing
