#include "core/tensor/host_tensor.h"

#include <algorithm>

#include "core/base/error.h"

namespace graticule {

std::int64_t element_count(const Shape& shape) {
    std::int64_t count = 1;
    for (const std::int64_t extent : shape) count *= extent;
    return count;
}

std::string to_text(const Shape& shape) {
    std::string text = "[";
    for (std::size_t i = 0; i < shape.size(); ++i) {
        if (i > 0) text += ", ";
        text += std::to_string(shape[i]);
    }
    return text + "]";
}

HostTensor HostTensor::from_floats(std::vector<float> values, Shape shape) {
    return from_vector(std::move(values), DType::f32, std::move(shape));
}

void to_floats(const HostTensor& tensor, std::int64_t first, std::int64_t count, float* out) {
    const DTypeRow& row = row_of(tensor.dtype);
    if (!tensor.holds_numbers())
        throw Error(ErrorKind::unsupported,
                    "a tensor of " + std::string(row.name) + " " + to_text(tensor.shape) +
                        " holds integers, not numbers of the model; only float and GGUF block types do");
    GRATICULE_ASSERT(first >= 0 && count >= 0 && first + count <= tensor.rows(), "rows outside the tensor");
    if (tensor.encoded) return tensor.encoded->decode(first, count, out);
    const std::int64_t begin = first * tensor.columns();
    const std::int64_t elements = count * tensor.columns();
    GRATICULE_ASSERT(begin % row.block_elements == 0 && elements % row.block_elements == 0, "a row that cuts a block");
    const std::int64_t offset = begin / row.block_elements * row.block_bytes;
    const std::int64_t length = elements / row.block_elements * row.block_bytes;
    GRATICULE_ASSERT(static_cast<std::size_t>(offset + length) <= tensor.bytes.size(),
                     "a tensor with fewer bytes than its shape");
    if (elements > 0) row.decode(tensor.bytes.data() + offset, elements, out);
}

std::vector<float> to_floats(const HostTensor& tensor, std::int64_t first, std::int64_t count) {
    std::vector<float> values(static_cast<std::size_t>(std::max<std::int64_t>(0, count * tensor.columns())));
    to_floats(tensor, first, count, values.data());
    return values;
}

std::vector<float> to_floats(const HostTensor& tensor) { return to_floats(tensor, 0, tensor.rows()); }

} // namespace graticule
