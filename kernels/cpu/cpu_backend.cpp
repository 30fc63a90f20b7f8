// The CPU back end's face: checks arguments once, then the operations of ops.h.
#include "kernels/api/argument_checks.h"
#include "kernels/api/backends.h"
#include "kernels/cpu/ops.h"

namespace graticule {
namespace {

class CpuBackend final : public Backend {
public:
    [[nodiscard]] std::string_view name() const override { return "cpu"; }

    void find_scales(MatrixView<const float> values, BlockLayout layout, const CodeGrid& grid, ScaleOptions options,
                     float* scale, float* zero, Stream) const override {
        check_find_scales(values, layout, grid, options, scale, zero);
        if (values.rows * values.columns > 0)
            cpu::find_scales(values, layout, prepare_grid(grid), options, scale, zero);
    }

    void quantize(MatrixView<const float> values, BlockLayout layout, const CodeGrid& grid, const float* scale,
                  const float* zero, MatrixView<std::uint8_t> codes, QuantizeCounts* counts, Stream) const override {
        check_quantize(values, layout, scale, zero, codes);
        if (counts != nullptr) *counts = {};
        if (values.rows * values.columns > 0)
            cpu::quantize(values, layout, prepare_grid(grid), scale, zero, codes, counts);
    }

    void dequantize(MatrixView<const std::uint8_t> codes, BlockLayout layout, const CodeGrid& grid, const float* scale,
                    const float* zero, MatrixView<float> values, Stream) const override {
        check_dequantize(codes, layout, scale, zero, values);
        if (codes.rows * codes.columns > 0) cpu::dequantize(codes, layout, prepare_grid(grid), scale, zero, values);
    }

    [[nodiscard]] WeightFigures count_codes(MatrixView<const float> values, MatrixView<const std::uint8_t> codes,
                                            BlockLayout layout, const CodeGrid& grid, const float* scale,
                                            const float* zero, Stream) const override {
        check_quantize(values, layout, scale, zero, codes);
        return weight_figures({.weight = {values.data, ValueType::f32, values.rows, values.columns, values.row_stride},
                               .layout = layout,
                               .grid = grid,
                               .scale = const_cast<float*>(scale), // given: only read
                               .zero = const_cast<float*>(zero),
                               .codes = codes});
    }

    void fake_quantize(MatrixView<const float> values, BlockLayout layout, const CodeGrid& grid, const float* scale,
                       const float* zero, MatrixView<float> out, QuantizeCounts* counts, Stream) const override {
        check_fake_quantize(values, layout, scale, zero, out);
        if (counts != nullptr) *counts = {};
        if (values.rows * values.columns > 0)
            cpu::fake_quantize(values, layout, prepare_grid(grid), scale, zero, out, counts);
    }

    [[nodiscard]] std::size_t dynamic_workspace_bytes(std::int64_t, std::int64_t, BlockLayout) const override {
        return 0;
    }
    void fake_quantize_dynamic(MatrixView<const float> values, BlockLayout layout, const CodeGrid& grid,
                               ScaleOptions options, MatrixView<float> out, QuantizeCounts* counts, void*,
                               Stream) const override {
        check_fake_quantize_dynamic(values, layout, grid, options, out);
        if (counts != nullptr) *counts = {};
        if (values.rows * values.columns > 0)
            cpu::fake_quantize_dynamic(values, layout, prepare_grid(grid), options, out, counts);
    }

    [[nodiscard]] std::size_t statistics_workspace_bytes(const ActivationBatch&, SegmentEnds) const override {
        return 0;
    }
    void accumulate_statistics(const ActivationBatch& batch, SegmentEnds ends,
                               std::span<const std::int64_t> rows_before, const SiteAccumulators& sums, void*,
                               Stream) const override {
        check_statistics(batch, ends, rows_before);
        if (batch.columns > 0) cpu::accumulate_statistics(batch, ends, rows_before, sums);
    }

    void gptq_walk(const GptqWalk& walk, const CodeGrid& grid, Stream) const override {
        check_gptq_walk(walk);
        if (walk.weight.rows * walk.weight.columns > 0) cpu::gptq_walk(walk, prepare_grid(grid));
    }

    void hadamard(MatrixView<const float> values, std::int64_t block, MatrixView<float> out, Stream) const override {
        check_hadamard(values, block, out);
        if (values.rows * values.columns > 0) cpu::hadamard(values, block, out);
    }
};

} // namespace

const Backend& cpu_backend() {
    static const CpuBackend backend;
    return backend;
}

} // namespace graticule
