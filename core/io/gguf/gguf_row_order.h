// The order of the rows of q and k within a head. Hugging Face's rotary embedding turns row j with row j + half:
// (2, half); llama.cpp's "llama" turns neighbours: (half, 2). Whole rows move, so it works on every block format as it
// is stored.
//
//     file_bytes = rows_turned(bytes, rows, heads, 2);                        // for the file
//     bytes      = rows_turned(file_bytes, rows, heads, rows / heads / 2);    // and back
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace graticule {

/// The rows of each head are a matrix of `first` x the rest; this is its transpose. `bytes` holds `rows` rows of one
/// size, a multiple of heads * first.
[[nodiscard]] std::vector<std::byte> rows_turned(std::span<const std::byte> bytes, std::int64_t rows,
                                                 std::int64_t heads, std::int64_t first);

} // namespace graticule
