// What rounding does to a matrix of weights, from one pass over the values as they are stored: a band of rows at a time
// is widened, gets its scales, is rounded and counted while it is in the cache, and nothing as large as the matrix is
// written. On the CPU; what it says is what Backend::find_scales and Backend::quantize say of the same values.
//
//     std::vector<float> scale(layout.count(rows, columns)), zero(scale.size());
//     const WeightFigures figures = weight_figures({.weight = {data, ValueType::bf16, rows, columns}, .layout = layout,
//         .grid = format.grid, .scale = scale.data(), .zero = zero.data(), .find = &options});
#pragma once

#include <cstdint>

#include "kernels/api/backend.h"
#include "kernels/api/value_type.h"

namespace graticule {

/// A row-major matrix in host memory, aligned to its elements: f32, bf16 or f16.
struct StoredMatrix {
    const void* data = nullptr;
    ValueType type = ValueType::f32;
    std::int64_t rows = 0, columns = 0;
    std::int64_t row_stride = columns; ///< elements
};

struct WeightRounding {
    StoredMatrix weight;
    BlockLayout layout;
    const CodeGrid& grid;
    float* scale; ///< of every block, like the next; read, or written where they are to be found
    float* zero;
    const ScaleOptions* find = nullptr;     ///< how scales are found; null: they are given
    MatrixView<const std::uint8_t> codes{}; ///< (rows, columns) that a method has chosen; null: the nearest ones
};

/// The same whatever the number of threads. Throws KernelError for arguments that do not fit each other.
[[nodiscard]] WeightFigures weight_figures(const WeightRounding& rounding);

/// Backend::find_scales of stored values, for a coarser level than the one that is counted.
void find_scales(const StoredMatrix& weight, BlockLayout layout, const CodeGrid& grid, const ScaleOptions& options,
                 float* scale, float* zero);

} // namespace graticule
