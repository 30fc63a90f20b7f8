#include "core/method/solvers/gptq_block.h"

#include <ATen/Parallel.h>

#include <vector>

#include "kernels/api/grid_points.h"

namespace graticule::solvers {
namespace {

GptqBlockResult empty_result(const GptqBlock& block) {
    return {at::empty(block.weight.sizes(), block.weight.options().dtype(at::kByte)), at::empty_like(block.weight),
            at::empty_like(block.weight)};
}

struct RowPointers {
    const float* weight;
    const float* scale;
    const float* zero;
    std::uint8_t* codes;
    float* values;
    float* error;
};

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

/// All columns of one row. `row` is room for `columns` values.
template <GridKind kind>
void walk_row(const GridPoints& points, const RowPointers& at, const float* factor, std::int64_t columns, float* row) {
    for (std::int64_t i = 0; i < columns; ++i) row[i] = at.weight[i];
    for (std::int64_t i = 0; i < columns; ++i) {
        const float* u = factor + i * columns;
        const Point point = nearest<kind>(points, row[i], at.scale[i], at.zero[i]);
        const float value = point.multiple * at.scale[i];
        const float error = (row[i] - value) / u[i];
        for (std::int64_t j = i + 1; j < columns; ++j) row[j] -= error * u[j];
        at.codes[i] = static_cast<std::uint8_t>(point.code);
        at.values[i] = value;
        at.error[i] = error;
    }
}

template <GridKind kind>
void walk_rows(const GptqBlock& block, const GridPoints& points, GptqBlockResult& result) {
    const std::int64_t columns = block.weight.size(1);
    const auto* weight = block.weight.const_data_ptr<float>();
    const auto* factor = block.factor.const_data_ptr<float>();
    const auto* scale = block.scale.const_data_ptr<float>();
    const auto* zero = block.zero.const_data_ptr<float>();
    auto* codes = result.codes.data_ptr<std::uint8_t>();
    auto* values = result.values.data_ptr<float>();
    auto* error = result.error.data_ptr<float>();
    at::parallel_for(0, block.weight.size(0), 16, [&](std::int64_t first, std::int64_t last) {
        std::vector<float> row(static_cast<std::size_t>(columns));
        for (std::int64_t r = first; r < last; ++r) {
            const std::int64_t start = r * columns;
            walk_row<kind>(points,
                           {weight + start, scale + start, zero + start, codes + start, values + start, error + start},
                           factor, columns, row.data());
        }
    });
}

} // namespace

GptqBlockResult gptq_block_by_rows(const GptqBlock& block, const CodeGrid& grid) {
    const GridPoints points = prepare_grid(grid);
    GptqBlockResult result = empty_result(block);
    switch (points.kind) {
    case GridKind::lattice:
        walk_rows<GridKind::lattice>(block, points, result);
        break;
    case GridKind::lattice_with_specials:
        walk_rows<GridKind::lattice_with_specials>(block, points, result);
        break;
    case GridKind::table:
        walk_rows<GridKind::table>(block, points, result);
        break;
    }
    return result;
}

GptqBlockResult gptq_block_by_columns(const GptqBlock& block, const CodeGrid& grid, const Device& device) {
    GptqBlockResult result = empty_result(block);
    const std::int64_t columns = block.weight.size(1);
    // Columns become rows, so that each is contiguous.
    at::Tensor slab = block.weight.t().contiguous(); // (columns, out)
    const at::Tensor scale = block.scale.t().contiguous(), zero = block.zero.t().contiguous();
    const at::Tensor diagonal = block.factor.diagonal().contiguous();
    for (std::int64_t i = 0; i < columns; ++i) {
        const at::Tensor column = slab.select(0, i);
        const RoundedColumn rounded = quantize_column(column, grid, scale.select(0, i), zero.select(0, i), device);
        const at::Tensor error = (column - rounded.values) / diagonal.select(0, i);
        if (i + 1 < columns) slab.slice(0, i + 1).addr_(block.factor.select(0, i).slice(0, i + 1), error, 1, -1);
        result.codes.select(1, i).copy_(rounded.codes);
        result.values.select(1, i).copy_(rounded.values);
        result.error.select(1, i).copy_(error);
    }
    return result;
}

} // namespace graticule::solvers
