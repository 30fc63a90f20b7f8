// The codes of a weight as they are kept and moved: fields of `bits` bits, lowest bits first, each row beginning on a
// byte. Of 4 bits two share a byte, the first in its low half; of 3 bits eight share three bytes; 8 bits are bytes.
//
//     const PackedCodes packed = PackedCodes::pack(codes, rows, columns, 4);
//     packed.unpack(first_row, 16, bytes);                                    // one byte per code again
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/tensor/host_tensor.h"

namespace graticule {

class PackedCodes {
public:
    PackedCodes() = default;
    /// `bytes`: rows x row_bytes(columns, bits), packed as above.
    PackedCodes(HostTensor bytes, std::int64_t columns, int bits);
    /// `codes` (rows, columns), one byte per code, each below 2^bits; bits 1 ... 8.
    [[nodiscard]] static PackedCodes pack(std::span<const std::uint8_t> codes, std::int64_t rows, std::int64_t columns,
                                          int bits);
    [[nodiscard]] static std::int64_t row_bytes(std::int64_t columns, int bits) { return (columns * bits + 7) / 8; }

    [[nodiscard]] bool empty() const { return bytes_.empty(); }
    [[nodiscard]] std::int64_t rows() const { return empty() ? 0 : bytes_.rows(); }
    [[nodiscard]] std::int64_t columns() const { return columns_; }
    [[nodiscard]] int bits() const { return bits_; }
    [[nodiscard]] const HostTensor& bytes() const { return bytes_; } ///< u8 (rows, row_bytes)

    /// Rows [first, first + count), one byte per code, to `out` (count x columns).
    void unpack(std::int64_t first, std::int64_t count, std::uint8_t* out) const;
    [[nodiscard]] std::vector<std::uint8_t> unpack() const; ///< all of them

    /// The same codes, however many bytes hold them.
    bool operator==(const PackedCodes& other) const;

private:
    HostTensor bytes_;
    std::int64_t columns_ = 0;
    int bits_ = 8;
};

} // namespace graticule
