#include "core/runtime/fixed_products.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <vector>

#include "core/runtime/gradients.h"

/// Intel's library, inside LibTorch where there is one: threads of this thread's calls from now on; gives what was set
/// before, 0: nothing of its own.
extern "C" __attribute__((weak)) int MKL_Set_Num_Threads_Local(int threads);

namespace graticule {

namespace {

/// Without it the library cuts a product for all threads there are, even where it gets only one.
class OneThread {
public:
    OneThread()
        : before_(MKL_Set_Num_Threads_Local != nullptr ? MKL_Set_Num_Threads_Local(1) : 0) {}
    ~OneThread() {
        if (MKL_Set_Num_Threads_Local != nullptr) (void)MKL_Set_Num_Threads_Local(before_);
    }
    OneThread(const OneThread&) = delete;
    OneThread& operator=(const OneThread&) = delete;

private:
    int before_;
};

} // namespace

std::int64_t tiles(std::int64_t size) { return (size + product_tile - 1) / product_tile; }

at::Tensor tile_of(const at::Tensor& matrix, std::int64_t dimension, std::int64_t index) {
    const std::int64_t first = index * product_tile;
    return matrix.slice(dimension, first, std::min(first + product_tile, matrix.size(dimension)));
}

void each_alone(std::int64_t count, const std::function<void(std::int64_t)>& work) {
    at::parallel_for(0, count, 1, [&](std::int64_t first, std::int64_t last) {
        const c10::InferenceMode inference; // a thread's own setting, like the next
        const OneThread alone;
        for (std::int64_t i = first; i < last; ++i) work(i);
    });
}

void multiply_by_tiles(const at::Tensor& target, const at::Tensor& a, const at::Tensor& b, double beta, double alpha) {
    const std::int64_t across = tiles(target.size(1));
    each_alone(tiles(target.size(0)) * across, [&](std::int64_t i) {
        at::Tensor out = tile_of(tile_of(target, 0, i / across), 1, i % across);
        const at::Tensor left = tile_of(a, 0, i / across), right = tile_of(b, 1, i % across);
        if (beta == 0)
            at::mm_out(out, left, right);
        else
            out.addmm_(left, right, beta, alpha);
    });
}

at::Tensor fixed_linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
    const bool exact = x.scalar_type() == at::kFloat || x.scalar_type() == at::kDouble;
    if (!x.is_cpu() || !exact || differentiating())
        return bias.defined() ? at::linear(x, weight, bias) : at::linear(x, weight);
    std::vector<std::int64_t> shape = x.sizes().vec();
    shape.back() = weight.size(0);
    const at::Tensor rows = x.reshape({-1, x.size(-1)});
    at::Tensor out = at::empty({rows.size(0), weight.size(0)}, x.options());
    if (bias.defined()) out.copy_(bias.unsqueeze(0).expand_as(out));
    multiply_by_tiles(out, rows, weight.t(), bias.defined() ? 1 : 0, 1);
    return out.view(shape);
}

} // namespace graticule
