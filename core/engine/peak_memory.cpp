#include "core/engine/peak_memory.h"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <malloc.h>
#include <unistd.h>

#include "core/runtime/host_allocator.h"

namespace graticule {

namespace {

/// "size resident shared ..." in pages; what is shared lies in files.
std::int64_t own_bytes() {
    std::ifstream statm("/proc/self/statm");
    std::int64_t size = 0, resident = 0, shared = 0;
    return statm >> size >> resident >> shared ? (resident - shared) * ::sysconf(_SC_PAGESIZE) : 0;
}

} // namespace

PeakMemory::PeakMemory() {
    // Room that earlier work left would hide what this job takes.
    release_idle_host_memory();
    ::malloc_trim(0);
    start_ = own_bytes();
    most_ = start_;
    watcher_ = std::thread([this] {
        while (!done_) {
            look();
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
    });
}

PeakMemory::~PeakMemory() {
    done_ = true;
    watcher_.join();
}

void PeakMemory::look() {
    const std::int64_t now = own_bytes();
    if (now > most_) most_ = now;
}

std::int64_t PeakMemory::bytes() const { return std::max(most_.load(), own_bytes()) - start_; }

} // namespace graticule
