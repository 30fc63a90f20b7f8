// The operations every back end answers. CPU (kernels/cpu) defines what is correct; CUDA is judged by it with the cases
// of kernels/conformance. All memory is the caller's and where the back end computes (host or device), but for a few
// megabytes of its own for counts on their way to the host; workspaces are arguments with a *_bytes query beside the
// operation. Values and their arithmetic are float32, sums are float64 per block in a fixed order, rounding is half to
// even. NaN quantizes to the code of zero, infinity to the outermost code; neither takes part in scales or error sums,
// both count as `not_finite`. Bad arguments and device failures throw KernelError (kernel_error.h). What nearest means,
// ties and missing neighbours included, is written in grid_points.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "kernels/api/code_grid.h"
#include "kernels/api/counts.h"
#include "kernels/api/recorded_work.h"
#include "kernels/api/scale_coding.h"
#include "kernels/api/statistics.h"
#include "kernels/api/views.h"

namespace graticule {

/// How the scale and zero point of a block follow from its values (algorithms.md section 1 names the conventions).
enum class ScaleRule : std::uint8_t {
    asymmetric_through_zero, ///< range forced to include 0: s = (max-min)/(levels-1), z = rn(-min/s); all-zero block:
                             ///< range [-1,1]
    symmetric_absmax, ///< lattice: s = absmax / (levels/2 - 1), z = levels/2 (absmax/7 at 4 bits); table: s = absmax /
                      ///< max|table|
    symmetric_full_range, ///< GPTQ: s = 2 absmax / (levels-1), z = levels/2
};

/// Scales of a coarser level, which finer ones are stored relative to. Memory of the back end; null: there is none.
struct CoarseScales {
    const float* scale = nullptr; ///< one per rectangle of `layout`, row-major
    BlockLayout layout;           ///< each rectangle is made of whole blocks of the finer level

    /// Of the element at (row, column) of a matrix with so many columns; 1 where there is no coarser level.
    [[nodiscard]] constexpr float at(std::int64_t row, std::int64_t column, std::int64_t columns) const {
        if (scale == nullptr) return 1.0F;
        return scale[row / layout.rows_per_block * (columns / layout.columns_per_block) +
                     column / layout.columns_per_block];
    }
};

struct ScaleOptions {
    ScaleRule rule = ScaleRule::asymmetric_through_zero;
    float clip_ratio = 1.0F; ///< shrinks the range first: min and max (or absmax) times this
    float epsilon = 0.0F; ///< lower bound of the range (asymmetric) or of absmax (symmetric); dynamic activations: 1e-5
    ScaleCoding coding{}; ///< what is stored: the scale over the coarse one, rounded to this. Found is their product
    CoarseScales coarse{};
    /// A coarser level's own scales: the largest number that the finer level's coding may become (E4M3: 448). A block's
    /// range is spread over so many times the grid's points.
    float finer_largest = 1.0F;
    /// Tables with blocks one row high: a second point that the largest magnitude may be mapped to instead of the
    /// grid's largest; whichever has the smaller squared error, of equals the grid's. NVFP4's four over six: 4. 0: none
    float second_largest = 0.0F;
};

/// One block of GPTQ's columns; see Backend::gptq_walk. All (rows, columns) but the factor.
struct GptqWalk {
    MatrixView<const float> weight;      ///< as the columns before the block have left it
    MatrixView<const float> scale, zero; ///< of every element
    MatrixView<const float> factor;      ///< (columns, columns): the block of U, upper triangular
    MatrixView<std::uint8_t> codes;      ///< out, like the next two
    MatrixView<float> values;            ///< what the codes stand for
    MatrixView<float> error;             ///< (w - value) / U[i,i]: what columns after the block receive
};

class Backend {
public:
    virtual ~Backend() = default;
    [[nodiscard]] virtual std::string_view name() const = 0; ///< "cpu", "cuda"

    /// scale and zero of every block. `zero` is written as float holding an integer (table grids: 0). Scales of two
    /// levels are found in two calls: the coarse ones first, then the fine ones with options.coarse.
    virtual void find_scales(MatrixView<const float> values, BlockLayout layout, const CodeGrid& grid,
                             ScaleOptions options, float* scale, float* zero, Stream stream) const = 0;

    /// codes[r, c] = nearest code of values[r, c]. `counts` may be null.
    virtual void quantize(MatrixView<const float> values, BlockLayout layout, const CodeGrid& grid, const float* scale,
                          const float* zero, MatrixView<std::uint8_t> codes, QuantizeCounts* counts,
                          Stream stream) const = 0;

    virtual void dequantize(MatrixView<const std::uint8_t> codes, BlockLayout layout, const CodeGrid& grid,
                            const float* scale, const float* zero, MatrixView<float> values, Stream stream) const = 0;

    /// What became of `values` as `codes`, which need not be the nearest, and how they lie in steps of their block's
    /// scale, in one read of both.
    [[nodiscard]] virtual WeightFigures count_codes(MatrixView<const float> values,
                                                    MatrixView<const std::uint8_t> codes, BlockLayout layout,
                                                    const CodeGrid& grid, const float* scale, const float* zero,
                                                    Stream stream) const = 0;

    /// Quantize and dequantize in one read and one write; `out` may be `values`. `counts` (host memory) may be null.
    virtual void fake_quantize(MatrixView<const float> values, BlockLayout layout, const CodeGrid& grid,
                               const float* scale, const float* zero, MatrixView<float> out, QuantizeCounts* counts,
                               Stream stream) const = 0;

    /// Bytes of workspace, of any content and in the back end's memory, that the next call needs.
    [[nodiscard]] virtual std::size_t dynamic_workspace_bytes(std::int64_t rows, std::int64_t columns,
                                                              BlockLayout layout) const = 0;
    /// The same with scales found from the values themselves (dynamic activations), in one pass over memory where
    /// blocks are one row high.
    virtual void fake_quantize_dynamic(MatrixView<const float> values, BlockLayout layout, const CodeGrid& grid,
                                       ScaleOptions options, MatrixView<float> out, QuantizeCounts* counts,
                                       void* workspace, Stream stream) const = 0;

    /// Bytes of workspace, of any content and in the back end's memory, that the next call needs for this batch.
    [[nodiscard]] virtual std::size_t statistics_workspace_bytes(const ActivationBatch& batch,
                                                                 SegmentEnds ends) const = 0;
    /// One read of the batch joins it to what `sums` holds: of each segment `rows_before` rows (0: whatever is there is
    /// written over). The order of the calls and their batches decide the last bits of the moments; extremes and
    /// histograms are exact. Nothing is waited for.
    virtual void accumulate_statistics(const ActivationBatch& batch, SegmentEnds ends,
                                       std::span<const std::int64_t> rows_before, const SiteAccumulators& sums,
                                       void* workspace, Stream stream) const = 0;

    /// Rounds the columns of each row one after the other; column i's error times U[i,j] is taken from every later
    /// column j of the row before that is rounded. Rows do not look at each other.
    virtual void gptq_walk(const GptqWalk& walk, const CodeGrid& grid, Stream stream) const = 0;

    /// Each run of `block` consecutive columns times the Walsh-Hadamard matrix of that size over its square root, which
    /// is its own inverse. `block`: a power of two up to 256 that divides the columns. `out` may be `values`. Sums go
    /// by pairs 1, 2, 4 ... apart: the same bits on every back end.
    virtual void hadamard(MatrixView<const float> values, std::int64_t block, MatrixView<float> out,
                          Stream stream) const = 0;

    /// Begins to record what this stream, not the default one, is given. Null where work is done at once: on the CPU.
    [[nodiscard]] virtual std::unique_ptr<RecordedWork> record(Stream /*stream*/) const { return nullptr; }
};

} // namespace graticule
