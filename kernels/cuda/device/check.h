// Errors of the CUDA runtime as KernelError, naming the call and the place. A sticky error (the device is lost for this
// process) says so, because nothing but a new process helps then.
#pragma once

#include <cuda_runtime.h>

namespace graticule::cuda {

[[noreturn]] void cuda_call_failed(cudaError_t status, const char* call, const char* file, int line);

} // namespace graticule::cuda

#define GRATICULE_CUDA_CHECK(call)                                                                                     \
    do {                                                                                                               \
        const cudaError_t graticule_status = (call);                                                                   \
        if (graticule_status != cudaSuccess)                                                                           \
            ::graticule::cuda::cuda_call_failed(graticule_status, #call, __FILE__, __LINE__);                          \
    } while (false)
