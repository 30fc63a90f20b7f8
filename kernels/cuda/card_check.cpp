// Whether this build has kernels for a card: the module's second exported function.
#include <cuda_runtime.h>

#include <cstdio>
#include <exception>
#include <string>

#include "kernels/api/cuda_card_check.h"
#include "kernels/cuda/device/check.h"
#include "kernels/cuda/ops.h"

namespace graticule {
namespace {

std::string what_the_card_lacks() {
    if (cuda::kernels_run_here()) return {};
    int device = 0;
    GRATICULE_CUDA_CHECK(cudaGetDevice(&device));
    cudaDeviceProp properties{};
    GRATICULE_CUDA_CHECK(cudaGetDeviceProperties(&properties, device));
    return std::string(properties.name) + " has compute capability " + std::to_string(properties.major) + "." +
           std::to_string(properties.minor) +
           ", for which this build holds no kernels; build with CMAKE_CUDA_ARCHITECTURES including it, or use another "
           "device";
}

} // namespace
} // namespace graticule

extern "C" __attribute__((visibility("default"))) bool graticule_cuda_card_check(char* why,
                                                                                 std::size_t why_bytes) noexcept {
    std::string lacks;
    try {
        lacks = graticule::what_the_card_lacks();
    } catch (const std::exception& error) {
        lacks = error.what();
    }
    std::snprintf(why, why_bytes, "%s", lacks.c_str());
    return lacks.empty();
}
