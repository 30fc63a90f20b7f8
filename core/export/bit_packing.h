// Codes of 1 to 8 bits in 32-bit words, as compressed-tensors' pack-quantized stores them (formats.md section 6.4): a
// row is a dense little-endian bit stream, element i in bits [i*b, i*b + b); word k holds bits [32k, 32k + 32). Widths
// that do not divide 32 straddle words.
//
//     std::vector<std::uint32_t> words(rows * packed_words(columns, 4));
//     pack_rows(codes, rows, columns, 4, words);
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace graticule {

[[nodiscard]] constexpr std::int64_t packed_words(std::int64_t elements, int bits) {
    return (elements * bits + 31) / 32;
}

/// `codes` (rows, columns) row-major, each below 2^bits; `words` (rows, packed_words(columns, bits)).
void pack_rows(std::span<const std::uint8_t> codes, std::int64_t rows, std::int64_t columns, int bits,
               std::span<std::uint32_t> words);
void unpack_rows(std::span<const std::uint32_t> words, std::int64_t rows, std::int64_t columns, int bits,
                 std::span<std::uint8_t> codes);

/// Zero points are packed down the rows: `codes` (rows, columns) to (packed_words(rows, bits), columns).
[[nodiscard]] std::vector<std::uint32_t> pack_columns(std::span<const std::uint8_t> codes, std::int64_t rows,
                                                      std::int64_t columns, int bits);
/// Of the `rows` that are packed those of [first, first + count).
[[nodiscard]] std::vector<std::uint8_t> unpack_columns(std::span<const std::uint32_t> words, std::int64_t rows,
                                                       std::int64_t columns, int bits, std::int64_t first,
                                                       std::int64_t count);
[[nodiscard]] std::vector<std::uint8_t> unpack_columns(std::span<const std::uint32_t> words, std::int64_t rows,
                                                       std::int64_t columns, int bits);

} // namespace graticule
