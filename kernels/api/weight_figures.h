// What rounding does to a matrix of weights, from one pass over the values as they are stored: a band of rows at a time
// is widened, gets its scales, is rounded and counted while it is in the cache, and nothing as large as the matrix is
// written. On the CPU; what it says is what Backend::find_scales and Backend::quantize say of the same values.
//
//     std::vector<float> scale(layout.count(rows, columns)), zero(scale.size());
//     const WeightFigures figures = weight_figures({.weight = {data, ValueType::bf16, rows, columns}, .layout = layout,
//         .grid = format.grid, .scale = scale.data(), .zero = zero.data(), .find = &options});
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/api/backend.h"
#include "kernels/api/value_type.h"

namespace graticule {

/// A dense row-major matrix in host memory, aligned to its elements: f32, bf16 or f16.
struct StoredMatrix {
    const void* data = nullptr;
    ValueType type = ValueType::f32;
    std::int64_t rows = 0, columns = 0;
};

struct WeightRounding {
    StoredMatrix weight;
    BlockLayout layout;
    const CodeGrid& grid;
    float* scale; ///< of every block, like the next; read, or written where they are to be found
    float* zero;
    const ScaleOptions* find = nullptr;  ///< how scales are found; null: they are given
    const std::uint8_t* codes = nullptr; ///< (rows, columns) that a method has chosen; null: the nearest ones
};

/// How values lie in steps of their block's scale: counts[i] of them are in [first + i, first + i + 1) / bins_a_step.
struct StepCounts {
    static constexpr std::int32_t bins_a_step = 64;
    static constexpr float farthest = 2048; ///< values more steps from zero, or not finite, are not counted
    float largest = 0;                      ///< magnitude among those counted
    std::int64_t first = 0;
    std::vector<std::int64_t> counts; ///< from the lowest bin in use to the highest
};

struct WeightFigures {
    /// As Backend::quantize counts them, except that a value which became zero is underflow and not clipped as well.
    QuantizeCounts counts;
    StepCounts steps;
};

/// The same whatever the number of threads. Throws KernelError for arguments that do not fit each other.
[[nodiscard]] WeightFigures weight_figures(const WeightRounding& rounding);

/// Backend::find_scales of stored values, for a coarser level than the one that is counted.
void find_scales(const StoredMatrix& weight, BlockLayout layout, const CodeGrid& grid, const ScaleOptions& options,
                 float* scale, float* zero);

} // namespace graticule
