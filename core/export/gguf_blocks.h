// Which block type of GGUF holds the weight of a quantized linear bit for bit, and its bytes (formats.md sections 9.2
// and 9.3). All of them mean q * d with whole numbers q and a float16 scale d for 32 or 256 columns; what differs is
// how far q reaches:
//
//     Q4_0  -8 .. 7     Q5_0  -16 .. 15     Q6_K  -32 .. 31, times a whole number for 16 columns     Q8_0  -128 .. 127
//     Q4_1, Q5_1: 0 .. 15 and 0 .. 31, with a float16 minimum
//
// INT goes there as code - zero, dINT as twice that with half the scale (formats.md section 12), the dual grain of DGQ
// with its whole numbers in Q6_K's or multiplied out in Q8_0.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "core/result/quantized_model.h"

namespace graticule {

struct GgufForm {
    DType type = DType::q8_0;
    std::string problem; ///< not empty: no type holds it; a sentence with the way out
};

/// Of the scheme and the number of columns alone: known before anything is quantized.
[[nodiscard]] GgufForm gguf_form(const TensorScheme& weight, std::int64_t columns);

/// All rows in this type. Throws Error{unsupported} naming the layer and the value that does not fit: a scale that is
/// no float16.
[[nodiscard]] std::vector<std::byte> gguf_rows(const QuantizedLinear& linear, const Linear& shape, DType type);

} // namespace graticule
