// What a run that was killed was about to put in the place of a folder, under the name that what stood there was to get
// and keep (staged_dir.h): known by a mark in it, and by its free lock.
#pragma once

#include <filesystem>
#include <vector>

namespace graticule {

/// In such a folder, until it has exchanged its name for the place.
inline constexpr const char* unplaced_mark = ".graticule-unplaced";

/// Removes those beside `target`, and says what they were.
std::vector<std::filesystem::path> sweep_unplaced(const std::filesystem::path& target);

} // namespace graticule
