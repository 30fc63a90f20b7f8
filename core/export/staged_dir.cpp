#include "core/export/staged_dir.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <fcntl.h>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <system_error>
#include <unistd.h>

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/export/unplaced.h"
#include "core/io/before_output.h"
#include "core/io/file_lock.h"
#include "core/io/output_file.h"

namespace graticule {
namespace {

namespace fs = std::filesystem;

bool is_inside(const fs::path& inner, const fs::path& outer) {
    const fs::path relative = inner.lexically_relative(outer);
    return !relative.empty() && *relative.begin() != "..";
}

void flush(const fs::path& path, bool folder) {
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | (folder ? O_DIRECTORY : 0)));
    if (!file.is_open() && folder) return; // not every file system lets a folder be opened for flushing
    if ((!file.is_open() || ::fsync(file.get()) != 0) && errno != EINVAL && errno != EROFS)
        throw_write_failure(path, "flushing to the disk", errno, 0);
}

/// What has the name of something that is replaced is as open or private as that was.
void take_access_of_tree(const fs::path& replaced, const fs::path& folder) {
    std::error_code failed;
    const auto take = [&](const fs::path& path) {
        const Descriptor file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
        if (file.is_open()) take_access(replaced / path.lexically_relative(folder), file);
    };
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder, failed)) take(entry.path());
    const Descriptor whole(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (whole.is_open()) take_access(replaced, whole);
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
    if (::rename(from.c_str(), to.c_str()) != 0)
        throw_write_failure(to, "renaming " + from.filename().string() + " into place", errno, 0);
}

/// Both names change what they stand for in one step. False where the system or the file system cannot do it.
bool exchange(const fs::path& a, const fs::path& b) {
    if (::renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE) == 0) return true;
    if (errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP) return false;
    throw_write_failure(b, "exchanging it with " + a.filename().string(), errno, 0);
}

fs::path free_name(const fs::path& wish, const std::string& suffix) {
    for (int number = 1;; ++number) {
        fs::path candidate = wish;
        candidate += suffix + std::to_string(number);
        if (!fs::exists(fs::symlink_status(candidate))) return candidate;
    }
}

/// Relative to `folder`.
std::set<std::string> files_below(const fs::path& folder, std::error_code& failed) {
    std::set<std::string> names;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder, failed))
        if (!entry.is_directory(failed)) names.insert(entry.path().lexically_relative(folder).string());
    return names;
}

/// What this program wrote under a name: its size and, where it is one that people edit, its content.
struct Written {
    std::optional<std::uint64_t> bytes;
    std::string sha256; ///< empty: not known
};
constexpr std::uint64_t most_edited = std::uint64_t{1}
                                      << 20; ///< larger ones are weights, and their hash takes its time

std::string hash_of(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    return sha256_hex(std::string(std::istreambuf_iterator<char>(in), {}));
}

/// By name, as far as the folder's provenance says (that of earlier versions: not, or names alone).
std::map<std::string, Written> written_by_us(const fs::path& folder) {
    std::ifstream in(folder / provenance_file, std::ios::binary);
    const auto provenance = nlohmann::json::parse(in, nullptr, false);
    std::map<std::string, Written> all;
    const auto files = provenance.find("files");
    if (files == provenance.end()) return all;
    if (files->is_array())
        for (const auto& name : *files)
            if (name.is_string()) all[name.get<std::string>()];
    if (!files->is_object()) return all;
    for (const auto& [name, what] : files->items()) {
        Written& written = all[name];
        if (const auto bytes = what.find("bytes"); bytes != what.end() && bytes->is_number_unsigned())
            written.bytes = bytes->get<std::uint64_t>();
        if (const auto hash = what.find("sha256"); hash != what.end() && hash->is_string())
            written.sha256 = hash->get<std::string>();
    }
    return all;
}

bool is_as_written(const fs::path& file, const Written& written) {
    std::error_code failed;
    return (!written.bytes || fs::file_size(file, failed) == *written.bytes) &&
           (written.sha256.empty() || hash_of(file) == written.sha256);
}

/// Whether `folder`, an output of ours, has a file that this program did not write or that somebody has changed since.
/// Of those that it did not list, `other` may have one of that name: earlier versions listed none.
bool holds_more(const fs::path& folder, const fs::path& other) {
    std::error_code failed;
    const std::map<std::string, Written> ours = written_by_us(folder);
    for (const std::string& name : files_below(folder, failed)) {
        const auto written = ours.find(name);
        if (written != ours.end() ? !is_as_written(folder / name, written->second)
                                  : !ours.empty() || !fs::exists(fs::symlink_status(other / name, failed)))
            return true;
    }
    return static_cast<bool>(failed); // what could not be looked at is not thrown away
}

} // namespace

void write_provenance_file(const fs::path& folder, const std::string& provenance) {
    std::error_code failed;
    auto files = nlohmann::ordered_json::object();
    std::set<std::string> names = files_below(folder, failed);
    names.insert(provenance_file);
    for (const std::string& name : names) {
        auto& file = files[name] = nlohmann::ordered_json::object();
        if (name == provenance_file) continue; // which cannot hold its own
        const std::uint64_t bytes = fs::file_size(folder / name, failed);
        file["bytes"] = bytes;
        if (bytes <= most_edited) file["sha256"] = hash_of(folder / name);
    }
    if (failed) throw_write_failure(folder / provenance_file, "listing the files beside it", failed.value(), 0);
    auto document = nlohmann::ordered_json::parse(provenance);
    document["files"] = files;
    atomic_write_file(folder / provenance_file, document.dump(2) + "\n");
}

bool StagedDir::check(const fs::path& wish, const StagedDirOptions& options) {
    const fs::path target = output_place(wish);
    constexpr std::size_t longest_suffix = 16; // ".replaced-12345"
    if (const std::size_t length = target.filename().native().size(); length + longest_suffix > NAME_MAX)
        throw Error(ErrorKind::bad_input, target.string() + ": a name of " + std::to_string(length) +
                                              " bytes is too long for an output folder; choose another");
    std::error_code failed;
    const fs::file_status status = fs::status(target, failed);
    if (!options.keep_out_of.empty()) {
        const fs::path model = output_place(options.keep_out_of);
        // A lone .gguf may lie in a folder of anything, where a new folder is not inside the model.
        const bool all_model = fs::exists(model / "config.json", failed);
        if (target == model || is_inside(model, target) || (all_model && is_inside(target, model)))
            throw Error(ErrorKind::usage, target.string() + " is, holds or lies in the model's own folder " +
                                              model.string() + "; choose another folder for the output");
    }
    if (!fs::exists(status)) {
        const fs::path above = folder_above(target); // which must take another
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
    refuse_what_cannot_be_replaced(target);
    const fs::path here = fs::current_path(failed);
    if (!failed && (here == target || is_inside(here, target)))
        throw Error(ErrorKind::usage, target.string() +
                                          " is or holds the folder that you are in, which would be left in "
                                          "what is replaced; go elsewhere, or choose another folder");
    return ours;
}

StagedDir::StagedDir(const fs::path& target, const StagedDirOptions& options)
    : target_(output_place(target))
    , replaces_ours_(check(target, options)) {
    made_ = make_folders(target_.parent_path());
    try {
        staging_.emplace(target_, Aside::Kind::folder);
    } catch (...) {
        remove_empty(made_);
        throw;
    }
}

StagedDir::~StagedDir() {
    if (!staging_ || staging_->path().empty()) return;
    staging_.reset();
    remove_empty(made_);
}

fs::path StagedDir::commit(JobContext& ctx) {
    verify_mappings(); // nothing is kept that a file cut short went into
    flush_tree(path());
    ctx.check_cancelled(); // the last chance: from here on it is done as a whole
    const CancelToken::Suppression whole = ctx.cancel.suppress();
    std::error_code failed;
    fs::path kept;
    if (fs::exists(target_, failed)) { // what stands there now counts, not what stood there before the work
        const bool ours = fs::exists(target_ / provenance_file, failed);
        // Of ours, what somebody added to it is kept: a model card, notes.
        const bool keep = ours ? holds_more(target_, path()) : !fs::is_empty(target_, failed);
        take_access_of_tree(target_, path());
        kept = replace(keep, ours ? ".replaced-" : ".before-");
    } else {
        rename_or_throw(path(), target_);
        staging_->placed();
    }
    mark_finished(staging_->file());
    (void)staging_->close();
    flush(target_.parent_path(), true);
    return kept;
}

/// What stood there is under the name it shall keep from the moment the new folder is in place: no kill makes it look
/// like something to be swept. Until then the new one has that name, with a mark that says so.
fs::path StagedDir::replace(bool keep, const std::string& suffix) {
    std::error_code failed;
    if (keep) {
        fs::remove(target_ / unplaced_mark,
                   failed); // left there by a kill, it would be taken for one that was not placed
        atomic_write_file(path() / unplaced_mark, "");
        const fs::path name = free_name(target_, suffix);
        rename_or_throw(path(), name);
        staging_->moved_to(name);
    }
    fs::path old = path();
    if (!exchange(path(), target_)) {
        old = free_name(target_, suffix);
        rename_or_throw(target_, old);
        try {
            rename_or_throw(path(), target_);
        } catch (...) {
            ::rename(old.c_str(), target_.c_str()); // as it was
            throw;
        }
    }
    const fs::path beside = path();
    staging_->placed();
    if (keep) {
        fs::remove(target_ / unplaced_mark, failed);
        return old;
    }
    // Where it could not be exchanged it has a name that is kept: from here on it is swept.
    if (old != beside && ::rename(old.c_str(), beside.c_str()) == 0) old = beside;
    fs::remove_all(old, failed);
    return {};
}

std::vector<fs::path> sweep_unplaced(const fs::path& target) {
    std::vector<fs::path> swept;
    std::error_code failed;
    for (const fs::path& folder : kept_beside(target)) {
        if (!fs::exists(folder / unplaced_mark, failed) || is_held(folder)) continue;
        fs::remove_all(folder, failed);
        if (!failed) swept.push_back(folder);
    }
    if (!is_held(target)) fs::remove(target / unplaced_mark, failed); // it is in its place
    return swept;
}

std::vector<fs::path> kept_beside(const fs::path& target) {
    std::vector<fs::path> kept;
    const std::string name = target.filename().string();
    std::error_code failed;
    for (const fs::directory_entry& entry : fs::directory_iterator(target.parent_path(), failed)) {
        const std::string other = entry.path().filename().string();
        for (const std::string suffix : {".replaced-", ".before-"})
            if (other.starts_with(name + suffix) && other.size() > name.size() + suffix.size() &&
                other.find_first_not_of("0123456789", name.size() + suffix.size()) == std::string::npos)
                kept.push_back(entry.path());
    }
    std::sort(kept.begin(), kept.end());
    return kept;
}

} // namespace graticule
