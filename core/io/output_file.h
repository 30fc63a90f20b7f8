// Files that are complete or not there at all: written beside their place under another name, flushed to the disk, then
// renamed. A link is followed; a device or a pipe is written through, front to back. A job waits for a pipe's reader, as
// cp does, until it is cancelled; where there is no job a pipe that nobody reads is refused.
//
//     OutputFile file(path, total_bytes);     // refuses at once when the disk cannot hold it
//     file.write_at(0, header);
//     file.commit();                          // without it the destructor removes what was written
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string_view>

#include "core/io/aside.h"

namespace graticule {

/// Whether mapped files went into what is written: then it is not kept if one of them was cut short. Not so what people
/// made and what was checked when it was computed: to lose that with the file would be too much.
enum class Origin { mapped_files, checked_before };

class OutputFile {
public:
    /// Throws Error{bad_input} naming the file, the bytes needed and the free space when `expected_bytes` do not fit.
    explicit OutputFile(const std::filesystem::path& path, std::uint64_t expected_bytes = 0);
    ~OutputFile();
    OutputFile(const OutputFile&) = delete;
    OutputFile& operator=(const OutputFile&) = delete;

    void write_at(std::uint64_t offset, std::span<const std::byte> bytes);
    void append(std::span<const std::byte> bytes);
    void commit(Origin origin = Origin::mapped_files); ///< flush, rename into place, flush the folder

private:
    void open_through();
    [[nodiscard]] int write_through(std::span<const std::byte> bytes);
    [[noreturn]] void fail(const char* doing, int code) const;

    std::filesystem::path path_;
    std::optional<Aside> aside_; ///< empty: written through
    std::uint64_t expected_bytes_ = 0;
    std::uint64_t end_ = 0;
    Descriptor through_; ///< a device or a pipe
};

/// How the writer of a file goes through it: `any` cannot go through a pipe.
enum class WritingOrder { front_to_back, any };

/// Throws what writing `path` would throw at once, before the work whose result it is for; leaves nothing.
void check_output_file(const std::filesystem::path& path, WritingOrder order = WritingOrder::front_to_back);

void atomic_write_file(const std::filesystem::path& path, std::span<const std::byte> bytes);
void atomic_write_file(const std::filesystem::path& path, std::string_view text, Origin origin = Origin::mapped_files);

} // namespace graticule
