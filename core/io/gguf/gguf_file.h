// The GGUF container, versions 2 and 3: metadata, tensor descriptions, aligned tensor data. Everything is checked
// against the file's size before it is used; nothing is copied, and no tensor is looked at.
//
//     auto file = GgufFile::open("model.gguf");
//     std::string architecture = file->metadata().text("general.architecture").value();
//     HostTensor weight = file->tensor("blk.0.attn_q.weight");     // in the file's own order of rows
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/tensor/host_tensor.h"

namespace graticule {

enum class GgufKind : std::int32_t { u8, i8, u16, i16, u32, i32, f32, boolean, text, array, u64, i64, f64 };

struct GgufKindRow {
    std::string_view name;
    std::uint8_t size; ///< bytes of one value; 0: texts and arrays say themselves
    bool integer;
};

/// By kind, in the file's numbering.
inline constexpr std::array<GgufKindRow, 13> gguf_kinds = {{{"u8", 1, true},
                                                            {"i8", 1, true},
                                                            {"u16", 2, true},
                                                            {"i16", 2, true},
                                                            {"u32", 4, true},
                                                            {"i32", 4, true},
                                                            {"f32", 4, false},
                                                            {"bool", 1, false},
                                                            {"string", 0, false},
                                                            {"array", 0, false},
                                                            {"u64", 8, true},
                                                            {"i64", 8, true},
                                                            {"f64", 8, false}}};

[[nodiscard]] constexpr const GgufKindRow& row_of(GgufKind kind) { return gguf_kinds[static_cast<std::size_t>(kind)]; }

/// Metadata by key. A key that is not there gives nothing; a value of another kind than asked for throws
/// Error{bad_input} naming the file, the key and both kinds.
class GgufMetadata {
public:
    [[nodiscard]] bool contains(const std::string& key) const { return values_.contains(key); }
    [[nodiscard]] std::vector<std::string> keys() const;           ///< sorted
    [[nodiscard]] std::string shown(const std::string& key) const; ///< the value for a message, cut short
    [[nodiscard]] std::optional<std::uint64_t> whole(const std::string& key) const; ///< any integer kind, not negative
    [[nodiscard]] std::optional<double> real(const std::string& key) const;         ///< f32, f64 or an integer
    [[nodiscard]] std::optional<bool> flag(const std::string& key) const;
    [[nodiscard]] std::optional<std::string> text(const std::string& key) const; ///< valid UTF-8
    /// Arrays of exactly these element kinds, as the format's own readers demand.
    [[nodiscard]] std::optional<std::vector<std::string>> texts(const std::string& key) const;
    [[nodiscard]] std::optional<std::vector<float>> reals(const std::string& key) const;
    [[nodiscard]] std::optional<std::vector<std::int64_t>>
    wholes(const std::string& key) const; ///< any integer kind, or one value
    [[nodiscard]] std::optional<std::uint64_t> array_size(const std::string& key) const;

    /// A value as it lies in the file.
    struct Stored {
        GgufKind kind = GgufKind::u8;
        GgufKind element = GgufKind::u8;  ///< arrays
        std::uint64_t count = 1;          ///< arrays
        std::span<const std::byte> bytes; ///< of the value or of all elements; texts with their lengths
    };
    [[nodiscard]] std::optional<Stored> stored(const std::string& key) const;

private:
    friend class GgufParser;
    using Value = Stored;
    [[nodiscard]] const Value* find(const std::string& key) const;
    [[noreturn]] void wrong_kind(const std::string& key, const Value& value, std::string_view wanted) const;
    [[nodiscard]] std::optional<std::uint64_t> integer(GgufKind kind, const std::byte* at) const;

    std::string file_;
    std::unordered_map<std::string, Value> values_;
};

struct GgufTensor {
    std::string name;
    DType dtype = DType::f32;
    Shape shape; ///< rows first, as everywhere in this program: the file's order reversed
    std::span<const std::byte> bytes;
};

class GgufFile {
public:
    /// Throws Error{bad_input} for anything damaged, Error{unsupported} for a version or a tensor type that is not
    /// read.
    [[nodiscard]] static std::shared_ptr<const GgufFile> open(const std::filesystem::path& path);
    [[nodiscard]] static std::shared_ptr<const GgufFile>
    from_bytes(std::span<const std::byte> bytes, std::shared_ptr<const void> owner, const std::filesystem::path& name);

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }
    [[nodiscard]] std::uint32_t version() const { return version_; }
    [[nodiscard]] const GgufMetadata& metadata() const { return metadata_; }
    [[nodiscard]] const std::vector<GgufTensor>& tensors() const { return tensors_; } ///< in file order
    [[nodiscard]] const GgufTensor* find(const std::string& name) const;
    [[nodiscard]] HostTensor tensor(const GgufTensor& tensor) const {
        return {tensor.dtype, tensor.shape, owner_, tensor.bytes};
    }

private:
    friend class GgufParser;
    GgufFile() = default;

    std::filesystem::path path_;
    std::shared_ptr<const void> owner_;
    std::uint32_t version_ = 0;
    GgufMetadata metadata_;
    std::vector<GgufTensor> tensors_;
    std::unordered_map<std::string, std::size_t> index_;
};

} // namespace graticule
