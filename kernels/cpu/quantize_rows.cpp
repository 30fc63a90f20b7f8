// Walks the rows of a band and cuts them into runs that share one scale (or whole rows, where blocks are one column
// wide).
#include "kernels/cpu/ops.h"
#include "kernels/cpu/quantize_run.h"

namespace graticule::cpu {

void quantize_rows(MatrixView<const float> values, BlockLayout layout, const GridPoints& points, std::int64_t first,
                   std::int64_t last, std::int64_t first_block_row, const float* scale, const float* zero,
                   const RowOutputs& out, QuantizeCounts* counts) {
    const std::int64_t across = layout.blocks_across(values.columns);
    const bool one_block = layout.columns_per_block > 1 || across == 1;
    const std::int64_t run_length = one_block ? layout.columns_per_block : values.columns;
    for (std::int64_t row = first; row < last; ++row) {
        const std::int64_t block_row = (row / layout.rows_per_block - first_block_row) * across;
        for (std::int64_t begin = 0; begin < values.columns; begin += run_length) {
            const std::int64_t block = block_row + (one_block ? begin / run_length : 0);
            const QuantizeRun run{values.data + row * values.row_stride + begin,
                                  run_length,
                                  scale + block,
                                  zero + block,
                                  one_block,
                                  out.values == nullptr ? nullptr : out.values + row * out.values_stride + begin,
                                  out.codes == nullptr ? nullptr : out.codes + row * out.codes_stride + begin};
            if (counts != nullptr)
                quantize_and_count_run(points, run, *counts);
            else
                quantize_run(points, run);
        }
    }
}

} // namespace graticule::cpu
