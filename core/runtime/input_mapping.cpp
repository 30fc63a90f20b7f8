#include "core/runtime/input_mapping.h"

#include <ATen/Parallel.h>

#include <cmath>
#include <variant>

#include "core/base/error.h"

namespace graticule {

namespace {

at::Tensor scale_of(const DiagonalMap& diagonal, const at::Tensor& x) {
    return at::tensor(at::ArrayRef<float>(diagonal.scale)).to(x.device(), x.scalar_type());
}

at::Tensor hadamard_in_float64(const at::Tensor& x, std::int64_t block) {
    at::Tensor values = x.contiguous();
    for (std::int64_t half = 1; half < block; half *= 2) {
        const at::Tensor pairs = values.reshape({-1, 2, half});
        const at::Tensor low = pairs.select(1, 0), high = pairs.select(1, 1);
        values = at::stack({low + high, low - high}, 1);
    }
    return values.reshape(x.sizes()) / std::sqrt(double(block));
}

} // namespace

at::Tensor hadamard(const at::Tensor& x, std::int64_t block, const Device& device) {
    GRATICULE_ASSERT(x.size(-1) % block == 0, "blocks divide the channels");
    if (x.scalar_type() == at::kDouble) return hadamard_in_float64(x, block);
    const at::Tensor values = x.to(at::kFloat).contiguous();
    at::Tensor out = at::empty_like(values);
    const MatrixView<const float> from = view_of(values);
    const MatrixView<float> to = writable_view_of(out);
    const Backend& kernels = device.kernels();
    const Stream stream = current_stream(device);
    if (device.is_cuda()) {
        kernels.hadamard(from, block, to, stream);
    } else {
        at::parallel_for(0, from.rows, 64, [&](std::int64_t first, std::int64_t last) {
            kernels.hadamard({from.data + first * from.row_stride, last - first, from.columns, from.row_stride}, block,
                             {to.data + first * to.row_stride, last - first, to.columns, to.row_stride}, stream);
        });
    }
    return out.to(x.scalar_type());
}

at::Tensor apply(const InputMap& map, const at::Tensor& x, const Device& device) {
    at::Tensor mapped = x;
    for (const auto& step : map.steps) {
        const auto* diagonal = std::get_if<DiagonalMap>(&step);
        mapped = diagonal != nullptr ? mapped / scale_of(*diagonal, x)
                                     : hadamard(mapped, std::get<HadamardMap>(step).block, device);
    }
    return mapped;
}

at::Tensor fold_into(const InputMap& map, const at::Tensor& weight, const Device& device) {
    at::Tensor folded = weight;
    for (const auto& step : map.steps) {
        const auto* diagonal = std::get_if<DiagonalMap>(&step);
        folded = diagonal != nullptr ? folded * scale_of(*diagonal, weight)
                                     : hadamard(folded, std::get<HadamardMap>(step).block, device);
    }
    return folded;
}

} // namespace graticule
