#include "core/io/output_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

#include "core/base/error.h"

namespace graticule {
namespace {

std::filesystem::path folder_of(const std::filesystem::path& path) {
    return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

std::string free_space_text(const std::filesystem::path& folder) {
    std::error_code ignored;
    const auto space = std::filesystem::space(folder, ignored);
    return ignored ? "an unknown number of bytes is free" : std::to_string(space.available) + " bytes are free";
}

bool means_no_space(int code) { return code == ENOSPC || code == EDQUOT || code == EFBIG; }

} // namespace

OutputFile::OutputFile(std::filesystem::path path, std::uint64_t expected_bytes)
    : path_(std::move(path))
    , expected_bytes_(expected_bytes) {
    std::error_code unknown;
    const auto space = std::filesystem::space(folder_of(path_), unknown);
    if (!unknown && space.available < expected_bytes) fail("writing", ENOSPC);

    // A name of its own for each writer; what a crashed one left behind is never reused.
    for (int attempt = 0; descriptor_ < 0; ++attempt) {
        std::string name(1, '.');
        name.append(path_.filename().string()).append(1, '.').append(std::to_string(::getpid()));
        name.append(1, '-').append(std::to_string(attempt)).append(".partial");
        std::filesystem::path candidate = folder_of(path_) / name;
        descriptor_ = ::open(candidate.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (descriptor_ >= 0)
            aside_ = std::move(candidate);
        else if (errno != EEXIST)
            fail("creating a file beside it", errno);
    }
}

OutputFile::~OutputFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
    std::error_code ignored;
    if (!aside_.empty()) std::filesystem::remove(aside_, ignored);
}

void OutputFile::write_at(std::uint64_t offset, std::span<const std::byte> bytes) {
    end_ = std::max(end_, offset + bytes.size());
    while (!bytes.empty()) {
        const ssize_t written = ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) fail("writing", written < 0 ? errno : ENOSPC);
        offset += static_cast<std::uint64_t>(written);
        bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
}

void OutputFile::append(std::span<const std::byte> bytes) { write_at(end_, bytes); }

void OutputFile::commit() {
    // Some file systems report a full disk only here: the flush and the close count as writes.
    if (::fsync(descriptor_) != 0) fail("flushing", errno);
    if (::close(std::exchange(descriptor_, -1)) != 0) fail("closing", errno);
    if (::rename(aside_.c_str(), path_.c_str()) != 0) fail("renaming into place", errno);
    aside_.clear();
    // The rename itself lives in the folder. Not every file system can flush one, and the content is safe already.
    if (const int folder = ::open(folder_of(path_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); folder >= 0) {
        ::fsync(folder);
        ::close(folder);
    }
}

void OutputFile::fail(const std::string& doing, int code) const {
    if (means_no_space(code))
        throw Error(ErrorKind::bad_input, path_.string() +
                                              ": the disk is full: " + std::to_string(std::max(expected_bytes_, end_)) +
                                              " bytes are needed, " + free_space_text(folder_of(path_)) +
                                              "; free some space or choose another folder");
    throw Error(ErrorKind::bad_input, path_.string() + ": " + doing + ": " + std::strerror(code));
}

void check_output_file(const std::filesystem::path& path) {
    if (path.empty()) throw Error(ErrorKind::usage, "the output file has no name; say where to write");
    std::error_code unknown;
    if (std::filesystem::is_directory(path, unknown))
        throw Error(ErrorKind::bad_input, path.string() + " is a folder; name a file in it");
    if (!std::filesystem::is_directory(folder_of(path), unknown))
        throw Error(ErrorKind::bad_input, path.string() + ": there is no folder " + folder_of(path).string());
    const OutputFile trial(path);
}

void atomic_write_file(const std::filesystem::path& path, std::span<const std::byte> bytes) {
    OutputFile file(path, bytes.size());
    file.append(bytes);
    file.commit();
}

void atomic_write_file(const std::filesystem::path& path, std::string_view text) {
    atomic_write_file(path, std::as_bytes(std::span(text.data(), text.size())));
}

} // namespace graticule
