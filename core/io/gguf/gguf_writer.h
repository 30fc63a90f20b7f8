// Writes GGUF version 3 (formats.md section 9.1): metadata, tensor descriptions, aligned tensor data.
//
//     GgufEntries entries;
//     entries.text("general.architecture", "llama");
//     GgufWriter writer(path, entries, {{"token_embd.weight", DType::f16, {32000, 4096}}});
//     writer.write("token_embd.weight", bytes);      // any order, whole or in pieces
//     writer.finish();
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/io/declared_tensors.h"
#include "core/io/gguf/gguf_file.h"
#include "core/io/output_file.h"

namespace graticule {

/// Metadata in the order of the calls. A key may be set once.
class GgufEntries {
public:
    void u32(const std::string& key, std::uint32_t value);
    void f32(const std::string& key, float value);
    void flag(const std::string& key, bool value);
    void text(const std::string& key, std::string_view value);
    void texts(const std::string& key, const std::vector<std::string>& values);
    void reals(const std::string& key, const std::vector<float>& values);
    void integers(const std::string& key, const std::vector<std::int32_t>& values);
    /// As another file has it.
    void copy(const std::string& key, const GgufMetadata& from);
    void append(const GgufEntries& others);

    [[nodiscard]] const std::string& bytes() const { return bytes_; }
    [[nodiscard]] std::uint64_t count() const { return count_; }

private:
    void begin(const std::string& key, GgufKind kind);
    void begin_array(const std::string& key, GgufKind element, std::size_t count);

    std::string bytes_;
    std::uint64_t count_ = 0;
};

struct GgufSpec {
    std::string name;
    DType dtype = DType::f32;
    Shape shape; ///< rows first, as everywhere in this program
};

/// Bytes of the tensor; its rows are whole blocks of its type.
[[nodiscard]] std::uint64_t tensor_bytes(const GgufSpec& spec);

/// Everything before the data of the first tensor, padded to where that begins.
[[nodiscard]] std::string gguf_header(const GgufEntries& entries, std::span<const GgufSpec> specs);

/// Streams: holds nothing of the tensors. The file appears under its name at finish(), complete, or not at all.
class GgufWriter {
public:
    /// Throws Error{unsupported} naming a tensor whose name or type the format has no room for.
    GgufWriter(const std::filesystem::path& path, const GgufEntries& entries, const std::vector<GgufSpec>& specs);

    void write(const std::string& name, std::span<const std::byte> next_bytes); ///< appends to that tensor
    void write_at(const std::string& name, std::uint64_t offset, std::span<const std::byte> bytes); ///< no byte twice
    /// What was not known when the file was begun: metadata of as many bytes, and the same tensors with other types
    /// behind the last one that anything was written of.
    void redeclare(const GgufEntries& entries, const std::vector<GgufSpec>& specs);
    void finish(); ///< throws Error{internal} if a declared tensor is not complete

private:
    /// Where they lie behind a header of that many bytes.
    [[nodiscard]] std::uint64_t declare(const std::vector<GgufSpec>& specs);
    void pad(const std::string& name);

    DeclaredTensors tensors_; ///< counted from the file's begin
    std::uint64_t header_bytes_ = 0;
    std::optional<OutputFile> file_;
};

} // namespace graticule
