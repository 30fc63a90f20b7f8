// The fast Walsh-Hadamard transform of consecutive values: log2(block) rounds of sums and differences, each once over
// the row in cache.                                                     (rows, columns) -> (rows, columns)
#include <algorithm>

#include "kernels/api/hadamard.h"
#include "kernels/cpu/ops.h"
#include "kernels/cpu/vector_clones.h"

namespace graticule::cpu {
namespace {

/// All pairs of values that are `half` apart within blocks of 2 half.
GRATICULE_VECTOR_CLONES
void butterflies(float* row, std::int64_t columns, std::int64_t half) {
    for (std::int64_t first = 0; first < columns; first += 2 * half) {
        float* low = row + first;
        float* high = low + half;
        GRATICULE_ELEMENTWISE
        for (std::int64_t i = 0; i < half; ++i) {
            const float sum = low[i] + high[i], difference = low[i] - high[i];
            low[i] = sum;
            high[i] = difference;
        }
    }
}

GRATICULE_VECTOR_CLONES
void multiply(float* row, std::int64_t columns, float factor) {
    GRATICULE_ELEMENTWISE
    for (std::int64_t i = 0; i < columns; ++i) row[i] *= factor;
}

} // namespace

void hadamard(MatrixView<const float> values, std::int64_t block, MatrixView<float> out) {
    for (std::int64_t r = 0; r < values.rows; ++r) {
        const float* in = values.data + r * values.row_stride;
        float* row = out.data + r * out.row_stride;
        if (row != in) std::copy(in, in + values.columns, row);
        for (std::int64_t half = 1; half < block; half *= 2) butterflies(row, values.columns, half);
        multiply(row, values.columns, hadamard_norm(block));
    }
}

} // namespace graticule::cpu
