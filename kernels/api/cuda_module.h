// What libgraticule_cuda.so exports: one C function. Included by the module and by its loader
// (kernels/api/backends.cpp), so no CUDA header may appear here. Both sides are built from the same sources;
// `interface_version` guards against a stale file beside a newer program.
#pragma once

#include <cstddef>

#include "kernels/api/backend.h"
#include "kernels/api/device_memory.h"
#include "kernels/api/gemm.h"

namespace graticule {

struct CudaModule {
    const Backend* backend = nullptr;
    DeviceMemory* memory = nullptr;
    const GemmTable* gemms = nullptr;
};

inline constexpr int cuda_module_interface_version = 6;
inline constexpr const char* cuda_module_entry = "graticule_cuda_module";

/// Fills `module` and returns true, or writes what is missing into `why` and returns false. Never throws.
using CudaModuleEntry = bool (*)(int interface_version, CudaModule* module, char* why, std::size_t why_bytes) noexcept;

} // namespace graticule
