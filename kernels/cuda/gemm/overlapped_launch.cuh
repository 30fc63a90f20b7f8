// Starts a kernel while the one before it on the stream may still run (programmatic dependent launch, from compute
// capability 9.0 on; elsewhere an ordinary launch). The kernel waits with griddepcontrol.wait before it reads what the
// one before wrote.
#pragma once

#include <cuda_runtime.h>

#include "kernels/cuda/device/check.h"
#include "kernels/cuda/gemm/card.h"

namespace graticule::cuda {

template <class Arguments>
void launch_overlapped(void (*kernel)(Arguments), const Arguments& arguments, int blocks, int threads,
                       std::size_t shared_bytes, cudaStream_t stream) {
    cudaLaunchAttribute overlap{};
    overlap.id = cudaLaunchAttributeProgrammaticStreamSerialization;
    overlap.val.programmaticStreamSerializationAllowed = runs_on_hopper_or_newer() ? 1 : 0;
    cudaLaunchConfig_t config{};
    config.gridDim = dim3(static_cast<unsigned>(blocks));
    config.blockDim = dim3(static_cast<unsigned>(threads));
    config.dynamicSmemBytes = shared_bytes;
    config.stream = stream;
    config.attrs = &overlap;
    config.numAttrs = 1;
    GRATICULE_CUDA_CHECK(cudaLaunchKernelEx(&config, kernel, arguments));
}

} // namespace graticule::cuda
