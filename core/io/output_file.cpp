#include "core/io/output_file.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <ctime>
#include <fcntl.h>
#include <poll.h>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <utility>

#include "core/base/cancel_point.h"
#include "core/base/error.h"
#include "core/base/job_context.h"
#include "core/base/mapping_guard.h"
#include "core/io/before_output.h"

namespace graticule {
namespace {

namespace fs = std::filesystem;

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

/// A reader that goes is an error like others: the signal would end the program with its other outputs half-written.
class NoPipeSignal {
public:
    NoPipeSignal() {
        ::sigemptyset(&pipe_);
        ::sigaddset(&pipe_, SIGPIPE);
        ::pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
    }
    ~NoPipeSignal() {
        const timespec now{0, 0};
        if (::sigismember(&before_, SIGPIPE) == 0) (void)::sigtimedwait(&pipe_, nullptr, &now); // of this thread
        ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }
    NoPipeSignal(const NoPipeSignal&) = delete;
    NoPipeSignal& operator=(const NoPipeSignal&) = delete;

private:
    sigset_t pipe_ = {}, before_ = {};
};

[[noreturn]] void refuse_pipe(const fs::path& path) {
    throw Error(ErrorKind::bad_input,
                path.string() + " is no regular file, and this result is not written front to back; name a file");
}

} // namespace

OutputFile::OutputFile(const fs::path& path, std::uint64_t expected_bytes)
    : path_(checked_place(path))
    , expected_bytes_(expected_bytes) {
    if (is_written_through(path_)) {
        open_through();
        return;
    }
    std::error_code unknown;
    const auto space = fs::space(folder_of(path_), unknown);
    if (!unknown && space.available < expected_bytes) fail("writing", ENOSPC);
    aside_.emplace(path_, Aside::Kind::file);
    take_access(path_, aside_->file());
}

OutputFile::~OutputFile() = default;

/// A pipe waits for its reader, as cp does. To ask before the work whether there is one would end it: it would see a
/// writer come and go.
void OutputFile::open_through() {
    for (bool told = false;; told = true) {
        through_ = Descriptor(::open(path_.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
        if (through_.is_open()) return;
        const JobContext* job = current_job(); // without one nobody could stop it
        if (errno != ENXIO || job == nullptr) fail("opening", errno);
        if (!told) job->log("waiting for somebody who reads " + path_.string());
        job->check_cancelled();
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
}

/// 0 or what went wrong. Asks at a pipe that is full whether to go on.
int OutputFile::write_through(std::span<const std::byte> bytes) {
    const NoPipeSignal quiet;
    while (!bytes.empty()) {
        const ssize_t wrote = ::write(through_.get(), bytes.data(), bytes.size());
        if (wrote > 0) {
            bytes = bytes.subspan(static_cast<std::size_t>(wrote));
        } else if (wrote == 0) {
            return ENOSPC;
        } else if (errno == EAGAIN) {
            pollfd room{through_.get(), POLLOUT, 0};
            (void)::poll(&room, 1, 50);
            cancel_point();
        } else if (errno != EINTR) {
            return errno;
        }
    }
    return 0;
}

void OutputFile::write_at(std::uint64_t offset, std::span<const std::byte> bytes) {
    if (!aside_ && offset != end_) refuse_pipe(path_);
    end_ = std::max(end_, offset + bytes.size());
    const int failed = aside_ ? write_all(aside_->file(), bytes, offset) : write_through(bytes);
    if (failed == EFAULT) verify_mappings(); // the bytes are of a mapped file that shrank
    if (failed != 0) fail("writing", failed);
}

void OutputFile::append(std::span<const std::byte> bytes) { write_at(end_, bytes); }

void OutputFile::commit(Origin origin) {
    if (origin == Origin::mapped_files) verify_mappings(); // nothing is kept that a file cut short went into
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

void atomic_write_file(const fs::path& path, std::string_view text, Origin origin) {
    OutputFile file(path, text.size());
    file.append(std::as_bytes(std::span(text.data(), text.size())));
    file.commit(origin);
}

} // namespace graticule
