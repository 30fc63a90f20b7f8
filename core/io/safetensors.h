// The safetensors container: 8 bytes of header length, a JSON header, then the tensors' bytes without holes.
//
//     auto file = SafetensorsFile::open("model.safetensors");      // checks the whole header, reads no tensor
//     HostTensor weight = file->tensor("lm_head.weight");
//
//     SafetensorsWriter writer(path, {{"a", DType::i32, {4, 2}}, {"b", DType::bf16, {4}}});
//     writer.write("a", codes);  writer.write("b", scales);        // any order, whole or in pieces
//     writer.finish();
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/io/declared_tensors.h"
#include "core/io/mapped_file.h"
#include "core/io/output_file.h"
#include "core/tensor/host_tensor.h"

namespace graticule {

struct SafetensorsEntry {
    std::string name;
    std::string dtype_name;     ///< as in the header
    std::optional<DType> dtype; ///< empty: valid in the format, but nothing here can hold it (F4, F8_E8M0, ...)
    Shape shape;
    std::uint64_t begin = 0; ///< relative to the data, as in the header
    std::uint64_t end = 0;
};

class SafetensorsFile {
public:
    /// Throws Error{bad_input} naming the file, the tensor and the value for anything the format does not allow:
    /// duplicate names, holes, overlaps, bytes beyond the last tensor, sizes that do not match shapes.
    [[nodiscard]] static std::shared_ptr<const SafetensorsFile> open(const std::filesystem::path& path);
    /// The same on bytes already in memory, which `owner` keeps alive; `name` stands for the path in messages.
    [[nodiscard]] static std::shared_ptr<const SafetensorsFile>
    from_bytes(std::span<const std::byte> bytes, std::shared_ptr<const void> owner, const std::filesystem::path& name);

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }
    [[nodiscard]] const std::vector<SafetensorsEntry>& entries() const { return entries_; } ///< in file order
    [[nodiscard]] const std::map<std::string, std::string>& metadata() const { return metadata_; }
    [[nodiscard]] bool contains(const std::string& name) const { return index_.contains(name); }
    [[nodiscard]] HostTensor tensor(const std::string& name) const;

private:
    SafetensorsFile() = default;

    std::filesystem::path path_;
    std::shared_ptr<const void> owner_;
    std::span<const std::byte> data_;
    std::vector<SafetensorsEntry> entries_;
    std::unordered_map<std::string, std::size_t> index_;
    std::map<std::string, std::string> metadata_;
};

struct SafetensorsSpec {
    std::string name;
    DType dtype = DType::f32;
    Shape shape;
};

/// Streams: holds the header and nothing of the tensors. The file appears under its name at finish(), complete, or not
/// at all.
class SafetensorsWriter {
public:
    SafetensorsWriter(const std::filesystem::path& path, std::vector<SafetensorsSpec> specs,
                      const std::map<std::string, std::string>& metadata = {{"format", "pt"}});

    void write(const std::string& name, std::span<const std::byte> next_bytes); ///< appends to that tensor
    void write(const std::string& name, const HostTensor& whole); ///< dtype and shape must be the declared ones
    /// In place of what the constructor got: for values that are only known at the end, of which the length is known
    /// before. Not for a pipe.
    void set_metadata(const std::map<std::string, std::string>& metadata);
    void finish(); ///< throws Error{internal} if a declared tensor is not complete

    [[nodiscard]] std::uint64_t file_bytes() const { return file_bytes_; }

private:
    [[nodiscard]] std::string header(const std::map<std::string, std::string>& metadata) const;

    std::filesystem::path path_;
    std::unordered_map<std::string, SafetensorsSpec> specs_;
    DeclaredTensors tensors_; ///< counted from the data's begin, as in the header
    std::uint64_t data_begin_ = 0, file_bytes_ = 0;
    std::optional<OutputFile> file_;
};

/// Bytes that `specs` and their header will take, for planning shards and disk space.
[[nodiscard]] std::uint64_t tensor_bytes(const SafetensorsSpec& spec);

} // namespace graticule
