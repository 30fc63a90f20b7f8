// What the products ask about the card that is current on this thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace graticule::cuda {

/// Compute capability as major * 10 + minor, 90 for an H100; asked once per device.
[[nodiscard]] int compute_capability();
/// Shared memory in bytes of all thread blocks that run on a multiprocessor at once.
[[nodiscard]] std::size_t shared_memory_per_multiprocessor();
/// Why a kernel does not run where the capability is below `least`, in words.
[[nodiscard]] std::optional<std::string> capability_below(int least);
[[nodiscard]] inline bool runs_on_hopper_or_newer() { return compute_capability() >= 90; }

/// A kernel may use more than 48 KiB of shared memory only where it says so, once per device; `devices` remembers
/// which.
void allow_shared_memory(const void* kernel, int bytes, std::atomic<std::uint64_t>& devices);

} // namespace graticule::cuda
