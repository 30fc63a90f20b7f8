// How much memory a job takes at most.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>

namespace graticule {

/// Of this process's own memory: heap and stacks, without pages of mapped files, which the system takes back when it
/// needs them. Looked at every few milliseconds, because the system keeps no such mark.
class PeakMemory {
public:
    PeakMemory();
    ~PeakMemory();
    PeakMemory(const PeakMemory&) = delete;
    PeakMemory& operator=(const PeakMemory&) = delete;
    [[nodiscard]] std::int64_t bytes() const; ///< beyond what there was at the start; 0 where the system does not say

private:
    void look();

    std::int64_t start_ = 0;
    std::atomic<std::int64_t> most_ = 0;
    std::atomic<bool> done_ = false;
    std::thread watcher_;
};

} // namespace graticule
