// What comes before an output is written: its folders are made, the disk must have room for it, and it will be as open
// or private as what it replaces; and the mark that says, until it is in its place, that it is not.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "core/io/descriptor.h"

namespace graticule {

/// The nearest of the folders above `path` that is there.
[[nodiscard]] std::filesystem::path folder_above(const std::filesystem::path& path);

/// Makes `folder` and those above it that are not there; returns what it made, innermost first.
[[nodiscard]] std::vector<std::filesystem::path> make_folders(const std::filesystem::path& folder);
/// Those of them that hold nothing.
void remove_empty(const std::vector<std::filesystem::path>& innermost_first);

/// Throws as writing would, before the work whose result it is for, where the disk of a file or folder that is to be
/// written has fewer bytes free, or room for fewer files and folders, than it will take at least.
void check_room(const std::filesystem::path& output, std::uint64_t least_bytes, std::uint64_t least_files = 1);

/// Throws Error{bad_input} for what the system lets nobody put another in the place of, or not this user, which it says
/// only when that is renamed: mount points, and another's in a folder like /tmp.
void refuse_what_cannot_be_replaced(const std::filesystem::path& output);

/// What replaces a file or folder is as open or private as that was, and its owner's where that may be said. Nothing
/// where `replaced` is not there.
void take_access(const std::filesystem::path& replaced, const Descriptor& by);

/// What is written beside its place (aside.h) has the sticky bit until it has its name: what a killed process left is
/// known by it as this program's. A kill behind the renaming leaves the bit, which then means nothing.
void mark_unfinished(const Descriptor& file);
void mark_finished(const Descriptor& file);
[[nodiscard]] bool is_unfinished(const Descriptor& file);

} // namespace graticule
