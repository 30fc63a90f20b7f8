#include "kernels/cuda/gemm/card.h"

#include <cuda_runtime.h>

#include <array>
#include <atomic>

#include "kernels/cuda/device/check.h"

namespace graticule::cuda {

namespace {

using OfDevices = std::array<std::atomic<int>, 64>;

int attribute_of(cudaDeviceAttr attribute, int device) {
    int value = 0;
    GRATICULE_CUDA_CHECK(cudaDeviceGetAttribute(&value, attribute, device));
    return value;
}

/// What `ask` says of the current device, asked once for each; racing writers write the same number.
template <class Ask>
int once_a_device(OfDevices& known, const Ask& ask) {
    int device = 0;
    GRATICULE_CUDA_CHECK(cudaGetDevice(&device));
    std::atomic<int>& value = known.at(static_cast<std::size_t>(device));
    if (value == 0) value = ask(device);
    return value;
}

} // namespace

int compute_capability() {
    static OfDevices known{};
    return once_a_device(known, [](int device) {
        return 10 * attribute_of(cudaDevAttrComputeCapabilityMajor, device) +
               attribute_of(cudaDevAttrComputeCapabilityMinor, device);
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
    static OfDevices known{};
    return static_cast<std::size_t>(once_a_device(
        known, [](int device) { return attribute_of(cudaDevAttrMaxSharedMemoryPerMultiprocessor, device); }));
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
