#include "core/runtime/fixed_products.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <vector>

#include "core/base/cancel_point.h"
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
    // Whoever is through takes the next: some have less to do than others.
    std::atomic<std::int64_t> next{0};
    const JobContext* job = current_job();
    at::parallel_for(0, std::min<std::int64_t>(count, at::get_num_threads()), 1, [&](std::int64_t, std::int64_t) {
        const c10::InferenceMode inference; // a thread's own setting, like the next
        const OneThread alone;
        const CancelScope scope(job);
        for (std::int64_t i = next++; i < count; i = next++) {
            cancel_point(); // a tile takes milliseconds, a product of all of them may take many seconds
            work(i);
        }
    });
}

namespace {

/// A dimension cut into equal parts of about product_tile: a narrow rest would cost almost what a whole tile does,
/// because both operands are copied for each.
class EqualParts {
public:
    explicit EqualParts(std::int64_t size)
        : size_(size)
        , count_(std::max<std::int64_t>(1, (size + product_tile / 2) / product_tile))
        , length_((size + count_ - 1) / count_) {}
    [[nodiscard]] std::int64_t count() const { return count_; }
    [[nodiscard]] at::Tensor of(const at::Tensor& matrix, std::int64_t dimension, std::int64_t index) const {
        return matrix.slice(dimension, std::min(size_, index * length_), std::min(size_, (index + 1) * length_));
    }

private:
    std::int64_t size_, count_, length_;
};

} // namespace

void multiply_by_tiles(const at::Tensor& target, const at::Tensor& a, const at::Tensor& b, double beta, double alpha) {
    const EqualParts down(target.size(0)), across(target.size(1));
    each_alone(down.count() * across.count(), [&](std::int64_t i) {
        const std::int64_t row = i / across.count(), column = i % across.count();
        at::Tensor out = across.of(down.of(target, 0, row), 1, column);
        const at::Tensor left = down.of(a, 0, row), right = across.of(b, 1, column);
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
