#include "core/io/file_lock.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <thread>

#include "core/base/error.h"

namespace graticule {

FileLock::FileLock(const std::filesystem::path& path, std::chrono::milliseconds patience)
    : descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (!descriptor_.is_open()) throw Error(ErrorKind::bad_input, path.string() + ": " + std::strerror(errno));
    const auto end = std::chrono::steady_clock::now() + patience;
    while (::flock(descriptor_.get(), LOCK_EX | LOCK_NB) != 0) {
        const int reason = errno;
        if (reason == EWOULDBLOCK && std::chrono::steady_clock::now() < end) {
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
            continue;
        }
        if (reason == EINTR) continue;
        // A file system that knows no locks leaves things as they were without them.
        if (reason == EOPNOTSUPP || reason == ENOLCK || reason == EINVAL) return;
        throw Error(ErrorKind::bad_input, path.string() + " is in use by another process; close it, or try again");
    }
}

bool is_held(const std::filesystem::path& path) {
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    return file.is_open() && ::flock(file.get(), LOCK_SH | LOCK_NB) != 0 &&
           errno == EWOULDBLOCK; // two who look do not see each other
}

bool still_there(const std::filesystem::path& path, const Descriptor& file) {
    struct stat open = {}, named = {};
    return ::fstat(file.get(), &open) == 0 && ::lstat(path.c_str(), &named) == 0 && open.st_dev == named.st_dev &&
           open.st_ino == named.st_ino;
}

} // namespace graticule
