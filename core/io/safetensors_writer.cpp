#include <algorithm>
#include <nlohmann/json.hpp>
#include <tuple>

#include "core/base/error.h"
#include "core/io/safetensors.h"

namespace graticule {
namespace {

using nlohmann::json;

// The reference reader takes 100,000,000; the hub's own header parser gives up above this.
constexpr std::size_t max_header_bytes = 25'000'000;

} // namespace

std::uint64_t tensor_bytes(const SafetensorsSpec& spec) {
    const DTypeRow& row = row_of(spec.dtype);
    if (row.safetensors_name.empty())
        throw Error(ErrorKind::unsupported,
                    "tensor \"" + spec.name + "\": a safetensors file cannot hold " + std::string(row.name));
    std::uint64_t bytes = static_cast<std::uint64_t>(row.block_bytes);
    for (const std::int64_t extent : spec.shape) {
        GRATICULE_ASSERT(extent >= 0, "a negative extent");
        GRATICULE_ASSERT(!__builtin_mul_overflow(bytes, static_cast<std::uint64_t>(extent), &bytes),
                         "a shape that overflows");
    }
    return bytes;
}

SafetensorsWriter::SafetensorsWriter(const std::filesystem::path& path, std::vector<SafetensorsSpec> specs,
                                     const std::map<std::string, std::string>& metadata)
    : path_(path) {
    // Widest elements first keeps every tensor aligned to its element; then by name, so that the same tensors give the
    // same file.
    std::sort(specs.begin(), specs.end(), [](const SafetensorsSpec& a, const SafetensorsSpec& b) {
        const auto key = [](const SafetensorsSpec& spec) {
            return std::tuple<int, DType, const std::string&>(-row_of(spec.dtype).block_bytes, spec.dtype, spec.name);
        };
        return key(a) < key(b);
    });
    std::uint64_t offset = 0;
    for (const SafetensorsSpec& spec : specs) {
        const std::uint64_t bytes = tensor_bytes(spec);
        tensors_.add(spec.name, offset, bytes);
        specs_.emplace(spec.name, spec);
        offset += bytes;
    }
    const std::string text = header(metadata);
    data_begin_ = text.size();
    file_bytes_ = data_begin_ + offset;
    file_.emplace(path, file_bytes_);
    file_->write_at(0, std::as_bytes(std::span(text)));
}

/// With the eight bytes of its length in front.
std::string SafetensorsWriter::header(const std::map<std::string, std::string>& metadata) const {
    json values = json::object();
    if (!metadata.empty()) values["__metadata__"] = metadata;
    for (const auto& [name, spec] : specs_) {
        const DeclaredTensors::Place& place = tensors_.at(name);
        values[name] = {{"dtype", row_of(spec.dtype).safetensors_name},
                        {"shape", spec.shape},
                        {"data_offsets", {place.begin, place.begin + place.bytes}}};
    }
    std::string text = values.dump();
    text.append((8 - text.size() % 8) % 8, ' '); // the data starts aligned
    if (text.size() > max_header_bytes)
        throw Error(ErrorKind::unsupported, path_.string() + ": a header of " + std::to_string(text.size()) +
                                                " bytes, more than the " + std::to_string(max_header_bytes) +
                                                " that clients read; write more shards");
    std::string length;
    for (int byte = 0; byte < 8; ++byte) length += static_cast<char>((text.size() >> (8 * byte)) & 0xff);
    return length + text;
}

void SafetensorsWriter::set_metadata(const std::map<std::string, std::string>& metadata) {
    const std::string text = header(metadata);
    GRATICULE_ASSERT(text.size() == data_begin_, "metadata of another length than was announced");
    file_->write_at(0, std::as_bytes(std::span(text)));
}

void SafetensorsWriter::write(const std::string& name, std::span<const std::byte> next_bytes) {
    file_->write_at(data_begin_ + tensors_.place_for(name, next_bytes.size()), next_bytes);
}

void SafetensorsWriter::write(const std::string& name, const HostTensor& whole) {
    const auto declared = specs_.find(name);
    GRATICULE_ASSERT(declared != specs_.end() && declared->second.dtype == whole.dtype &&
                         declared->second.shape == whole.shape,
                     "a tensor of another type or shape than was declared to the safetensors writer");
    write(name, whole.bytes);
}

void SafetensorsWriter::finish() {
    tensors_.require_complete();
    file_->commit();
}

} // namespace graticule
