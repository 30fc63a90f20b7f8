// A whole file mapped read-only into memory. Pages are read when they are looked at, so opening a large checkpoint
// costs nothing.
//
//     auto file = MappedFile::open(path);           // throws Error{bad_input} naming the path and the system's reason
//     HostTensor view{dtype, shape, file, file->bytes().subspan(begin, length)};   // keeps the mapping alive
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>

#include "core/base/mapping_guard.h"
#include "core/io/descriptor.h"

namespace graticule {

class MappedFile {
public:
    [[nodiscard]] static std::shared_ptr<const MappedFile> open(const std::filesystem::path& path);
    ~MappedFile();
    MappedFile(const MappedFile&) = delete;
    MappedFile& operator=(const MappedFile&) = delete;

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }
    [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }
    /// Throws Error{bad_input} naming the file if it has lost bytes since it was opened (core/base/mapping_guard.h).
    void verify() const {
        if (guard_) guard_->verify();
    }

private:
    MappedFile(std::filesystem::path path, std::span<const std::byte> bytes, Descriptor file);

    std::filesystem::path path_;
    std::span<const std::byte> bytes_;
    Descriptor file_;
    std::optional<MappingGuard> guard_; ///< empty for an empty file
};

} // namespace graticule
