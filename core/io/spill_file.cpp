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

Descriptor open_nameless(std::int64_t bytes) {
    const std::string place = folder();
    Descriptor file(::open(place.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    if (file.is_open()) return file;
    std::string path = place + "/graticule-XXXXXX"; // a file system without O_TMPFILE
    file = Descriptor(::mkostemp(path.data(), O_CLOEXEC));
    if (!file.is_open()) fail("make a file for", bytes);
    ::unlink(path.c_str());
    return file;
}

} // namespace

HostTensor SpillFile::keep(HostTensor tensor) {
    const auto bytes = static_cast<std::int64_t>(tensor.bytes.size());
    if (bytes <= left_) {
        left_ -= bytes;
        return tensor;
    }
    if (!file_) file_ = std::make_shared<Descriptor>(open_nameless(bytes));
    const std::int64_t begin = end_, page = ::sysconf(_SC_PAGESIZE);
    if (errno = write_all(*file_, tensor.bytes, static_cast<std::uint64_t>(begin)); errno != 0) fail("write", bytes);
    end_ += (bytes + page - 1) / page * page; // mappings begin on a page
    void* mapped = ::mmap(nullptr, static_cast<std::size_t>(bytes), PROT_READ, MAP_SHARED, file_->get(), begin);
    if (mapped == MAP_FAILED) fail("map", bytes);
    spilled_ += bytes;
    std::shared_ptr<const void> owner(mapped, [bytes, open = file_](const void* at) {
        ::munmap(const_cast<void*>(at), static_cast<std::size_t>(bytes));
    });
    return {tensor.dtype,
            std::move(tensor.shape),
            owner,
            {static_cast<const std::byte*>(mapped), static_cast<std::size_t>(bytes)}};
}

} // namespace graticule
