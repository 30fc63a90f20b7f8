// GPTQ's columns one after the other, row by row: a row stays in the first-level cache while all its columns are
// walked.                                                                            (rows, columns) -> (rows, columns)
#include <vector>

#include "kernels/cpu/ops.h"
#include "kernels/cpu/vector_clones.h"

namespace graticule::cpu {
namespace {

GRATICULE_VECTOR_CLONES
void take_away(float* row, const float* factor, float error, std::int64_t first, std::int64_t columns) {
    GRATICULE_ELEMENTWISE
    for (std::int64_t j = first; j < columns; ++j) row[j] -= error * factor[j];
}

template <GridKind kind>
Point nearest(const GridPoints& points, float x, float scale, float zero) {
    const float steps = in_steps(x, scale);
    if constexpr (kind == GridKind::table) {
        const std::int32_t code = table_code(points.threshold, steps);
        return {code, points.table[code]};
    } else {
        return nearest_lattice_point<kind>(points, block_point<kind>(points, scale, zero), steps);
    }
}

template <GridKind kind>
void walk_rows(const GptqWalk& walk, const GridPoints& points) {
    const std::int64_t columns = walk.weight.columns;
    std::vector<float> row(static_cast<std::size_t>(columns));
    for (std::int64_t r = 0; r < walk.weight.rows; ++r) {
        const float* weight = walk.weight.data + r * walk.weight.row_stride;
        const float* scale = walk.scale.data + r * walk.scale.row_stride;
        const float* zero = walk.zero.data + r * walk.zero.row_stride;
        std::uint8_t* codes = walk.codes.data + r * walk.codes.row_stride;
        float* values = walk.values.data + r * walk.values.row_stride;
        float* errors = walk.error.data + r * walk.error.row_stride;
        row.assign(weight, weight + columns);
        for (std::int64_t i = 0; i < columns; ++i) {
            const float* factor = walk.factor.data + i * walk.factor.row_stride;
            const float w = row[static_cast<std::size_t>(i)];
            const Point point = nearest<kind>(points, w, scale[i], zero[i]);
            const float value = point.multiple * scale[i];
            const float error = (w - value) / factor[i];
            take_away(row.data(), factor, error, i + 1, columns);
            codes[i] = static_cast<std::uint8_t>(point.code);
            values[i] = value;
            errors[i] = error;
        }
    }
}

} // namespace

void gptq_walk(const GptqWalk& walk, const GridPoints& points) {
    for_kind(points.kind, [&]<GridKind kind>() { walk_rows<kind>(walk, points); });
}

} // namespace graticule::cpu
