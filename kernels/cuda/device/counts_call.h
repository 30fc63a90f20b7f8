// Host side of counts.cuh: where a counting launch puts its results, and how they come back.
#pragma once

#include <cuda_runtime.h>

#include <cstring>
#include <mutex>

#include "kernels/api/backend.h"
#include "kernels/cuda/device/check.h"
#include "kernels/cuda/device/counts.cuh"
#include "kernels/cuda/device/workspace.h"

namespace graticule::cuda {

struct CountsTarget {
    CountsSums* sums_of_ctas = nullptr;
    CountsResult* result = nullptr;
};

/// One counting call: holds the device's workspace from before the launch until the counts are on the host.
class CountsCall {
public:
    /// `scratch_bytes` of further device memory for the caller, see scratch(). With `counts` null only that is set up.
    CountsCall(QuantizeCounts* counts, int ctas, std::size_t scratch_bytes, cudaStream_t stream)
        : counts_(counts)
        , stream_(stream) {
        if (counts == nullptr && scratch_bytes == 0) return;
        workspace_ = &current_workspace();
        lock_ = workspace_->lock();
        const std::size_t sums_bytes = counts == nullptr ? 0 : sizeof(CountsSums) * static_cast<std::size_t>(ctas);
        auto* memory = static_cast<unsigned char*>(workspace_->device(result_bytes + sums_bytes + scratch_bytes));
        scratch_ = memory + result_bytes + sums_bytes;
        if (counts == nullptr) return;
        target_.result = reinterpret_cast<CountsResult*>(memory);
        target_.sums_of_ctas = reinterpret_cast<CountsSums*>(memory + result_bytes);
        GRATICULE_CUDA_CHECK(cudaMemsetAsync(target_.result, 0, sizeof(CountsResult), stream));
    }

    [[nodiscard]] CountsTarget target() const { return target_; }
    [[nodiscard]] void* scratch() const { return scratch_; }

    /// Waits for the launch and fills the counts. Where there are none but scratch was used, waits as well: the next
    /// call may take it.
    void finish(std::int64_t total) {
        if (workspace_ == nullptr) return;
        if (counts_ == nullptr) {
            GRATICULE_CUDA_CHECK(cudaStreamSynchronize(stream_));
            return;
        }
        auto* result = static_cast<CountsResult*>(workspace_->pinned(sizeof(CountsResult)));
        GRATICULE_CUDA_CHECK(
            cudaMemcpyAsync(result, target_.result, sizeof(CountsResult), cudaMemcpyDeviceToHost, stream_));
        GRATICULE_CUDA_CHECK(cudaStreamSynchronize(stream_));
        *counts_ = QuantizeCounts{};
        counts_->total = total;
        counts_->zeros_in = static_cast<std::int64_t>(result->zeros_in);
        counts_->underflow = static_cast<std::int64_t>(result->underflow);
        counts_->clipped = static_cast<std::int64_t>(result->clipped);
        counts_->not_finite = static_cast<std::int64_t>(result->not_finite);
        counts_->squared_value = result->squared_value;
        counts_->squared_error = result->squared_error;
        counts_->squared_underflow_error = result->squared_underflow;
        counts_->squared_clip_error = result->squared_clip;
        for (int code = 0; code < 256; ++code)
            counts_->codes_used[code] = static_cast<std::int64_t>(result->codes_used[code]);
    }

private:
    static constexpr std::size_t result_bytes = (sizeof(CountsResult) + 255) / 256 * 256;

    QuantizeCounts* counts_;
    cudaStream_t stream_;
    Workspace* workspace_ = nullptr;
    std::unique_lock<std::mutex> lock_;
    CountsTarget target_;
    void* scratch_ = nullptr;
};

} // namespace graticule::cuda
