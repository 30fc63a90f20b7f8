#include "core/io/spill_file.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <string>
#include <sys/mman.h>
#include <unistd.h>
#include <utility>

#include "core/base/error.h"

namespace graticule {

namespace {

/// /tmp often lies in memory itself; TMPDIR is somebody's choice.
std::string folder() {
    if (const char* chosen = std::getenv("TMPDIR"); chosen != nullptr && *chosen != '\0') return chosen;
    return std::filesystem::is_directory("/var/tmp") ? "/var/tmp" : "/tmp";
}

[[noreturn]] void fail(const std::string& doing, std::int64_t bytes) {
    throw Error(ErrorKind::bad_input, folder() + ": cannot " + doing + " " + std::to_string(bytes) +
                                          " bytes of quantized weights that do not fit in memory: " +
                                          std::strerror(errno) + "; make room there, or set TMPDIR to another folder");
}

int open_nameless(std::int64_t bytes) {
    const std::string place = folder();
    int descriptor = ::open(place.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (descriptor >= 0) return descriptor;
    std::string path = place + "/graticule-XXXXXX"; // a file system without O_TMPFILE
    descriptor = ::mkostemp(path.data(), O_CLOEXEC);
    if (descriptor < 0) fail("make a file for", bytes);
    ::unlink(path.c_str());
    return descriptor;
}

} // namespace

HostTensor SpillFile::keep(HostTensor tensor) {
    const auto bytes = static_cast<std::int64_t>(tensor.bytes.size());
    if (bytes <= left_) {
        left_ -= bytes;
        return tensor;
    }
    if (!descriptor_)
        descriptor_ = {new int(open_nameless(bytes)), [](const int* open) {
                           ::close(*open);
                           delete open;
                       }};
    const std::int64_t begin = end_, page = ::sysconf(_SC_PAGESIZE);
    for (std::int64_t done = 0; done < bytes;) {
        const ssize_t wrote =
            ::pwrite(*descriptor_, tensor.bytes.data() + done, static_cast<std::size_t>(bytes - done), begin + done);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote <= 0) fail("write", bytes);
        done += wrote;
    }
    end_ += (bytes + page - 1) / page * page; // mappings begin on a page
    void* mapped = ::mmap(nullptr, static_cast<std::size_t>(bytes), PROT_READ, MAP_SHARED, *descriptor_, begin);
    if (mapped == MAP_FAILED) fail("map", bytes);
    spilled_ += bytes;
    std::shared_ptr<const void> owner(mapped, [bytes, open = descriptor_](const void* at) {
        ::munmap(const_cast<void*>(at), static_cast<std::size_t>(bytes));
    });
    return {tensor.dtype,
            std::move(tensor.shape),
            owner,
            {static_cast<const std::byte*>(mapped), static_cast<std::size_t>(bytes)}};
}

} // namespace graticule
