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
    if (path.empty()) throw Error(ErrorKind::usage, "the output folder has no name; say where to write");
    fs::path full = fs::absolute(path).lexically_normal();
    if (!full.has_filename()) full = full.parent_path(); // a trailing slash
    return full;
}

bool is_inside(const fs::path& inner, const fs::path& outer) {
    const fs::path relative = inner.lexically_relative(outer);
    return !relative.empty() && *relative.begin() != "..";
}

/// What is at `path`; what the system will not even look at (a name too long, no permission) can be no output either.
fs::file_status status_of(const fs::path& path) {
    std::error_code failed;
    const fs::file_status status = fs::status(path, failed);
    if (status.type() == fs::file_type::none)
        throw Error(ErrorKind::bad_input, path.string() + ": " + failed.message() + "; choose another folder");
    return status;
}

void flush(const fs::path& path, bool folder) {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | (folder ? O_DIRECTORY : 0));
    if (descriptor < 0 && folder) return; // not every file system lets a folder be opened for flushing
    const int result = descriptor < 0 ? -1 : ::fsync(descriptor);
    const int reason = errno;
    if (descriptor >= 0) ::close(descriptor);
    if (result != 0 && reason != EINVAL && reason != EROFS)
        throw Error(ErrorKind::bad_input, path.string() + ": flushing to the disk: " + std::strerror(reason));
}

/// Files first, then their folders: a rename must never become durable before what it names.
void flush_tree(const fs::path& folder) {
    std::vector<fs::path> folders{folder};
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder)) {
        if (entry.is_regular_file()) flush(entry.path(), false);
        if (entry.is_directory()) folders.push_back(entry.path());
    }
    for (auto it = folders.rbegin(); it != folders.rend(); ++it) flush(*it, true);
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

/// Whether `folder` has a file for which there is none of that name in `other`.
bool holds_more(const fs::path& folder, const fs::path& other) {
    std::error_code failed;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder, failed))
        if (!entry.is_directory(failed) &&
            !fs::exists(fs::symlink_status(other / entry.path().lexically_relative(folder), failed)))
            return true;
    return static_cast<bool>(failed); // what could not be looked at is not thrown away
}

} // namespace

bool StagedDir::check(const fs::path& wish, const StagedDirOptions& options) {
    const fs::path target = cleaned(wish);
    const fs::file_status status = status_of(target);
    std::error_code failed;
    const fs::path real = fs::weakly_canonical(target, failed);
    if (!options.keep_out_of.empty()) {
        const fs::path model = fs::weakly_canonical(cleaned(options.keep_out_of), failed);
        // A lone .gguf may lie in a folder of anything, where a new folder is not inside the model.
        const bool all_model = fs::exists(model / "config.json", failed);
        if (real == model || is_inside(model, real) || (all_model && is_inside(real, model)))
            throw Error(ErrorKind::usage, target.string() + " is, holds or lies in the model's own folder " +
                                              model.string() + "; choose another folder for the output");
    }
    if (!fs::exists(status)) {
        fs::path above = target.parent_path(); // the nearest folder that is there must take another
        while (!fs::exists(above, failed) && above.has_relative_path()) above = above.parent_path();
        if (!fs::is_directory(above, failed) || ::access(above.c_str(), W_OK) != 0)
            throw Error(ErrorKind::bad_input,
                        above.string() + ": a folder for the output cannot be made there; choose another folder");
        return false;
    }
    if (!fs::is_directory(status))
        throw Error(ErrorKind::usage, target.string() + " is a file; choose a folder for the output");
    const bool ours = fs::exists(target / provenance_file, failed);
    const bool empty = fs::is_empty(target, failed);
    if (failed)
        throw Error(ErrorKind::bad_input,
                    target.string() + ": cannot be looked into (" + failed.message() + "); choose another folder");
    if (!ours && !empty && !options.force)
        throw Error(ErrorKind::usage, target.string() +
                                          " is not empty and was not written by this program (it has no " +
                                          provenance_file + "); choose another folder, or " + options.force_hint);
    return ours;
}

StagedDir::StagedDir(const fs::path& target, const StagedDirOptions& options)
    : target_(cleaned(target))
    , replaces_ours_(check(target, options)) {
    std::error_code failed;
    const fs::path parent = target_.parent_path();
    for (fs::path above = parent; !fs::exists(above) && above.has_relative_path(); above = above.parent_path())
        made_.push_back(above);
    fs::create_directories(parent, failed);
    if (failed) throw Error(ErrorKind::bad_input, parent.string() + ": creating the folder: " + failed.message());
    std::string pattern = (parent / ("." + target_.filename().string() + ".partial-XXXXXX")).string();
    if (::mkdtemp(pattern.data()) == nullptr)
        throw Error(ErrorKind::bad_input, parent.string() + ": a folder for the output cannot be made there (" +
                                              std::strerror(errno) + "); choose another folder");
    staging_ = pattern;
    fs::permissions(staging_, fs::perms(0755), failed); // mkdtemp makes it private
}

StagedDir::~StagedDir() {
    std::error_code ignored;
    if (staging_.empty()) return;
    fs::remove_all(staging_, ignored);
    for (const fs::path& folder : made_) // innermost first; one that holds something by now stays
        if (!fs::remove(folder, ignored)) break;
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
    flush(target_.parent_path(), true);
    std::error_code ignored;
    if (moved_aside.empty()) return {};
    // Of ours, what somebody added to it is kept: a model card, notes.
    if (replaces_ours_ ? holds_more(moved_aside, target_) : !fs::is_empty(moved_aside, ignored)) return moved_aside;
    fs::remove_all(moved_aside, ignored);
    return {};
}

} // namespace graticule
