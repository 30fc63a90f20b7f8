// Who writes an output says so before the work, by a file beside it, ".NAME.graticule-0-0", on which a lock is held for
// as long as the process lives: a second one is refused before its own work instead of replacing the first one's result.
// What a killed process left is swept with what else it left (aside.h).
//
//     const Claim claim("out.csv", Claim::Kind::file);        // Error{usage} where another has it
#pragma once

#include <filesystem>
#include <vector>

#include "core/io/aside.h"
#include "core/io/descriptor.h"

namespace graticule {

class Claim {
public:
    using Kind = Aside::Kind;

    /// `target` with its links followed (output_place). Throws Error{usage} naming who writes there, or in a folder
    /// around it or, of a folder, in it; Error{bad_input} where nothing can be written beside it. The folders above an
    /// output folder are made, and go with the claim where they are empty. A file system that knows no locks has no
    /// claims.
    Claim(const std::filesystem::path& target, Kind kind);
    ~Claim();
    Claim(Claim&& other) noexcept;
    Claim& operator=(Claim&&) = delete;

private:
    void take(const std::filesystem::path& target, Kind kind);
    void let_go();

    std::filesystem::path path_;              ///< empty: none
    std::vector<std::filesystem::path> made_; ///< innermost first
    Descriptor file_;
};

/// Throws what a claim would, where another holds one, without taking it.
void refuse_what_is_claimed(const std::filesystem::path& target, Claim::Kind kind);

} // namespace graticule
