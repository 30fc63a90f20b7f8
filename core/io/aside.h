// Where outputs are written before they are renamed into place: beside the target, as ".NAME.graticule-PID-N". Whoever
// writes there holds a lock on it for as long as the process lives, so what a killed one left is known by its free lock
// and swept.
//
//     Aside aside(path, Aside::Kind::folder);        // locked
//     write_into(aside.path());
//     rename(aside.path(), path); aside.placed();    // without it the destructor removes what was written
//     for (const fs::path& gone : sweep_leftovers(folder)) tell(gone);
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/io/descriptor.h"

namespace graticule {

class Aside {
public:
    enum class Kind { file, folder };

    /// Makes it, empty. Throws Error{bad_input} naming `target` and the reason.
    Aside(const std::filesystem::path& target, Kind kind);
    ~Aside();
    Aside(const Aside&) = delete;
    Aside& operator=(const Aside&) = delete;

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }
    [[nodiscard]] const Descriptor& file() const { return file_; } ///< open for writing where it is a file
    void moved_to(std::filesystem::path path) { path_ = std::move(path); }
    void placed() { path_.clear(); } ///< it has its name now, there is nothing to remove
    [[nodiscard]] int close();       ///< the descriptor, and with it the lock; the system's result

private:
    std::filesystem::path path_;
    Descriptor file_;
};

/// ".NAME.graticule-SUFFIX" beside `target`, the suffix two numbers with a dash between them; of a long name as much
/// as this has room for.
[[nodiscard]] std::filesystem::path beside(const std::filesystem::path& target, const std::string& suffix);
inline constexpr std::size_t longest_part_of_name = 100; ///< bytes
/// Whether it is such a name.
[[nodiscard]] bool is_name_beside(const std::filesystem::path& path);
/// What is written under such a path, as who looks at the outputs knows it: of ".out.graticule-17-0/model" it is
/// "out/model".
[[nodiscard]] std::filesystem::path meant_by(const std::filesystem::path& written);
/// Of "out.csv" it is ".".
[[nodiscard]] std::filesystem::path folder_of(const std::filesystem::path& path);

/// Removes from `folder` what processes that are gone were writing there, and says what it was. Files whose lock is
/// held, or cannot be asked for on this file system, stay.
std::vector<std::filesystem::path> sweep_leftovers(const std::filesystem::path& folder);

/// Follows links: where an output of that name will be. Throws Error{usage} for an empty path and Error{bad_input} for
/// a link that leads nowhere, a name that is too long, and what the system will not look at, naming the path and why.
[[nodiscard]] std::filesystem::path output_place(const std::filesystem::path& path);

/// What went wrong while `doing` ("writing"), for an output of which at least `needed` bytes were to be written: a full
/// disk, one without room for another file, a quota and a size limit are told apart.
[[noreturn]] void throw_write_failure(const std::filesystem::path& path, const std::string& doing, int code,
                                      std::uint64_t needed);
/// The same where nothing could be made beside `target`.
[[noreturn]] void throw_not_made(const std::filesystem::path& target, Aside::Kind kind, int code);

} // namespace graticule
