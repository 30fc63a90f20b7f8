#include "core/export/bit_packing.h"

#include <algorithm>

#include "core/base/error.h"

namespace graticule {
namespace {

void pack_stream(const std::uint8_t* codes, std::int64_t count, std::int64_t code_stride, int bits,
                 std::uint32_t* words, std::int64_t word_stride) {
    for (std::int64_t i = 0; i < count; ++i) {
        const std::uint64_t value = codes[i * code_stride];
        const std::int64_t bit = i * bits;
        const int offset = static_cast<int>(bit % 32);
        std::uint32_t* word = words + (bit / 32) * word_stride;
        *word |= static_cast<std::uint32_t>(value << offset);
        if (offset + bits > 32) word[word_stride] |= static_cast<std::uint32_t>(value >> (32 - offset));
    }
}

void unpack_stream(const std::uint32_t* words, std::int64_t word_stride, std::int64_t first, std::int64_t count,
                   int bits, std::uint8_t* codes, std::int64_t code_stride) {
    const std::uint64_t mask = (std::uint64_t{1} << bits) - 1;
    for (std::int64_t i = 0; i < count; ++i) {
        const std::int64_t bit = (first + i) * bits;
        const int offset = static_cast<int>(bit % 32);
        const std::uint32_t* word = words + (bit / 32) * word_stride;
        std::uint64_t value = *word;
        if (offset + bits > 32) value |= std::uint64_t{word[word_stride]} << 32;
        codes[i * code_stride] = static_cast<std::uint8_t>(value >> offset & mask);
    }
}

void check_sizes(std::size_t codes, std::int64_t elements, std::size_t words, std::int64_t needed, int bits) {
    GRATICULE_ASSERT(bits >= 1 && bits <= 8, "packing is for 1 to 8 bits");
    GRATICULE_ASSERT(static_cast<std::int64_t>(codes) == elements, "codes do not fill the matrix to pack");
    GRATICULE_ASSERT(static_cast<std::int64_t>(words) == needed, "the packed words have another size than the matrix");
}

} // namespace

void pack_rows(std::span<const std::uint8_t> codes, std::int64_t rows, std::int64_t columns, int bits,
               std::span<std::uint32_t> words) {
    const std::int64_t width = packed_words(columns, bits);
    check_sizes(codes.size(), rows * columns, words.size(), rows * width, bits);
    std::fill(words.begin(), words.end(), 0U);
    for (std::int64_t row = 0; row < rows; ++row)
        pack_stream(codes.data() + row * columns, columns, 1, bits, words.data() + row * width, 1);
}

void unpack_rows(std::span<const std::uint32_t> words, std::int64_t rows, std::int64_t columns, int bits,
                 std::span<std::uint8_t> codes) {
    const std::int64_t width = packed_words(columns, bits);
    check_sizes(codes.size(), rows * columns, words.size(), rows * width, bits);
    for (std::int64_t row = 0; row < rows; ++row)
        unpack_stream(words.data() + row * width, 1, 0, columns, bits, codes.data() + row * columns, 1);
}

std::vector<std::uint32_t> pack_columns(std::span<const std::uint8_t> codes, std::int64_t rows, std::int64_t columns,
                                        int bits) {
    std::vector<std::uint32_t> words(static_cast<std::size_t>(packed_words(rows, bits) * columns));
    check_sizes(codes.size(), rows * columns, words.size(), packed_words(rows, bits) * columns, bits);
    for (std::int64_t column = 0; column < columns; ++column)
        pack_stream(codes.data() + column, rows, columns, bits, words.data() + column, columns);
    return words;
}

std::vector<std::uint8_t> unpack_columns(std::span<const std::uint32_t> words, std::int64_t rows, std::int64_t columns,
                                         int bits, std::int64_t first, std::int64_t count) {
    GRATICULE_ASSERT(first >= 0 && count >= 0 && first + count <= rows, "rows outside what is packed");
    std::vector<std::uint8_t> codes(static_cast<std::size_t>(count * columns));
    check_sizes(codes.size(), count * columns, words.size(), packed_words(rows, bits) * columns, bits);
    for (std::int64_t column = 0; column < columns; ++column)
        unpack_stream(words.data() + column, columns, first, count, bits, codes.data() + column, columns);
    return codes;
}

std::vector<std::uint8_t> unpack_columns(std::span<const std::uint32_t> words, std::int64_t rows, std::int64_t columns,
                                         int bits) {
    return unpack_columns(words, rows, columns, bits, 0, rows);
}

} // namespace graticule
