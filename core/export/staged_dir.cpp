#include "core/export/staged_dir.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <system_error>
#include <unistd.h>

#include "core/base/error.h"

namespace graticule {
namespace {

namespace fs = std::filesystem;

fs::path cleaned(const fs::path& path) {
    fs::path full = fs::absolute(path).lexically_normal();
    if (!full.has_filename()) full = full.parent_path(); // a trailing slash
    return full;
}

bool is_inside(const fs::path& inner, const fs::path& outer) {
    const fs::path relative = inner.lexically_relative(outer);
    return !relative.empty() && *relative.begin() != "..";
}

/// Files first, then their folders: a rename must never become durable before what it names.
void flush_tree(const fs::path& folder) {
    const auto flush = [](const fs::path& path, int flags) {
        const int descriptor = ::open(path.c_str(), flags | O_CLOEXEC);
        if (descriptor < 0) return; // not every file system lets a folder be opened for flushing
        const int result = ::fsync(descriptor);
        const int reason = errno;
        ::close(descriptor);
        if (result != 0 && reason != EINVAL && reason != EROFS)
            throw Error(ErrorKind::bad_input, path.string() + ": flushing to the disk: " + std::strerror(reason));
    };
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder))
        if (entry.is_regular_file()) flush(entry.path(), O_RDONLY);
    flush(folder, O_RDONLY | O_DIRECTORY);
}

void rename_or_throw(const fs::path& from, const fs::path& to) {
    std::error_code failed;
    fs::rename(from, to, failed);
    if (failed)
        throw Error(ErrorKind::bad_input,
                    to.string() + ": renaming " + from.filename().string() + " into place: " + failed.message());
}

fs::path free_name(const fs::path& wish, const std::string& suffix) {
    for (int number = 1;; ++number) {
        fs::path candidate = wish;
        candidate += suffix + std::to_string(number);
        if (!fs::exists(fs::symlink_status(candidate))) return candidate;
    }
}

} // namespace

StagedDir::StagedDir(const fs::path& target, const StagedDirOptions& options)
    : target_(cleaned(target)) {
    std::error_code failed;
    const fs::path real = fs::weakly_canonical(target_, failed);
    if (!options.keep_out_of.empty()) {
        const fs::path model = fs::weakly_canonical(cleaned(options.keep_out_of), failed);
        if (real == model || is_inside(model, real))
            throw Error(ErrorKind::usage, target_.string() + " is, or holds, the model's own folder " + model.string() +
                                              "; choose another folder for the output");
    }
    if (fs::exists(target_)) {
        if (!fs::is_directory(target_))
            throw Error(ErrorKind::usage, target_.string() + " is a file; choose a folder for the output");
        replaces_ours_ = fs::exists(target_ / provenance_file);
        if (!replaces_ours_ && !fs::is_empty(target_) && !options.force)
            throw Error(ErrorKind::usage,
                        target_.string() + " is not empty and was not written by this program (it has no " +
                            provenance_file + "); choose another folder, or --force to move it aside");
    }
    const fs::path parent = target_.parent_path();
    fs::create_directories(parent, failed);
    if (failed) throw Error(ErrorKind::bad_input, parent.string() + ": creating the folder: " + failed.message());
    std::string pattern = (parent / ("." + target_.filename().string() + ".partial-XXXXXX")).string();
    if (::mkdtemp(pattern.data()) == nullptr)
        throw Error(ErrorKind::bad_input,
                    parent.string() + ": a folder for the output cannot be made there: " + std::strerror(errno));
    staging_ = pattern;
    fs::permissions(staging_, fs::perms(0755), failed); // mkdtemp makes it private
}

StagedDir::~StagedDir() {
    std::error_code ignored;
    if (!staging_.empty()) fs::remove_all(staging_, ignored);
}

fs::path StagedDir::commit(JobContext& ctx) {
    flush_tree(staging_);
    ctx.check_cancelled(); // the last chance: from here on it is done as a whole
    const CancelToken::Suppression whole = ctx.cancel.suppress();
    fs::path moved_aside;
    if (fs::exists(target_)) {
        moved_aside = free_name(target_, replaces_ours_ ? ".replaced-" : ".before-");
        rename_or_throw(target_, moved_aside);
    }
    try {
        rename_or_throw(staging_, target_);
    } catch (...) {
        std::error_code ignored;
        if (!moved_aside.empty()) fs::rename(moved_aside, target_, ignored); // as it was
        throw;
    }
    staging_.clear();
    std::error_code ignored;
    const bool worthless = !moved_aside.empty() && (replaces_ours_ || fs::is_empty(moved_aside, ignored));
    if (!worthless) return moved_aside;
    fs::remove_all(moved_aside, ignored);
    return {};
}

} // namespace graticule
