#include "kernels/cuda/device/per_device.h"

#include <string>

#include "kernels/api/kernel_error.h"
#include "kernels/cuda/device/check.h"

namespace graticule::cuda {

std::size_t current_device() {
    int device = 0;
    GRATICULE_CUDA_CHECK(cudaGetDevice(&device));
    if (device < 0 || static_cast<std::size_t>(device) >= most_devices)
        throw KernelError(KernelError::Kind::device, "device " + std::to_string(device) + " is beyond the " +
                                                         std::to_string(most_devices) + " this build knows");
    return static_cast<std::size_t>(device);
}

int OncePerDevice::attribute(cudaDeviceAttr which) {
    return value([&](int device) {
        int found = 0;
        GRATICULE_CUDA_CHECK(cudaDeviceGetAttribute(&found, which, device));
        return found;
    });
}

} // namespace graticule::cuda
