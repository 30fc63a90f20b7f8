#include "core/method/solvers/counted_weight.h"

#include <cmath>
#include <cstdint>

#include "core/base/error.h"

namespace graticule::solvers {

namespace {

/// The stored values, widened only where the kernel does not read their type. `widened` keeps those alive.
StoredMatrix stored_matrix(const HostTensor& weight, HostTensor& widened) {
    GRATICULE_ASSERT(weight.shape.size() == 2, "weights are matrices");
    const auto matrix = [](const HostTensor& tensor, ValueType type) {
        return StoredMatrix{tensor.bytes.data(), type, tensor.shape[0], tensor.shape[1]};
    };
    const bool aligned = reinterpret_cast<std::uintptr_t>(weight.bytes.data()) % alignof(float) == 0;
    if (aligned && weight.dtype == DType::f32) return matrix(weight, ValueType::f32);
    if (aligned && weight.dtype == DType::bf16) return matrix(weight, ValueType::bf16);
    if (aligned && weight.dtype == DType::f16) return matrix(weight, ValueType::f16);
    widened = HostTensor::from_floats(to_floats(weight), weight.shape);
    return matrix(widened, ValueType::f32);
}

} // namespace

CountedWeight count_nearest(const HostTensor& weight, const TensorQuantizer& quantizer) {
    HostTensor widened;
    const StoredMatrix stored = stored_matrix(weight, widened);
    CountedWeight counted;
    BlockParams& params = counted.params;
    const auto empty = [&](BlockLayout layout) {
        return at::empty({layout.blocks_down(stored.rows), layout.blocks_across(stored.columns)}, at::kFloat);
    };
    ScaleOptions options = quantizer.scale;
    if (quantizer.coarse) {
        params.coarse_layout = layout_of(quantizer.coarse->granularity, stored.rows, stored.columns);
        params.coarse = empty(params.coarse_layout);
        at::Tensor zero = at::empty_like(params.coarse);
        find_scales(stored, params.coarse_layout, quantizer.grid, quantizer.coarse->scale,
                    params.coarse.data_ptr<float>(), zero.data_ptr<float>());
        options.coarse = {params.coarse.data_ptr<float>(), params.coarse_layout};
    }
    params.layout = layout_of(quantizer.granularity, stored.rows, stored.columns);
    params.coding = quantizer.scale.coding;
    params.scale = empty(params.layout);
    params.zero = empty(params.layout);
    counted.figures = weight_figures({.weight = stored,
                                      .layout = params.layout,
                                      .grid = quantizer.grid,
                                      .scale = params.scale.data_ptr<float>(),
                                      .zero = params.zero.data_ptr<float>(),
                                      .find = &options});
    return counted;
}

WeightFigures count_codes(const at::Tensor& weight, const CodeGrid& grid, const BlockParams& params,
                          const at::Tensor& codes, const Device& device) {
    const at::Tensor dense = weight.contiguous(), given = codes.contiguous(), scale = params.scale.contiguous(),
                     zero = params.zero.contiguous();
    return device.kernels().count_codes(view_of(dense), {given.data_ptr<std::uint8_t>(), given.size(0), given.size(1)},
                                        params.layout, grid, scale.data_ptr<float>(), zero.data_ptr<float>(),
                                        current_stream(device));
}

StepHistogram histogram_of(const StepCounts& steps) {
    StepHistogram histogram;
    histogram.width = 1.0 / StepCounts::bins_a_step;
    histogram.largest = steps.largest;
    histogram.reach = std::int64_t(std::floor(histogram.largest * StepCounts::bins_a_step)) + 1;
    histogram.counts.assign(static_cast<std::size_t>(2 * histogram.reach), 0);
    for (std::size_t bin = 0; bin < steps.counts.size(); ++bin)
        histogram.counts[static_cast<std::size_t>(steps.first + histogram.reach) + bin] = double(steps.counts[bin]);
    return histogram;
}

} // namespace graticule::solvers
