// Large tensors of the host lie in mappings of their own, not in the heap. There what stays (packed codes, scales)
// comes to lie between large values that go, and leaves holes that the next large values do not fit: quantizing took
// three times the memory that it holds. Fresh pages cost more than what is computed in them, so a mapping that was
// given up serves the next tensor of its size; few are kept.
#pragma once

#include <cstdint>

namespace graticule {

inline constexpr std::int64_t least_large_tensor = std::int64_t{256} << 10; ///< bytes; smaller ones stay in the heap
inline constexpr std::int64_t most_idle_bytes = std::int64_t{64} << 20;     ///< of mappings that no tensor uses

/// From the first call on all of LibTorch's host tensors are made so. Safe to call again, and from any thread.
void use_host_allocator();
/// Gives the idle mappings back to the system.
void release_idle_host_memory();

} // namespace graticule
