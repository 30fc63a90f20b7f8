#include "core/format/packed_codes.h"

#include <algorithm>
#include <utility>

#include "core/base/error.h"

namespace graticule {

PackedCodes::PackedCodes(HostTensor bytes, std::int64_t columns, int bits)
    : bytes_(std::move(bytes))
    , columns_(columns)
    , bits_(bits) {
    GRATICULE_ASSERT(bits >= 1 && bits <= 8, "a code has one to eight bits");
    GRATICULE_ASSERT(bytes_.dtype == DType::u8 && bytes_.columns() == row_bytes(columns, bits),
                     "rows of packed codes begin on a byte");
}

PackedCodes PackedCodes::pack(std::span<const std::uint8_t> codes, std::int64_t rows, std::int64_t columns, int bits) {
    GRATICULE_ASSERT(std::cmp_equal(codes.size(), rows * columns), "one byte per code");
    const std::int64_t width = row_bytes(columns, bits);
    std::vector<std::uint8_t> packed(std::size_t(rows * width));
    for (std::int64_t row = 0; row < rows; ++row) {
        const std::uint8_t* in = codes.data() + row * columns;
        std::uint8_t* out = packed.data() + row * width;
        unsigned pending = 0;
        int filled = 0;
        for (std::int64_t i = 0; i < columns; ++i) {
            GRATICULE_ASSERT(in[i] >> bits == 0, "a code fits its bits");
            pending |= unsigned(in[i]) << filled;
            for (filled += bits; filled >= 8; filled -= 8, pending >>= 8) *out++ = std::uint8_t(pending);
        }
        if (filled > 0) *out = std::uint8_t(pending);
    }
    return {HostTensor::from_vector(std::move(packed), DType::u8, {rows, width}), columns, bits};
}

void PackedCodes::unpack(std::int64_t first, std::int64_t count, std::uint8_t* out) const {
    GRATICULE_ASSERT(first >= 0 && count >= 0 && first + count <= rows(), "rows that are there");
    const std::int64_t width = row_bytes(columns_, bits_);
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(bytes_.bytes.data()) + first * width;
    const unsigned mask = (1U << bits_) - 1;
    for (std::int64_t row = 0; row < count; ++row, bytes += width) {
        const std::uint8_t* in = bytes;
        unsigned pending = 0;
        int filled = 0;
        for (std::int64_t i = 0; i < columns_; ++i) {
            if (filled < bits_) {
                pending |= unsigned(*in++) << filled;
                filled += 8;
            }
            *out++ = std::uint8_t(pending & mask);
            pending >>= bits_;
            filled -= bits_;
        }
    }
}

std::vector<std::uint8_t> PackedCodes::unpack() const {
    std::vector<std::uint8_t> codes(std::size_t(rows() * columns_));
    unpack(0, rows(), codes.data());
    return codes;
}

bool PackedCodes::operator==(const PackedCodes& other) const {
    if (rows() != other.rows() || columns_ != other.columns_) return false;
    if (bits_ != other.bits_) return unpack() == other.unpack();
    return std::equal(bytes_.bytes.begin(), bytes_.bytes.end(), other.bytes_.bytes.begin(), other.bytes_.bytes.end());
}

} // namespace graticule
