// Writes GGUF files byte by byte, right or wrong as a test wants them.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

namespace graticule::testing {

class GgufMaker {
public:
    template <class T>
    static std::string raw(T value) {
        std::string bytes(sizeof value, '\0');
        std::memcpy(bytes.data(), &value, sizeof value);
        return bytes;
    }
    static std::string text(const std::string& value) { return raw(std::uint64_t{value.size()}) + value; }

    std::uint32_t version = 3;
    std::uint64_t alignment = 32;

    GgufMaker& entry(const std::string& key, std::int32_t kind, const std::string& bytes) {
        entries_ += text(key) + raw(kind) + bytes;
        ++entry_count_;
        return *this;
    }
    GgufMaker& u32(const std::string& key, std::uint32_t value) { return entry(key, 4, raw(value)); }
    GgufMaker& f32(const std::string& key, float value) { return entry(key, 6, raw(value)); }
    GgufMaker& flag(const std::string& key, bool value) { return entry(key, 7, std::string(1, value ? '\1' : '\0')); }
    GgufMaker& string(const std::string& key, const std::string& value) { return entry(key, 8, text(value)); }
    GgufMaker& strings(const std::string& key, const std::vector<std::string>& values) {
        std::string bytes = raw(std::int32_t{8}) + raw(std::uint64_t{values.size()});
        for (const auto& value : values) bytes += text(value);
        return entry(key, 9, bytes);
    }
    template <class T>
    GgufMaker& array(const std::string& key, std::int32_t kind, const std::vector<T>& values) {
        std::string bytes = raw(kind) + raw(std::uint64_t{values.size()});
        for (const T value : values) bytes += raw(value);
        return entry(key, 9, bytes);
    }

    /// `extents`: innermost first, as the file has them. The offset is the right one unless `offset` says otherwise.
    GgufMaker& tensor(const std::string& name, const std::vector<std::uint64_t>& extents, std::int32_t type,
                      const std::string& bytes, std::int64_t offset = -1) {
        tensors_ += text(name) + raw(static_cast<std::uint32_t>(extents.size()));
        for (const auto extent : extents) tensors_ += raw(extent);
        tensors_ += raw(type) + raw(offset < 0 ? std::uint64_t{data_.size()} : static_cast<std::uint64_t>(offset));
        data_ += bytes;
        data_.resize((data_.size() + alignment - 1) / alignment * alignment);
        ++tensor_count_;
        return *this;
    }
    GgufMaker& floats(const std::string& name, const std::vector<std::uint64_t>& extents,
                      const std::vector<float>& values) {
        std::string bytes;
        for (const float value : values) bytes += raw(value);
        return tensor(name, extents, 0, bytes);
    }

    [[nodiscard]] std::string file() const { return file(tensor_count_, entry_count_); }
    [[nodiscard]] std::string file(std::uint64_t tensors, std::uint64_t entries) const {
        std::string bytes = "GGUF" + raw(version) + raw(tensors) + raw(entries) + entries_ + tensors_;
        bytes.resize((bytes.size() + alignment - 1) / alignment * alignment);
        return bytes + data_;
    }

private:
    std::string entries_, tensors_, data_;
    std::uint64_t entry_count_ = 0, tensor_count_ = 0;
};

} // namespace graticule::testing
