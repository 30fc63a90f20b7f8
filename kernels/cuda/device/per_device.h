// What is kept once for each device: an array by the index of the one that is current on this thread.
#pragma once

#include <cuda_runtime.h>

#include <array>
#include <atomic>
#include <cstddef>

namespace graticule::cuda {

inline constexpr std::size_t most_devices = 64;

/// KernelError{device} for one beyond them.
[[nodiscard]] std::size_t current_device();

/// A number above 0 that never changes.
class OncePerDevice {
public:
    /// What `ask` said of the current device the first time. Threads that meet there may ask twice, for the same answer.
    template <class Ask>
    [[nodiscard]] int value(const Ask& ask) {
        const std::size_t device = current_device();
        std::atomic<int>& known = known_[device];
        if (known.load(std::memory_order_relaxed) == 0)
            known.store(ask(static_cast<int>(device)), std::memory_order_relaxed);
        return known.load(std::memory_order_relaxed);
    }
    [[nodiscard]] int attribute(cudaDeviceAttr which); ///< of the device itself

private:
    std::array<std::atomic<int>, most_devices> known_{};
};

} // namespace graticule::cuda
