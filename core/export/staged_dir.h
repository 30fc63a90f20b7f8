// A folder that appears whole or not at all: everything is written beside its place (core/io/aside.h), flushed, then
// exchanged with what stands there in one step (renameat2 with RENAME_EXCHANGE). Where the file system cannot do that,
// what stands there is renamed to "NAME.replaced-1" first: a kill between the two renames leaves both, whole, under
// these names.
//
//     StagedDir staged("exports/opt-int4", {.keep_out_of = model_folder});   // refuses before any work is done
//     write_everything(staged.path());
//     staged.commit(ctx);                                // without it the destructor removes what was written
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/base/job_context.h"
#include "core/io/aside.h"

namespace graticule {

/// Marks a folder as written by this program, and holds its provenance. Only such folders are replaced.
inline constexpr const char* provenance_file = "graticule.json";

/// Writes `provenance`, a JSON object, as that file, last of all that goes into `folder`: it gets all files there as
/// "files": sizes, and the SHA-256 of small ones. A later output replaces them, whether or not it has them itself;
/// where somebody has changed or added one by then, the folder is kept.
void write_provenance_file(const std::filesystem::path& folder, const std::string& provenance);

struct StagedDirOptions {
    std::filesystem::path keep_out_of; ///< the model's own folder: never written to, nor into it, nor around it
    /// A folder that is not ours and not empty is moved aside ("NAME.before-1") instead of refused. It is never
    /// deleted.
    bool force = false;
    /// How whoever reads the refusal asks for `force`.
    std::string force_hint = "--force to move it aside";
};

class StagedDir {
public:
    /// Throws Error{usage} when `target` must not be replaced, Error{bad_input} when nothing can be written there. A
    /// link is followed: the folder it leads to is replaced, not the link.
    StagedDir(const std::filesystem::path& target, const StagedDirOptions& options);
    ~StagedDir();
    /// What the constructor refuses, as far as it can be told without writing anything. Whether `target` is a folder
    /// of ours, to be replaced.
    static bool check(const std::filesystem::path& target, const StagedDirOptions& options);
    StagedDir(const StagedDir&) = delete;
    StagedDir& operator=(const StagedDir&) = delete;

    [[nodiscard]] const std::filesystem::path& path() const { return staging_->path(); } ///< where to write
    [[nodiscard]] const std::filesystem::path& target() const { return target_; }
    /// Whether an earlier output of this program gives way.
    [[nodiscard]] bool replaces_ours() const { return replaces_ours_; }
    /// Flushes, then swaps the folder into place; cannot be cancelled half-way. Returns where a folder went that was
    /// not ours, or to which somebody had added what the new one does not have; an empty path when nothing is left of
    /// what was there.
    std::filesystem::path commit(JobContext& ctx);

private:
    [[nodiscard]] std::filesystem::path replace(bool keep, const std::string& suffix);

    std::filesystem::path target_;
    std::vector<std::filesystem::path> made_; ///< folders above the target that were not there, innermost first
    std::optional<Aside> staging_;
    bool replaces_ours_ = false;
};

/// What earlier runs of this program moved out of the way of `target` and kept: "NAME.replaced-1", "NAME.before-1".
[[nodiscard]] std::vector<std::filesystem::path> kept_beside(const std::filesystem::path& target);

} // namespace graticule
