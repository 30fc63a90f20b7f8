// How the weight of one quantized linear can be carried by a container that only knows integers with a scale and a zero
// point, w = (q - z) * s, bit for bit. INT and DGQ fit as they are; dINT's half steps are whole numbers of s/2
// (formats.md section 12): v = 2 (code - zero) for a lattice code, +1 or -1 for a special one, scale s/2.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/result/quantized_model.h"

namespace graticule {

/// What a scheme needs of the container, before any weight is known.
struct CarrierPlan {
    enum class Encoding : std::uint8_t {
        integer,
        float8,
        nvfp4, ///< E2M1 with E4M3 scales of 16 under a float32 one of the tensor
        mxfp4, ///< E2M1 with a power of two for 32
    };
    Encoding encoding = Encoding::integer;
    int bits = 0;           ///< of the carrier: 6 for dINT4
    bool symmetric = true;  ///< no zero points stored
    std::int64_t group = 0; ///< 0: one scale an output channel
    std::string problem;    ///< not empty: cannot be carried; a sentence with the way out
    std::string note;       ///< what to know about it ("dINT4 travels as 6-bit integers")

    [[nodiscard]] bool fp4() const { return encoding == Encoding::nvfp4 || encoding == Encoding::mxfp4; }
    bool operator==(const CarrierPlan&) const = default;
};

/// `exact_int8`: the int8 products of dual grain, for an int8 GEMM; else 4-bit codes with the scales multiplied out.
[[nodiscard]] CarrierPlan plan_carrier(const SchemeChoice& choice, bool exact_int8);

struct CarriedWeight {
    std::int64_t rows = 0, columns = 0;
    std::vector<std::uint8_t> fields; ///< (rows, columns): q + 2^(bits-1) (float8: the E4M3 bytes; FP4: E2M1 fields)
    std::vector<float> scale;         ///< (rows, groups); NVFP4: as stored in E4M3
    float tensor_scale = 1;           ///< NVFP4: multiplies all of them
    std::vector<std::uint8_t> zero;   ///< (rows, groups) in the fields' terms; empty: symmetric, 2^(bits-1)
};

/// Throws Error{unsupported} naming the layer when a value does not fit (a zero point outside the codes, say).
[[nodiscard]] CarriedWeight carry(const QuantizedLinear& linear, const Linear& shape, const CarrierPlan& plan);

/// (field - zero) * scale, the arithmetic of every reader.
[[nodiscard]] std::vector<float> decode(const CarriedWeight& weight, const CarrierPlan& plan);

} // namespace graticule
