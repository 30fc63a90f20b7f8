#include "core/runtime/host_allocator.h"

#include <algorithm>
#include <c10/core/CPUAllocator.h>
#include <cstdint>
#include <deque>
#include <mutex>
#include <sys/mman.h>
#include <unistd.h>
#include <unordered_map>

namespace graticule {

namespace {

struct Mapping {
    void* at = nullptr;
    std::size_t bytes = 0;
};

/// Mappings in use, and idle ones for the next of their size.
class Mappings {
public:
    /// Null: there is no memory.
    void* take(std::size_t bytes) {
        const std::lock_guard lock(mutex_);
        bytes = (bytes + page_ - 1) / page_ * page_;
        void* at = reuse(bytes);
        if (at == nullptr) at = map(bytes);
        if (at == nullptr && !idle_.empty()) {
            drop_idle(0);
            at = map(bytes);
        }
        if (at != nullptr) used_.emplace(at, bytes);
        return at;
    }

    /// False: it is none of them.
    bool give_up(void* at) {
        if (reinterpret_cast<std::uintptr_t>(at) % page_ != 0) return false; // most of the heap, without the lock
        const std::lock_guard lock(mutex_);
        const auto found = used_.find(at);
        if (found == used_.end()) return false;
        idle_.push_back({at, found->second});
        idle_bytes_ += found->second;
        used_.erase(found);
        drop_idle(std::size_t{most_idle_bytes});
        return true;
    }

    void release_idle() {
        const std::lock_guard lock(mutex_);
        drop_idle(0);
    }

private:
    static void* map(std::size_t bytes) {
        void* at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (at == MAP_FAILED) return nullptr;
        ::madvise(at, bytes, MADV_HUGEPAGE); // fewer pages to make; without it, as many as there are
        return at;
    }

    /// The one given up last: its pages may still be in a cache.
    void* reuse(std::size_t bytes) {
        const auto same = [&](const Mapping& mapping) { return mapping.bytes == bytes; };
        const auto found = std::find_if(idle_.rbegin(), idle_.rend(), same);
        if (found == idle_.rend()) return nullptr;
        void* at = found->at;
        idle_bytes_ -= bytes;
        idle_.erase(std::next(found).base());
        return at;
    }

    void drop_idle(std::size_t most) {
        for (; idle_bytes_ > most; idle_.pop_front()) {
            idle_bytes_ -= idle_.front().bytes;
            ::munmap(idle_.front().at, idle_.front().bytes);
        }
    }

    const std::size_t page_ = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    std::mutex mutex_;
    std::unordered_map<void*, std::size_t> used_; ///< bytes by address
    std::deque<Mapping> idle_;                    ///< the one that is idle longest first
    std::size_t idle_bytes_ = 0;
};

Mappings& mappings() {
    static Mappings& instance = *new Mappings; // outlives tensors in static objects
    return instance;
}

c10::Allocator& heap() {
    static c10::Allocator& instance = *c10::GetDefaultCPUAllocator();
    return instance;
}

/// One deleter for both, as raw_allocate and raw_deallocate ask for; some of LibTorch's kernels call them.
void release(void* at) {
    if (at != nullptr && !mappings().give_up(at)) heap().raw_deleter()(at);
}

class HostAllocator final : public c10::Allocator {
public:
    c10::DataPtr allocate(std::size_t bytes) override {
        void* at = bytes < std::size_t{least_large_tensor} ? nullptr : mappings().take(bytes);
        if (at == nullptr) at = heap().raw_allocate(bytes); // where there is no memory, its message says so
        return {at, at, release, c10::Device(c10::DeviceType::CPU)};
    }
    [[nodiscard]] c10::DeleterFnPtr raw_deleter() const override { return release; }
    void copy_data(void* to, const void* from, std::size_t bytes) const override { default_copy_data(to, from, bytes); }
};

} // namespace

void use_host_allocator() {
    static HostAllocator& allocator = *new HostAllocator;
    static const bool set = (c10::SetAllocator(c10::DeviceType::CPU, &allocator), true);
    (void)set;
}

void release_idle_host_memory() { mappings().release_idle(); }

} // namespace graticule
