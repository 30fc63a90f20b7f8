#include "core/io/gguf/gguf_row_order.h"

#include <cstring>

#include "core/base/error.h"

namespace graticule {

std::vector<std::byte> rows_turned(std::span<const std::byte> bytes, std::int64_t rows, std::int64_t heads,
                                   std::int64_t first) {
    GRATICULE_ASSERT(rows > 0 && heads > 0 && first > 0 && rows % (heads * first) == 0, "heads of whole matrices");
    const std::size_t row_bytes = bytes.size() / static_cast<std::size_t>(rows);
    const std::int64_t of_head = rows / heads, second = of_head / first;
    std::vector<std::byte> turned(bytes.size());
    for (std::int64_t head = 0; head < rows; head += of_head)
        for (std::int64_t i = 0; i < first; ++i)
            for (std::int64_t j = 0; j < second; ++j)
                std::memcpy(turned.data() + static_cast<std::size_t>(head + j * first + i) * row_bytes,
                            bytes.data() + static_cast<std::size_t>(head + i * second + j) * row_bytes, row_bytes);
    return turned;
}

} // namespace graticule
