// What is looked at before an output is written: whether the disk has room for it, and who may read what it replaces.
#pragma once

#include <cstdint>
#include <filesystem>

#include "core/io/descriptor.h"

namespace graticule {

/// Throws as writing would, before the work whose result it is for, where the disk of a file or folder that is to be
/// written has fewer bytes free than it will take at least.
void check_room(const std::filesystem::path& output, std::uint64_t least_bytes);

/// What replaces a file or folder is as open or private as that was, and its owner's where that may be said. Nothing
/// where `replaced` is not there.
void take_access(const std::filesystem::path& replaced, const Descriptor& by);

} // namespace graticule
