#include "core/io/before_output.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <system_error>
#include <unistd.h>

#include "core/base/error.h"
#include "core/io/aside.h"

namespace graticule {

namespace fs = std::filesystem;

fs::path folder_above(const fs::path& path) {
    std::error_code unknown;
    fs::path above = path.parent_path();
    while (!fs::exists(above, unknown) && above.has_relative_path()) above = above.parent_path();
    return above;
}

std::vector<fs::path> make_folders(const fs::path& folder) {
    std::vector<fs::path> made;
    std::error_code failed;
    for (fs::path above = folder; !fs::exists(above, failed) && above.has_relative_path(); above = above.parent_path())
        made.push_back(above);
    fs::create_directories(folder, failed);
    if (failed) {
        remove_empty(made);
        throw_write_failure(folder, "creating the folder", failed.value(), 0);
    }
    return made;
}

void remove_empty(const std::vector<fs::path>& innermost_first) {
    std::error_code ignored;
    for (const fs::path& folder : innermost_first) {
        fs::remove(folder, ignored);
        if (fs::exists(folder, ignored)) break;
    }
}

void check_room(const fs::path& output, std::uint64_t least_bytes, std::uint64_t least_files) {
    const fs::path place = output_place(output);
    std::error_code failed;
    if (const fs::file_status status = fs::status(place, failed);
        fs::exists(status) && !fs::is_regular_file(status) && !fs::is_directory(status))
        return; // a device or a pipe
    const fs::path above = folder_above(place);
    const auto space = fs::space(above, failed);
    if (!failed && space.available < least_bytes)
        throw_write_failure(above / output.filename(), "writing", ENOSPC, least_bytes);
    struct statvfs system = {}; // some file systems count no inodes, and say 0 of 0
    if (::statvfs(above.c_str(), &system) == 0 && system.f_files > 0 && system.f_favail < least_files)
        throw Error(ErrorKind::bad_input, meant_by(place).string() + ": the file system has room for " +
                                              std::to_string(system.f_favail) + " more files (inodes), and at least " +
                                              std::to_string(least_files) +
                                              " are needed; remove some files or choose another folder");
}

void refuse_what_cannot_be_replaced(const fs::path& output) {
    struct statx found = {};
    if (::statx(AT_FDCWD, output.c_str(), 0, STATX_BASIC_STATS, &found) != 0) return; // there is nothing
    const fs::path folder = folder_of(output);
    if ((found.stx_attributes_mask & found.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0)
        throw Error(ErrorKind::bad_input,
                    output.string() + " is a mount point, which cannot be replaced; choose another output");
    struct stat above = {};
    if (::stat(folder.c_str(), &above) != 0) return;
    const uid_t me = ::geteuid();
    if ((above.st_mode & S_ISVTX) != 0 && me != 0 && found.stx_uid != me && above.st_uid != me)
        throw Error(ErrorKind::bad_input, output.string() + " belongs to another user and cannot be replaced in " +
                                              folder.string() + "; choose another output");
}

void take_access(const fs::path& replaced, const Descriptor& by) {
    struct stat was = {}, is = {};
    if (::stat(replaced.c_str(), &was) != 0 || ::fstat(by.get(), &is) != 0) return;
    if (was.st_uid != is.st_uid || was.st_gid != is.st_gid) (void)!::fchown(by.get(), was.st_uid, was.st_gid);
    const mode_t mark = is.st_mode & S_ISVTX;
    (void)!::fchmod(by.get(), (was.st_mode & 06777U) | mark); // after the owner, which takes bits away
}

namespace {
mode_t mode_of(const Descriptor& file) {
    struct stat status = {};
    return ::fstat(file.get(), &status) == 0 ? status.st_mode & 07777U : 0U;
}
} // namespace

void mark_unfinished(const Descriptor& file) {
    if (const mode_t mode = mode_of(file); mode != 0) (void)!::fchmod(file.get(), mode | S_ISVTX);
}

void mark_finished(const Descriptor& file) {
    if (const mode_t mode = mode_of(file); mode != 0) (void)!::fchmod(file.get(), mode & ~mode_t{S_ISVTX});
}

bool is_unfinished(const Descriptor& file) { return (mode_of(file) & S_ISVTX) != 0; }

} // namespace graticule
