#include "kernels/cuda/device/check.h"

#include <cstring>
#include <string>

#include "kernels/api/kernel_error.h"

namespace graticule::cuda {

void cuda_call_failed(cudaError_t status, const char* call, const char* file, int line) {
    const char* slash = std::strrchr(file, '/');
    std::string message = std::string("CUDA: ") + cudaGetErrorString(status) + " (" + cudaGetErrorName(status) +
                          ") in " + call + " at " + (slash == nullptr ? file : slash + 1) + ":" + std::to_string(line);
    cudaGetLastError(); // forget an error of one call; a sticky one comes back at once
    if (status == cudaErrorMemoryAllocation)
        throw KernelError(KernelError::Kind::out_of_memory, message + "; free device memory or use a smaller batch");
    if (cudaDeviceSynchronize() != cudaSuccess) message += "; the device is lost for this process, start it again";
    throw KernelError(KernelError::Kind::device, message);
}

} // namespace graticule::cuda
