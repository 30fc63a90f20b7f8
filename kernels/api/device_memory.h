// Memory of a back end for callers that have no Torch: conformance cases, tests, benchmarks.
#pragma once

#include <cstddef>

namespace graticule {

class DeviceMemory {
public:
    virtual ~DeviceMemory() = default;
    /// Throws KernelError{out_of_memory}.
    [[nodiscard]] virtual void* allocate(std::size_t bytes) = 0;
    virtual void release(void* pointer) noexcept = 0;
    virtual void to_device(void* device, const void* host, std::size_t bytes) = 0;
    /// Waits for all work given to the default queue before.
    virtual void to_host(void* host, const void* device, std::size_t bytes) = 0;
};

} // namespace graticule
