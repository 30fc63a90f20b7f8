#include "kernels/cuda/gemm/card.h"

#include <cuda_runtime.h>

#include "kernels/cuda/device/check.h"
#include "kernels/cuda/device/per_device.h"

namespace graticule::cuda {

int compute_capability() {
    static OncePerDevice known;
    return known.value([](int device) {
        int major = 0, minor = 0;
        GRATICULE_CUDA_CHECK(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device));
        GRATICULE_CUDA_CHECK(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device));
        return 10 * major + minor;
    });
}

std::optional<std::string> capability_below(int least) {
    const int here = compute_capability();
    const auto text = [](int capability) {
        return std::to_string(capability / 10) + "." + std::to_string(capability % 10);
    };
    if (here < least) return "needs compute capability " + text(least) + ", this card has " + text(here);
    return std::nullopt;
}

std::size_t shared_memory_per_multiprocessor() {
    static OncePerDevice known;
    return static_cast<std::size_t>(known.attribute(cudaDevAttrMaxSharedMemoryPerMultiprocessor));
}

void allow_shared_memory(const void* kernel, int bytes, std::atomic<std::uint64_t>& devices) {
    static_assert(most_devices <= 64, "a bit each");
    const std::uint64_t bit = std::uint64_t{1} << current_device();
    if ((devices.load(std::memory_order_relaxed) & bit) != 0) return;
    GRATICULE_CUDA_CHECK(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes));
    devices |= bit;
}

} // namespace graticule::cuda
