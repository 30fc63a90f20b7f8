#include "kernels/cuda/device/workspace.h"

#include <algorithm>

#include "kernels/cuda/device/check.h"
#include "kernels/cuda/device/per_device.h"

namespace graticule::cuda {
namespace {

constexpr std::size_t first_bytes = std::size_t{1} << 20;

} // namespace

void* Workspace::device(std::size_t bytes) {
    if (bytes <= device_bytes_) return device_;
    const std::size_t wanted = std::max({bytes, 2 * device_bytes_, first_bytes});
    if (device_ != nullptr) GRATICULE_CUDA_CHECK(cudaFree(device_)); // waits for work that still uses it
    device_ = nullptr;
    device_bytes_ = 0;
    GRATICULE_CUDA_CHECK(cudaMalloc(&device_, wanted));
    device_bytes_ = wanted;
    return device_;
}

void* Workspace::pinned(std::size_t bytes) {
    if (bytes <= pinned_bytes_) return pinned_;
    const std::size_t wanted = std::max({bytes, 2 * pinned_bytes_, first_bytes});
    if (pinned_ != nullptr) GRATICULE_CUDA_CHECK(cudaFreeHost(pinned_));
    pinned_ = nullptr;
    pinned_bytes_ = 0;
    GRATICULE_CUDA_CHECK(cudaMallocHost(&pinned_, wanted));
    pinned_bytes_ = wanted;
    return pinned_;
}

Workspace& current_workspace() {
    static std::array<Workspace, most_devices> workspaces;
    return workspaces[current_device()];
}

int multiprocessors() {
    static OncePerDevice known;
    return known.attribute(cudaDevAttrMultiProcessorCount);
}

} // namespace graticule::cuda
