#include <cstring>
#include <string_view>

#include "core/base/error.h"
#include "core/io/safetensors.h"
#include "core/io/safetensors_header.h"

namespace graticule {
namespace {

std::uint64_t checked_header_bytes(std::span<const std::byte> bytes, const std::filesystem::path& path) {
    const auto fail = [&](const std::string& what) { throw Error(ErrorKind::bad_input, path.string() + ": " + what); };
    if (bytes.size() < 8)
        fail("not a safetensors file: " + std::to_string(bytes.size()) + " bytes, the header length alone takes 8");
    std::uint64_t length = 0;
    std::memcpy(&length, bytes.data(), sizeof length);
    if (length > max_safetensors_header_bytes)
        fail("a header of " + std::to_string(length) + " bytes; at most " +
             std::to_string(max_safetensors_header_bytes) +
             " are read. It is no safetensors file, or one to be split into shards");
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
    const std::shared_ptr<SafetensorsFile> file(new SafetensorsFile);
    file->path_ = name;
    file->owner_ = std::move(owner);
    file->data_ = bytes.subspan(8 + header_bytes);
    SafetensorsHeader header = read_safetensors_header(text, name, file->data_.size());
    file->entries_ = std::move(header.entries);
    file->index_ = std::move(header.index);
    file->metadata_ = std::move(header.metadata);
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
