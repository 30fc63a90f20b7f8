#include "core/io/mapped_file.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "core/base/error.h"

namespace graticule {
namespace {

[[noreturn]] void fail(const std::filesystem::path& path, const std::string& what, int code) {
    throw Error(code == ENOMEM ? ErrorKind::out_of_memory : ErrorKind::bad_input,
                path.string() + ": " + what + ": " + std::strerror(code));
}

} // namespace

std::shared_ptr<const MappedFile> MappedFile::open(const std::filesystem::path& path) {
    // O_NONBLOCK: opening a named pipe must fail below, not wait for a writer.
    Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!file.is_open()) fail(path, "cannot be opened", errno);
    struct stat status = {};
    if (::fstat(file.get(), &status) != 0) fail(path, "cannot be examined", errno);
    if (S_ISDIR(status.st_mode))
        throw Error(ErrorKind::bad_input, path.string() + " is a folder; a file is expected, name one in it");
    if (!S_ISREG(status.st_mode)) throw Error(ErrorKind::bad_input, path.string() + " is not a regular file");

    std::span<const std::byte> bytes;
    if (const auto size = static_cast<std::size_t>(status.st_size); size > 0) { // mmap refuses an empty range
        void* address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
        if (address == MAP_FAILED) fail(path, "cannot be mapped into memory", errno);
        bytes = {static_cast<const std::byte*>(address), size};
    }
    return std::shared_ptr<const MappedFile>(new MappedFile(path, bytes, std::move(file)));
}

MappedFile::MappedFile(std::filesystem::path path, std::span<const std::byte> bytes, Descriptor file)
    : path_(std::move(path))
    , bytes_(bytes)
    , file_(std::move(file)) {
    if (!bytes_.empty()) guard_.emplace(bytes_.data(), bytes_.size(), file_.get(), path_.string());
}

MappedFile::~MappedFile() {
    guard_.reset();
    if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

} // namespace graticule
