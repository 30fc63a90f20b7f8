// A lock between processes on a file or a folder that is there, for as long as the object lives; a process that dies
// lets go of it. Those who change a shared file read, change and write it under one.
//
//     const FileLock lock(journal_folder);     // waits for others, then throws Error{bad_input} naming the path
#pragma once

#include <chrono>
#include <filesystem>

#include "core/io/descriptor.h"

namespace graticule {

class FileLock {
public:
    explicit FileLock(const std::filesystem::path& path, std::chrono::milliseconds patience = std::chrono::seconds(5));

private:
    Descriptor descriptor_;
};

/// Whether some process holds a lock on a file or folder, as whoever writes beside an output does (aside.h). False
/// where no lock can be asked for.
[[nodiscard]] bool is_held(const std::filesystem::path& path);

/// Whether `path` is still the file that is open, and not another of its name.
[[nodiscard]] bool still_there(const std::filesystem::path& path, const Descriptor& file);

} // namespace graticule
