#include <algorithm>
#include <array>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string_view>

#include "core/base/error.h"
#include "core/io/json_file.h"
#include "core/io/safetensors.h"

namespace graticule {
namespace {

using nlohmann::json;

constexpr std::uint64_t max_header_bytes = 100'000'000; // what the reference reader takes
constexpr std::size_t max_tensors = 1'000'000;
constexpr std::size_t max_name_bytes = 512;
constexpr std::size_t max_dimensions = 8;
constexpr int max_depth = 128;

struct FormatType {
    std::string_view name;
    std::uint64_t bits;
};

// Every element type of the format: a file with one we cannot hold is still valid, only that tensor cannot be read.
constexpr auto format_types = std::to_array<FormatType>({
    {"BOOL", 8},    {"U8", 8},      {"I8", 8},      {"U16", 16},        {"I16", 16},    {"F16", 16},
    {"BF16", 16},   {"U32", 32},    {"I32", 32},    {"F32", 32},        {"U64", 64},    {"I64", 64},
    {"F64", 64},    {"C64", 64},    {"F8_E4M3", 8}, {"F8_E5M2", 8},     {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8},
    {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"F4", 4},      {"F8_E5M2FNUZ", 8},
});

std::optional<std::uint64_t> bits_of(std::string_view dtype_name) {
    for (const FormatType& type : format_types)
        if (type.name == dtype_name) return type.bits;
    return std::nullopt;
}

/// Reads one header; every message starts with the file and, where there is one, the tensor.
class HeaderParser {
public:
    HeaderParser(const std::filesystem::path& path, std::uint64_t data_bytes)
        : path_(path)
        , data_bytes_(data_bytes) {}

    std::vector<SafetensorsEntry> entries(const json& header) const {
        if (header.size() > max_tensors + 1)
            fail(std::to_string(header.size()) + " tensors; at most " + std::to_string(max_tensors) + " are read");
        std::vector<SafetensorsEntry> all;
        all.reserve(header.size());
        for (const auto& [name, value] : header.items())
            if (name != "__metadata__") all.push_back(entry(name, value));
        std::sort(all.begin(), all.end(), [](const SafetensorsEntry& a, const SafetensorsEntry& b) {
            return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
        });
        check_contiguous(all);
        return all;
    }

    std::map<std::string, std::string> metadata(const json& header) const {
        std::map<std::string, std::string> all;
        const auto found = header.find("__metadata__");
        if (found == header.end() || found->is_null()) return all;
        if (!found->is_object()) fail("__metadata__ is not an object");
        for (const auto& [key, value] : found->items()) {
            if (!value.is_string()) fail("__metadata__: the value of \"" + key + "\" is not a string");
            all.emplace(key, value.get<std::string>());
        }
        return all;
    }

    [[noreturn]] void fail(const std::string& what) const {
        throw Error(ErrorKind::bad_input, path_.string() + ": " + what);
    }

private:
    SafetensorsEntry entry(const std::string& name, const json& value) const {
        if (name.size() > max_name_bytes)
            fail("a tensor name of " + std::to_string(name.size()) + " bytes; at most " +
                 std::to_string(max_name_bytes) + " are read");
        const std::string where = "tensor \"" + name + "\": ";
        if (!value.is_object()) fail(where + "its entry is not an object");
        SafetensorsEntry entry;
        entry.name = name;
        const json& dtype = member(value, "dtype", where);
        if (!dtype.is_string()) fail(where + "dtype is not a string");
        entry.dtype_name = dtype.get<std::string>();
        const auto bits = bits_of(entry.dtype_name);
        if (!bits) fail(where + "unknown dtype \"" + entry.dtype_name + "\"");
        entry.dtype = dtype_from_safetensors(entry.dtype_name);

        const json& offsets = member(value, "data_offsets", where);
        if (!offsets.is_array() || offsets.size() != 2) fail(where + "data_offsets is not a pair");
        entry.begin = unsigned_value(offsets[0], where + "data_offsets");
        entry.end = unsigned_value(offsets[1], where + "data_offsets");
        if (entry.end < entry.begin || entry.end > data_bytes_)
            fail(where + "data_offsets [" + std::to_string(entry.begin) + ", " + std::to_string(entry.end) +
                 "] do not lie in the " + std::to_string(data_bytes_) +
                 " bytes of data; the file is truncated or damaged");
        const std::uint64_t needed = bytes_of_shape(member(value, "shape", where), *bits, entry, where);
        if (needed != entry.end - entry.begin)
            fail(where + entry.dtype_name + " " + to_text(entry.shape) + " takes " + std::to_string(needed) +
                 " bytes, but " + std::to_string(entry.end - entry.begin) + " are given to it");
        return entry;
    }

    std::uint64_t bytes_of_shape(const json& shape, std::uint64_t bits, SafetensorsEntry& entry,
                                 const std::string& where) const {
        if (!shape.is_array()) fail(where + "shape is not an array");
        if (shape.size() > max_dimensions)
            fail(where + std::to_string(shape.size()) + " dimensions; at most " + std::to_string(max_dimensions) +
                 " are read");
        std::uint64_t total = 1;
        for (const json& extent_value : shape) { // left to right, as the reference multiplies: a zero ends the overflow
            const std::uint64_t extent = unsigned_value(extent_value, where + "shape");
            if (extent > static_cast<std::uint64_t>(INT64_MAX)) fail(where + "shape " + shape.dump() + " overflows");
            if (__builtin_mul_overflow(total, extent, &total)) fail(where + "shape " + shape.dump() + " overflows");
            entry.shape.push_back(static_cast<std::int64_t>(extent));
        }
        if (__builtin_mul_overflow(total, bits, &total)) fail(where + "shape " + shape.dump() + " overflows");
        if (total % 8 != 0) fail(where + "its " + std::to_string(total) + " bits are not whole bytes");
        return total / 8;
    }

    const json& member(const json& object, const char* key, const std::string& where) const {
        const auto found = object.find(key);
        if (found == object.end()) fail(where + "no " + key);
        return *found;
    }

    std::uint64_t unsigned_value(const json& value, const std::string& where) const {
        if (!value.is_number_unsigned()) fail(where + ": " + value.dump() + " is not a whole number from 0 up");
        return value.get<std::uint64_t>();
    }

    void check_contiguous(const std::vector<SafetensorsEntry>& sorted) const {
        std::uint64_t expected = 0;
        for (const SafetensorsEntry& entry : sorted) {
            if (entry.begin != expected)
                fail("tensor \"" + entry.name + "\" starts at byte " + std::to_string(entry.begin) + " of the data, " +
                     (entry.begin < expected ? "inside the tensor before it, which ends at "
                                             : "after a hole that starts at ") +
                     std::to_string(expected));
            expected = entry.end;
        }
        if (expected != data_bytes_)
            fail("the tensors end at byte " + std::to_string(expected) + " of the data, but the file goes on to " +
                 std::to_string(data_bytes_));
    }

    const std::filesystem::path& path_;
    const std::uint64_t data_bytes_;
};

std::uint64_t checked_header_bytes(std::span<const std::byte> bytes, const std::filesystem::path& path) {
    const auto fail = [&](const std::string& what) { throw Error(ErrorKind::bad_input, path.string() + ": " + what); };
    if (bytes.size() < 8)
        fail("not a safetensors file: " + std::to_string(bytes.size()) + " bytes, the header length alone takes 8");
    std::uint64_t length = 0;
    std::memcpy(&length, bytes.data(), sizeof length);
    if (length > max_header_bytes)
        fail("not a safetensors file: a header of " + std::to_string(length) + " bytes; at most " +
             std::to_string(max_header_bytes) + " are read");
    if (length > bytes.size() - 8)
        fail("a header of " + std::to_string(length) + " bytes in a file of " + std::to_string(bytes.size()) +
             "; the file is truncated or damaged");
    return length;
}

} // namespace

std::shared_ptr<const SafetensorsFile> SafetensorsFile::open(const std::filesystem::path& path) {
    const auto file = MappedFile::open(path);
    return from_bytes(file->bytes(), file, path);
}

std::shared_ptr<const SafetensorsFile> SafetensorsFile::from_bytes(std::span<const std::byte> bytes,
                                                                   std::shared_ptr<const void> owner,
                                                                   const std::filesystem::path& name) {
    const std::uint64_t header_bytes = checked_header_bytes(bytes, name);
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()) + 8, header_bytes);
    const json header = parse_json(text, name.string() + ": header", {max_header_bytes, max_depth});
    const std::shared_ptr<SafetensorsFile> file(new SafetensorsFile);
    file->path_ = name;
    file->owner_ = std::move(owner);
    file->data_ = bytes.subspan(8 + header_bytes);
    const HeaderParser parser(file->path_, file->data_.size());
    if (!header.is_object()) parser.fail("the header is not a JSON object");
    file->metadata_ = parser.metadata(header);
    file->entries_ = parser.entries(header);
    file->index_.reserve(file->entries_.size());
    for (std::size_t i = 0; i < file->entries_.size(); ++i) file->index_.emplace(file->entries_[i].name, i);
    return file;
}

HostTensor SafetensorsFile::tensor(const std::string& name) const {
    const auto found = index_.find(name);
    if (found == index_.end()) throw Error(ErrorKind::bad_input, path_.string() + " has no tensor \"" + name + "\"");
    const SafetensorsEntry& entry = entries_[found->second];
    if (!entry.dtype)
        throw Error(ErrorKind::unsupported, path_.string() + ": tensor \"" + name + "\" has elements of type " +
                                                entry.dtype_name +
                                                ", which this program does not read; convert it to BF16, F16 or F32");
    return {*entry.dtype, entry.shape, owner_, data_.subspan(entry.begin, entry.end - entry.begin)};
}

} // namespace graticule
