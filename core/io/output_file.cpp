#include "core/io/output_file.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "core/base/error.h"
#include "core/base/mapping_guard.h"
#include "core/io/before_output.h"

namespace graticule {
namespace {

namespace fs = std::filesystem;

fs::path folder_of(const fs::path& path) { return path.has_parent_path() ? path.parent_path() : fs::path("."); }

bool is_written_through(const fs::path& path) {
    std::error_code unknown;
    const fs::file_type type = fs::status(path, unknown).type();
    return type == fs::file_type::character || type == fs::file_type::fifo;
}

/// Where the output goes, after what can be refused without touching anything.
fs::path checked_place(const fs::path& path) {
    fs::path place = output_place(path);
    std::error_code unknown;
    const fs::file_status status = fs::status(place, unknown);
    if (fs::is_directory(status) || !path.has_filename())
        throw Error(ErrorKind::bad_input, path.string() + " is a folder; name a file in it");
    if (fs::exists(status) && !fs::is_regular_file(status) && !is_written_through(place))
        throw Error(ErrorKind::bad_input,
                    path.string() + " is neither a file nor a pipe or device that can be written to; name another");
    if (is_written_through(place) && ::access(place.c_str(), W_OK) != 0) throw_write_failure(path, "opening", errno, 0);
    if (!fs::is_directory(folder_of(place), unknown))
        throw Error(ErrorKind::bad_input, path.string() + ": there is no folder " + folder_of(place).string());
    if (!is_written_through(place)) refuse_what_cannot_be_replaced(place);
    return place;
}

[[noreturn]] void refuse_pipe(const fs::path& path) {
    throw Error(ErrorKind::bad_input,
                path.string() + " is no regular file, and this result is not written front to back; name a file");
}

} // namespace

OutputFile::OutputFile(const fs::path& path, std::uint64_t expected_bytes)
    : path_(checked_place(path))
    , expected_bytes_(expected_bytes) {
    if (is_written_through(path_)) {
        // A pipe that nobody reads is refused instead of waited for.
        through_ = Descriptor(::open(path_.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
        if (!through_.is_open()) fail("opening", errno);
        ::fcntl(through_.get(), F_SETFL, ::fcntl(through_.get(), F_GETFL) & ~O_NONBLOCK);
        return;
    }
    std::error_code unknown;
    const auto space = fs::space(folder_of(path_), unknown);
    if (!unknown && space.available < expected_bytes) fail("writing", ENOSPC);
    aside_.emplace(path_, Aside::Kind::file);
    take_access(path_, aside_->file());
}

OutputFile::~OutputFile() = default;

void OutputFile::write_at(std::uint64_t offset, std::span<const std::byte> bytes) {
    if (!aside_ && offset != end_) refuse_pipe(path_);
    end_ = std::max(end_, offset + bytes.size());
    const int failed = aside_ ? write_all(aside_->file(), bytes, offset) : write_all(through_, bytes, std::nullopt);
    if (failed == EFAULT) verify_mappings(); // the bytes are of a mapped file that shrank
    if (failed != 0) fail("writing", failed);
}

void OutputFile::append(std::span<const std::byte> bytes) { write_at(end_, bytes); }

void OutputFile::commit() {
    verify_mappings(); // nothing is kept that a file cut short went into
    if (!aside_) {
        if (through_.close() != 0) fail("closing", errno);
        return;
    }
    // Some file systems report a full disk only here: the flush and the close count as writes.
    if (::fsync(aside_->file().get()) != 0) fail("flushing", errno);
    if (::rename(aside_->path().c_str(), path_.c_str()) != 0) fail("renaming into place", errno);
    aside_->placed();
    mark_finished(aside_->file());
    if (aside_->close() != 0) fail("closing", errno);
    // The rename itself lives in the folder. Not every file system can flush one, and the content is safe already.
    const Descriptor folder(::open(folder_of(path_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (folder.is_open()) ::fsync(folder.get());
}

void OutputFile::fail(const char* doing, int code) const {
    throw_write_failure(path_, doing, code, std::max(expected_bytes_, end_));
}

void check_output_file(const fs::path& path, WritingOrder order) {
    const fs::path place = checked_place(path);
    if (!is_written_through(place)) {
        const Aside trial(place, Aside::Kind::file); // some places are only found out by trying
    } else if (order == WritingOrder::any) {
        refuse_pipe(path);
    }
    check_room(path, 1); // a full disk too
}

void atomic_write_file(const fs::path& path, std::span<const std::byte> bytes) {
    OutputFile file(path, bytes.size());
    file.append(bytes);
    file.commit();
}

void atomic_write_file(const fs::path& path, std::string_view text) {
    atomic_write_file(path, std::as_bytes(std::span(text.data(), text.size())));
}

} // namespace graticule
