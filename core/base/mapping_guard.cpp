#include "core/base/mapping_guard.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <deque>
#include <mutex>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "core/base/error.h"
#include "core/base/hold.h"
#include "core/base/new_mappings.h"

namespace graticule {

/// Never freed but used again, and linked for good: the handler walks them without a lock.
struct MappingGuard::Mapping {
    std::atomic<std::uintptr_t> begin{0}; ///< 0: free
    std::atomic<std::uintptr_t> end{0};
    std::atomic<bool> damaged{false};
    Mapping* next = nullptr;
    int descriptor = -1;      ///< what follows is guarded by the mutex
    std::uint64_t number = 0; ///< in the order in which they were mapped
    std::string path;
};

namespace {

using Mapping = MappingGuard::Mapping;

std::atomic<Mapping*> first{nullptr};
std::atomic<bool> any_damaged{false};
std::uint64_t last_number = 0, given_up = 0; // guarded by the mutex
thread_local std::uint64_t ignored = 0;      // NewMappingsOnly
std::mutex mutex; // guards registering and the parts of a Mapping that the handler does not read
struct sigaction before = {};
std::uintptr_t page_bytes = 4096;

/// Only what may be done in a signal handler: atomics, and system calls without state of their own.
void on_bus_error(int signal, siginfo_t* info, void* context) {
    const auto at = reinterpret_cast<std::uintptr_t>(info->si_addr);
    for (Mapping* mapping = first.load(); mapping != nullptr; mapping = mapping->next) {
        const std::uintptr_t begin = mapping->begin.load(), end = mapping->end.load();
        if (begin == 0 || at < begin || at >= end) continue;
        // Whatever lies behind a page that lost its file has lost it too.
        const std::uintptr_t page = at / page_bytes * page_bytes;
        const int reason = errno;
        void* zeros = ::mmap(reinterpret_cast<void*>(page), end - page, PROT_READ,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
        errno = reason;
        if (zeros == MAP_FAILED) break;
        mapping->damaged.store(true);
        any_damaged.store(true);
        return;
    }
    // Not ours: as if this handler were not there.
    if ((before.sa_flags & SA_SIGINFO) != 0 && before.sa_sigaction != nullptr)
        return before.sa_sigaction(signal, info, context);
    std::signal(signal, SIG_DFL);
    ::raise(signal); // delivered when this returns, also where no instruction would fault again
}

void install_handler() {
    page_bytes = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
    struct sigaction action = {};
    action.sa_sigaction = on_bus_error;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    GRATICULE_ASSERT(::sigaction(SIGBUS, &action, &before) == 0, "the handler of SIGBUS cannot be set");
}

[[noreturn]] void throw_shrunk(const std::string& path) {
    throw Error(ErrorKind::bad_input,
                path + " was cut short or could not be read any more while it was in use; what was computed from it is "
                       "thrown away. Restore the file (a download that is still running must end first), then open the "
                       "model again "
                       "(File, Open again) or run the command again");
}

/// Of somebody's concern on this thread; the mutex is held.
bool counts(const Mapping& mapping) {
    return mapping.begin.load() != 0 && mapping.number > std::max(given_up, ignored);
}

bool is_cut_short(const Mapping& mapping) {
    struct stat status = {};
    const auto bytes = static_cast<off_t>(mapping.end.load() - mapping.begin.load());
    return mapping.damaged.load() || (::fstat(mapping.descriptor, &status) == 0 && status.st_size < bytes);
}

} // namespace

MappingGuard::MappingGuard(const void* begin, std::size_t bytes, int descriptor, std::string path) {
    static std::once_flag installed;
    std::call_once(installed, install_handler);
    const std::lock_guard lock(mutex);
    mapping_ = first.load();
    while (mapping_ != nullptr && mapping_->begin.load() != 0) mapping_ = mapping_->next;
    if (mapping_ == nullptr) {
        // Addresses stay, and after main() too: whoever maps first may hold its mapping in an older static object.
        static auto& all = *new std::deque<Mapping>;
        mapping_ = &all.emplace_back();
        mapping_->next = first.load();
        first.store(mapping_);
    }
    mapping_->damaged.store(false);
    mapping_->descriptor = descriptor;
    mapping_->number = ++last_number;
    mapping_->path = std::move(path);
    mapping_->end.store(reinterpret_cast<std::uintptr_t>(begin) + bytes);
    mapping_->begin.store(reinterpret_cast<std::uintptr_t>(begin));
}

MappingGuard::~MappingGuard() {
    const std::lock_guard lock(mutex);
    mapping_->begin.store(0);
    if (!mapping_->damaged.exchange(false)) return;
    bool others = false;
    for (const Mapping* mapping = first.load(); mapping != nullptr; mapping = mapping->next)
        others = others || (mapping->begin.load() != 0 && mapping->damaged.load());
    any_damaged.store(others);
}

void MappingGuard::verify() const {
    const std::lock_guard lock(mutex);
    if (is_cut_short(*mapping_)) throw_shrunk(mapping_->path);
}

void check_mappings() {
    stand_while_held(); // here, because every cancel point comes through
    if (!any_damaged.load(std::memory_order_relaxed)) return;
    const std::lock_guard lock(mutex);
    for (const Mapping* mapping = first.load(); mapping != nullptr; mapping = mapping->next)
        if (counts(*mapping) && mapping->damaged.load()) throw_shrunk(mapping->path);
}

void verify_mappings() {
    const std::lock_guard lock(mutex);
    for (const Mapping* mapping = first.load(); mapping != nullptr; mapping = mapping->next)
        if (counts(*mapping) && is_cut_short(*mapping)) throw_shrunk(mapping->path);
}

MappingMark mapping_mark() {
    const std::lock_guard lock(mutex);
    return MappingMark{last_number};
}

NewMappingsOnly::NewMappingsOnly()
    : before_(MappingMark{ignored}) {
    ignored = static_cast<std::uint64_t>(mapping_mark());
}

NewMappingsOnly::~NewMappingsOnly() { ignored = static_cast<std::uint64_t>(before_); }

void give_up_mappings(MappingMark mark) {
    const std::lock_guard lock(mutex);
    given_up = std::max(given_up, static_cast<std::uint64_t>(mark));
}

} // namespace graticule
