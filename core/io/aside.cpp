#include "core/io/aside.h"

#include <cerrno>
#include <climits>
#include <cstring>
#include <fcntl.h>
#include <string_view>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "core/base/error.h"
#include "core/io/before_output.h"
#include "core/io/file_lock.h"

namespace graticule {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view mark = ".graticule-";
constexpr std::size_t room_below = 128; ///< bytes of path that files in an output folder may need

bool is_leftover_name(std::string_view name) {
    const auto at = name.rfind(mark);
    if (!name.starts_with('.') || at == std::string_view::npos || at == 0) return false;
    const std::string_view number = name.substr(at + mark.size());
    const auto dash = number.find('-');
    return dash != std::string_view::npos && dash > 0 && dash + 1 < number.size() &&
           number.find_first_not_of("0123456789-") == std::string_view::npos;
}

Descriptor create(const fs::path& path, Aside::Kind kind) {
    if (kind == Aside::Kind::file)
        return Descriptor(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    if (::mkdir(path.c_str(), 0777) != 0) return {};
    Descriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder.is_open()) {
        const int reason = errno;
        ::rmdir(path.c_str());
        errno = reason;
    }
    return folder;
}

} // namespace

/// The name is cut where a UTF-8 character begins: the whole must not be longer than a name may be.
fs::path beside(const fs::path& target, const std::string& suffix) {
    std::string name = target.filename().string();
    std::size_t end = std::min(name.size(), longest_part_of_name);
    while (end > 0 && end < name.size() && (static_cast<unsigned char>(name[end]) & 0xC0) == 0x80) --end;
    name.resize(end);
    return folder_of(target) / ("." + name + std::string(mark) + suffix);
}

bool is_name_beside(const fs::path& path) { return is_leftover_name(path.filename().string()); }

fs::path meant_by(const fs::path& written) {
    fs::path meant;
    for (const fs::path& part : written) {
        const std::string name = part.string();
        meant /= is_leftover_name(name) ? name.substr(1, name.rfind(mark) - 1) : name;
    }
    return meant;
}

fs::path folder_of(const fs::path& path) { return path.has_parent_path() ? path.parent_path() : fs::path("."); }

Aside::Aside(const fs::path& target, Kind kind) {
    for (int number = 0; !file_.is_open(); ++number) {
        path_ = beside(target, std::to_string(::getpid()) + "-" + std::to_string(number));
        file_ = create(path_, kind);
        if (!file_.is_open()) {
            if (errno == EEXIST) continue;
            const int reason = errno;
            path_.clear();
            throw_not_made(target, kind, reason);
        }
        // Somebody who sweeps or looks may have locked it first; then it goes, since it bears no mark by which it would be
        // swept later, and the next name is tried.
        const bool swept = ::flock(file_.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
        if (!swept && still_there(path_, file_)) {
            mark_unfinished(file_);
        } else {
            std::error_code ignored;
            if (still_there(path_, file_)) fs::remove(path_, ignored);
            (void)file_.close();
        }
    }
}

Aside::~Aside() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
}

int Aside::close() { return file_.close(); }

std::vector<fs::path> sweep_leftovers(const fs::path& folder) {
    std::vector<fs::path> found, swept;
    std::error_code failed;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder, failed))
        if (is_name_beside(entry.path())) found.push_back(entry.path());
    for (const fs::path& path : found) {
        const Descriptor file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
        if (!file.is_open() || ::flock(file.get(), LOCK_EX | LOCK_NB) != 0 || !still_there(path, file)) continue;
        if (!is_unfinished(file)) continue; // somebody's, of such a name
        fs::remove_all(path, failed);
        if (!failed) swept.push_back(path);
    }
    return swept;
}

fs::path output_place(const fs::path& path) {
    if (path.empty()) throw Error(ErrorKind::usage, "the output has no name; say where to write");
    const auto refuse = [&](const std::string& why) {
        throw Error(ErrorKind::bad_input, path.string() + ": " + why + "; choose another place for the output");
    };
    for (const fs::path& part : path)
        if (part.native().size() > NAME_MAX)
            refuse("a name of " + std::to_string(part.native().size()) + " bytes, and at most " +
                   std::to_string(NAME_MAX) + " are possible");
    fs::path full = fs::absolute(path);
    if (!full.has_filename()) full = full.parent_path(); // a trailing slash
    if (full.native().size() + room_below > PATH_MAX)
        refuse("a path of " + std::to_string(full.native().size()) + " bytes leaves no room for files below it");
    std::error_code failed;
    const fs::file_status named = fs::symlink_status(full, failed);
    if (named.type() == fs::file_type::none) refuse(failed.message());
    const fs::file_status status = fs::status(full, failed);
    if (status.type() == fs::file_type::none) refuse(failed.message());
    if (fs::is_symlink(named) && !fs::exists(status))
        refuse("a link to " + fs::read_symlink(full, failed).string() + ", which is not there");
    // What is no file or folder keeps the name it was given: behind /dev/stdout there may be no path at all.
    if (fs::exists(status) && !fs::is_regular_file(status) && !fs::is_directory(status)) return full;
    fs::path place = fs::weakly_canonical(full, failed);
    if (failed) refuse(failed.message());
    if (!place.has_filename()) place = place.parent_path();
    return place;
}

void throw_not_made(const fs::path& target, Aside::Kind kind, int code) {
    throw_write_failure(target,
                        kind == Aside::Kind::file ? "creating a file beside it"
                                                  : "a folder for the output cannot be made there",
                        code, 0);
}

void throw_write_failure(const fs::path& written, const std::string& doing, int code, std::uint64_t needed) {
    const fs::path path = meant_by(written);
    std::string why = doing + ": " + std::strerror(code) + "; choose another place for the output";
    struct statvfs system = {};
    const bool known = ::statvfs(folder_of(written).c_str(), &system) == 0;
    std::error_code unknown;
    if (code == ENOSPC && fs::is_character_file(path, unknown)) // no disk of which to say how much is free
        why = doing + ": the device takes nothing more; choose another place for the output";
    else if (code == EDQUOT)
        why = "the disk quota is used up; free some space or choose another folder";
    else if (code == EFBIG)
        why = std::to_string(needed) +
              " bytes are needed, more than a file may have here; raise the limit (ulimit -f) or choose another folder";
    else if (code == ENOSPC && known && system.f_files > 0 && system.f_favail == 0)
        why =
            "the file system has no room for another file (out of inodes); remove some files or choose another folder";
    else if (code == ENOSPC)
        why = "the disk is full: " + std::to_string(needed) + " bytes are needed, " +
              (known ? std::to_string(std::uint64_t{system.f_bavail} * system.f_frsize) + " bytes are free"
                     : std::string("an unknown number of bytes is free")) +
              "; free some space or choose another folder";
    throw Error(ErrorKind::bad_input, path.string() + ": " + why);
}

} // namespace graticule
