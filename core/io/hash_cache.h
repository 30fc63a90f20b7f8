// SHA-256 of large files, remembered between runs: one small file per path in the user's cache folder
// ($XDG_CACHE_HOME/graticule/hashes, else ~/.cache/graticule/hashes), believed only while the file is as it was.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace graticule {

/// What the system tells about a file's content without reading it.
struct FileStamp {
    std::uint64_t bytes = 0;
    std::int64_t modified_ns = 0; ///< since 1970
    std::uint64_t inode = 0;

    bool operator==(const FileStamp&) const = default;
};

/// Empty: not remembered, of another stamp, or the entry cannot be read.
[[nodiscard]] std::optional<std::string> remembered_hash(const std::filesystem::path& file, const FileStamp& stamp);

/// Replaces what was remembered for that path. A cache folder that cannot be written is no failure: the hash is
/// computed again next time.
void remember_hash(const std::filesystem::path& file, const FileStamp& stamp, const std::string& hash);

} // namespace graticule
