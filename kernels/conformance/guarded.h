// An array in a back end's memory with guard zones: bytes of a known pattern before, behind and between the rows of an
// output, which must be there unchanged afterwards.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "kernels/api/device_memory.h"
#include "kernels/conformance/cases.h"

namespace graticule::conformance {

template <class T>
class GuardedArray {
public:
    /// rows x columns elements at a stride, `offset` elements after an aligned address.
    GuardedArray(DeviceMemory& memory, std::int64_t rows, std::int64_t columns, std::int64_t stride,
                 std::int64_t offset)
        : memory_(memory)
        , rows_(rows)
        , columns_(columns)
        , stride_(stride)
        , start_(guard + offset)
        , host_(static_cast<std::size_t>(start_ + rows * stride + guard)) {
        std::memset(host_.data(), pattern, bytes());
        device_ = static_cast<T*>(memory.allocate(bytes()));
        memory.to_device(device_, host_.data(), bytes());
    }
    GuardedArray(DeviceMemory& memory, std::int64_t length)
        : GuardedArray(memory, 1, length, length, 0) {}
    ~GuardedArray() { memory_.release(device_); }
    GuardedArray(const GuardedArray&) = delete;
    GuardedArray& operator=(const GuardedArray&) = delete;

    [[nodiscard]] T* data() const { return device_ + start_; }
    [[nodiscard]] MatrixView<T> view() const { return {data(), rows_, columns_, stride_}; }
    [[nodiscard]] MatrixView<const T> const_view() const { return {data(), rows_, columns_, stride_}; }

    void write(const std::vector<T>& values) {
        memory_.to_device(data(), values.data(), values.size() * sizeof(T));
        std::memcpy(host_.data() + start_, values.data(), values.size() * sizeof(T));
    }
    /// The elements, rows x columns without gaps; fetches them first.
    [[nodiscard]] std::vector<T> read() {
        fetched_.resize(host_.size());
        memory_.to_host(fetched_.data(), device_, bytes());
        std::vector<T> values;
        for (std::int64_t row = 0; row < rows_; ++row) {
            const T* begin = fetched_.data() + start_ + row * stride_;
            values.insert(values.end(), begin, begin + columns_);
        }
        return values;
    }
    /// After read(): empty, or which guard was overwritten. What was written with write() counts as guard too where it
    /// lies between rows.
    [[nodiscard]] std::string guard_damage() const {
        for (std::size_t i = 0; i < host_.size(); ++i) {
            const std::int64_t at = static_cast<std::int64_t>(i) - start_;
            const bool inside = at >= 0 && at < rows_ * stride_ && at % stride_ < columns_;
            if (!inside && std::memcmp(&fetched_[i], &host_[i], sizeof(T)) != 0)
                return "wrote outside the output, at element " + std::to_string(at) + " of " + std::to_string(rows_) +
                       " x " + std::to_string(columns_);
        }
        return {};
    }

private:
    static constexpr std::int64_t guard = 64;
    static constexpr int pattern = 0x7b;
    [[nodiscard]] std::size_t bytes() const { return host_.size() * sizeof(T); }

    DeviceMemory& memory_;
    std::int64_t rows_, columns_, stride_, start_;
    std::vector<T> host_, fetched_;
    T* device_ = nullptr;
};

} // namespace graticule::conformance
