#include "kernels/cuda/gemm/card.h"

#include <cuda_runtime.h>

#include <array>
#include <atomic>

#include "kernels/cuda/device/check.h"

namespace graticule::cuda {

int compute_capability() {
    static std::array<std::atomic<int>, 64> known{}; // racing writers write the same number
    int device = 0;
    GRATICULE_CUDA_CHECK(cudaGetDevice(&device));
    std::atomic<int>& capability = known.at(static_cast<std::size_t>(device));
    if (capability == 0) {
        int major = 0, minor = 0;
        GRATICULE_CUDA_CHECK(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device));
        GRATICULE_CUDA_CHECK(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device));
        capability = 10 * major + minor;
    }
    return capability;
}

std::size_t shared_memory_per_multiprocessor() {
    static std::array<std::atomic<int>, 64> known{}; // as above
    int device = 0;
    GRATICULE_CUDA_CHECK(cudaGetDevice(&device));
    std::atomic<int>& bytes = known.at(static_cast<std::size_t>(device));
    if (bytes == 0) {
        int found = 0;
        GRATICULE_CUDA_CHECK(cudaDeviceGetAttribute(&found, cudaDevAttrMaxSharedMemoryPerMultiprocessor, device));
        bytes = found;
    }
    return static_cast<std::size_t>(bytes.load());
}

void allow_shared_memory(const void* kernel, int bytes, std::atomic<std::uint64_t>& devices) {
    int device = 0;
    GRATICULE_CUDA_CHECK(cudaGetDevice(&device));
    const std::uint64_t bit = std::uint64_t{1} << (device % 64);
    if ((devices.load(std::memory_order_relaxed) & bit) != 0) return;
    GRATICULE_CUDA_CHECK(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes));
    devices |= bit;
}

} // namespace graticule::cuda
