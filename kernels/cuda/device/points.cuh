// Nearest points on the device. The arithmetic is kernels/api/grid_points.h; here tables are moved to shared memory,
// because lanes that search them ask for different entries.
#pragma once

#include "kernels/api/grid_points.h"

namespace graticule::cuda {

template <GridKind kind>
struct SharedTable {
    __device__ void load(const GridPoints&) {}
};

template <>
struct SharedTable<GridKind::table> {
    float value[256];
    float threshold[256];

    /// Needs a barrier after it.
    __device__ void load(const GridPoints& points) {
        const int thread = threadIdx.x + blockDim.x * threadIdx.y;
        for (int i = thread; i < 256; i += blockDim.x * blockDim.y) {
            value[i] = points.table[i];
            threshold[i] = points.threshold[i];
        }
    }
};

template <GridKind kind>
__device__ __forceinline__ Point nearest(const GridPoints& points, const SharedTable<kind>& table,
                                         const BlockPoint& block, float y) {
    if constexpr (kind == GridKind::table) {
        const int code = table_code(table.threshold, y);
        return {code, table.value[code]};
    } else {
        return nearest_lattice_point<kind>(points, block, y);
    }
}

} // namespace graticule::cuda
