// The inner loop of the CPU back end: one run of consecutive values of a row to codes and values. Also counts.
#pragma once

#include <cstdint>

#include "kernels/api/backend.h"
#include "kernels/api/grid_points.h"

namespace graticule::cpu {

struct QuantizeRun {
    const float* input = nullptr;
    std::int64_t length = 0;
    const float* scale = nullptr;
    const float* zero = nullptr;
    bool one_block = true;         ///< false: scale and zero advance with the input (blocks one column wide)
    float* values = nullptr;       ///< dequantized values or null; may be `input`
    std::uint8_t* codes = nullptr; ///< or null
};

void quantize_run(const GridPoints& points, const QuantizeRun& run);

/// The same and adds to `counts`. Sums are over float64 lanes in a fixed order.
void quantize_and_count_run(const GridPoints& points, const QuantizeRun& run, QuantizeCounts& counts);

/// Codes of one row of a matrix back to values. `codes` and `values` (columns) are the row's, `scale` and `zero` those
/// of all blocks.
void dequantize_row(const GridPoints& points, const std::uint8_t* codes, BlockLayout layout, std::int64_t row,
                    std::int64_t columns, const float* scale, const float* zero, float* values);

/// Adds `part` to `sum`: counts of a later band to those before.
void add_counts(QuantizeCounts& sum, const QuantizeCounts& part);

} // namespace graticule::cpu
