// Memory the back end keeps between calls so that no call allocates: a device buffer for partial results and a pinned
// host buffer they are copied to. One pair a device; a call holds the lock while its results are on their way.
#pragma once

#include <cuda_runtime.h>

#include <array>
#include <cstddef>
#include <mutex>

namespace graticule::cuda {

class Workspace {
public:
    Workspace() = default;
    Workspace(const Workspace&) = delete;
    Workspace& operator=(const Workspace&) = delete;
    // No destructor frees: at exit the driver may be gone before statics are, and the process gives everything back
    // anyway.

    [[nodiscard]] std::unique_lock<std::mutex> lock() { return std::unique_lock(mutex_); }
    /// At least `bytes` of device memory, valid until the next larger request. Grows by doubling.
    [[nodiscard]] void* device(std::size_t bytes);
    /// The same in pinned host memory.
    [[nodiscard]] void* pinned(std::size_t bytes);

private:
    std::mutex mutex_;
    void* device_ = nullptr;
    std::size_t device_bytes_ = 0;
    void* pinned_ = nullptr;
    std::size_t pinned_bytes_ = 0;
};

/// Of the device that is current on this thread.
[[nodiscard]] Workspace& current_workspace();

/// Streaming multiprocessors of the current device.
[[nodiscard]] int multiprocessors();

} // namespace graticule::cuda
