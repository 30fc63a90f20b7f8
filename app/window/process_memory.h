// Memory that this program takes on the host, as the kernel counts it.
#pragma once

#include <cstdint>
#include <optional>

namespace graticule {

struct ProcessMemory {
    std::int64_t now = 0, peak = 0; ///< bytes that are resident, and at most were
};

/// Absent where the system does not say (/proc/self/status).
[[nodiscard]] std::optional<ProcessMemory> process_memory();

} // namespace graticule
