// A tensor in host memory that never changes: element type, shape, shared bytes (perhaps of a mapped file). Copying it
// copies a pointer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/tensor/dtype.h"

namespace graticule {

using Shape = std::vector<std::int64_t>;

[[nodiscard]] std::int64_t element_count(const Shape& shape);
[[nodiscard]] std::string to_text(const Shape& shape); ///< "[256, 1024]"

/// Values that their container keeps in a form of its own; decoded when they are looked at, no earlier.
class EncodedRows {
public:
    virtual ~EncodedRows() = default;
    /// Rows [first, first + count) as float32, row after row.
    virtual void decode(std::int64_t first, std::int64_t count, float* out) const = 0;
};

struct HostTensor {
    DType dtype = DType::f32;
    Shape shape;
    std::shared_ptr<const void> owner;                    ///< keeps `bytes` alive
    std::span<const std::byte> bytes;                     ///< row after row, as many for each
    std::shared_ptr<const EncodedRows> encoded = nullptr; ///< of DType::encoded, whose `bytes` are its codes alone

    /// Numbers of a model, which to_floats decodes.
    [[nodiscard]] bool holds_numbers() const { return encoded || row_of(dtype).decode != nullptr; }

    [[nodiscard]] bool empty() const { return bytes.empty(); }
    [[nodiscard]] std::int64_t rows() const { return shape.empty() ? 1 : shape.front(); }
    [[nodiscard]] std::int64_t columns() const { return element_count(shape) / (rows() ? rows() : 1); }

    [[nodiscard]] static HostTensor from_floats(std::vector<float> values, Shape shape);
    template <class T>
    [[nodiscard]] static HostTensor from_vector(std::vector<T> values, DType dtype, Shape shape) {
        auto shared = std::make_shared<const std::vector<T>>(std::move(values));
        return {dtype, std::move(shape), shared, std::as_bytes(std::span(*shared))};
    }
};

/// Rows [first, first + count) decoded to float32, whatever the element type (the block formats of GGUF included).
/// Throws Error{unsupported} for integer types that hold no numbers of the model.
[[nodiscard]] std::vector<float> to_floats(const HostTensor& tensor, std::int64_t first, std::int64_t count);
[[nodiscard]] std::vector<float> to_floats(const HostTensor& tensor);
void to_floats(const HostTensor& tensor, std::int64_t first, std::int64_t count, float* out);

} // namespace graticule
