#include "core/io/gguf/gguf_writer.h"

#include <cstring>
#include <utility>

#include "core/base/error.h"

namespace graticule {
namespace {

constexpr std::uint64_t alignment = 32; // what goes without saying in the metadata
constexpr std::size_t most_name_bytes = 63;

template <class T>
void put(std::string& bytes, T value) {
    char raw[sizeof value];
    std::memcpy(raw, &value, sizeof value);
    bytes.append(raw, sizeof value);
}

void put_text(std::string& bytes, std::string_view text) {
    put(bytes, std::uint64_t{text.size()});
    bytes.append(text);
}

std::uint64_t aligned(std::uint64_t bytes) { return (bytes + alignment - 1) / alignment * alignment; }

} // namespace

void GgufEntries::begin(const std::string& key, GgufKind kind) {
    put_text(bytes_, key);
    put(bytes_, static_cast<std::int32_t>(kind));
    ++count_;
}

void GgufEntries::begin_array(const std::string& key, GgufKind element, std::size_t count) {
    begin(key, GgufKind::array);
    put(bytes_, static_cast<std::int32_t>(element));
    put(bytes_, std::uint64_t{count});
}

void GgufEntries::u32(const std::string& key, std::uint32_t value) {
    begin(key, GgufKind::u32);
    put(bytes_, value);
}

void GgufEntries::f32(const std::string& key, float value) {
    begin(key, GgufKind::f32);
    put(bytes_, value);
}

void GgufEntries::flag(const std::string& key, bool value) {
    begin(key, GgufKind::boolean);
    put(bytes_, static_cast<std::uint8_t>(value));
}

void GgufEntries::text(const std::string& key, std::string_view value) {
    begin(key, GgufKind::text);
    put_text(bytes_, value);
}

void GgufEntries::texts(const std::string& key, const std::vector<std::string>& values) {
    begin_array(key, GgufKind::text, values.size());
    for (const std::string& value : values) put_text(bytes_, value);
}

void GgufEntries::reals(const std::string& key, const std::vector<float>& values) {
    begin_array(key, GgufKind::f32, values.size());
    for (const float value : values) put(bytes_, value);
}

void GgufEntries::integers(const std::string& key, const std::vector<std::int32_t>& values) {
    begin_array(key, GgufKind::i32, values.size());
    for (const std::int32_t value : values) put(bytes_, value);
}

void GgufEntries::copy(const std::string& key, const GgufMetadata& from) {
    const std::optional<GgufMetadata::Stored> value = from.stored(key);
    GRATICULE_ASSERT(value.has_value(), "a key that is there");
    if (value->kind == GgufKind::array)
        begin_array(key, value->element, value->count);
    else
        begin(key, value->kind);
    bytes_.append(reinterpret_cast<const char*>(value->bytes.data()), value->bytes.size());
}

void GgufEntries::append(const GgufEntries& others) {
    bytes_ += others.bytes_;
    count_ += others.count_;
}

std::uint64_t tensor_bytes(const GgufSpec& spec) {
    const DTypeRow& row = row_of(spec.dtype);
    if (row.gguf_id < 0)
        throw Error(ErrorKind::unsupported,
                    "tensor \"" + spec.name + "\": a GGUF file cannot hold " + std::string(row.name));
    GRATICULE_ASSERT(!spec.shape.empty() && spec.shape.back() % row.block_elements == 0, "rows of whole blocks");
    std::uint64_t bytes = static_cast<std::uint64_t>(row.block_bytes);
    for (std::size_t i = 0; i < spec.shape.size(); ++i) {
        std::int64_t extent = spec.shape[i];
        GRATICULE_ASSERT(extent > 0, "an extent above 0");
        if (i + 1 == spec.shape.size()) extent /= row.block_elements;
        GRATICULE_ASSERT(!__builtin_mul_overflow(bytes, static_cast<std::uint64_t>(extent), &bytes),
                         "a shape that overflows");
    }
    return bytes;
}

std::string gguf_header(const GgufEntries& entries, std::span<const GgufSpec> specs) {
    std::string header = "GGUF";
    put(header, std::uint32_t{3});
    put(header, std::uint64_t{specs.size()});
    put(header, entries.count());
    header += entries.bytes();
    std::uint64_t offset = 0;
    for (const GgufSpec& spec : specs) {
        if (spec.name.size() > most_name_bytes)
            throw Error(ErrorKind::unsupported, "tensor \"" + spec.name + "\": GGUF has room for names of " +
                                                    std::to_string(most_name_bytes) + " bytes");
        put_text(header, spec.name);
        put(header, static_cast<std::uint32_t>(spec.shape.size()));
        for (auto extent = spec.shape.rbegin(); extent != spec.shape.rend(); ++extent)
            put(header, static_cast<std::uint64_t>(*extent));
        put(header, row_of(spec.dtype).gguf_id);
        put(header, offset);
        offset += aligned(tensor_bytes(spec));
    }
    header.resize(aligned(header.size()));
    return header;
}

GgufWriter::GgufWriter(const std::filesystem::path& path, const GgufEntries& entries,
                       const std::vector<GgufSpec>& specs) {
    const std::string header = gguf_header(entries, specs);
    header_bytes_ = header.size();
    file_.emplace(path, declare(specs));
    file_->write_at(0, std::as_bytes(std::span(header)));
}

std::uint64_t GgufWriter::declare(const std::vector<GgufSpec>& specs) {
    const DeclaredTensors before = std::exchange(tensors_, {});
    std::uint64_t end = header_bytes_;
    for (const GgufSpec& spec : specs) {
        const std::uint64_t bytes = tensor_bytes(spec);
        tensors_.add(spec.name, end, bytes);
        if (const std::uint64_t written = before.written(spec.name); written > 0) {
            GRATICULE_ASSERT(before.at(spec.name).begin == end && before.at(spec.name).bytes == bytes,
                             "a tensor that is written already stays where it is");
            static_cast<void>(tensors_.place_at(spec.name, 0, written));
        }
        end += aligned(bytes);
    }
    return end;
}

void GgufWriter::redeclare(const GgufEntries& entries, const std::vector<GgufSpec>& specs) {
    const std::string header = gguf_header(entries, specs);
    GRATICULE_ASSERT(header.size() == header_bytes_, "a header of as many bytes");
    static_cast<void>(declare(specs));
    file_->write_at(0, std::as_bytes(std::span(header)));
}

void GgufWriter::write(const std::string& name, std::span<const std::byte> next_bytes) {
    file_->write_at(tensors_.place_for(name, next_bytes.size()), next_bytes);
    pad(name);
}

void GgufWriter::write_at(const std::string& name, std::uint64_t offset, std::span<const std::byte> bytes) {
    file_->write_at(tensors_.place_at(name, offset, bytes.size()), bytes);
    pad(name);
}

void GgufWriter::pad(const std::string& name) {
    const DeclaredTensors::Place& place = tensors_.at(name);
    if (place.written < place.bytes) return;
    const std::vector<std::byte> padding(aligned(place.bytes) - place.bytes);
    file_->write_at(place.begin + place.bytes, padding);
}

void GgufWriter::finish() {
    tensors_.require_complete();
    file_->commit();
}

} // namespace graticule
