// How one tensor is quantized, and how all operands of one linear are. Values; map one to one to the notation
// `w=dint4/asym/g128 a=int8/sym/token` (recipe_line.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/format/granularity.h"
#include "core/format/quant_format.h"

namespace graticule {

struct TensorScheme {
    const QuantFormat* format = nullptr; ///< a row of all_formats(); never null in a resolved scheme
    bool symmetric = true;
    Granularity granularity;
    bool dynamic = false; ///< activations: scale found from the values at run time; false: from calibration ("static")

    /// Stored bits a value, scales and zero points included (16-bit scales; zero points at the format's width).
    [[nodiscard]] double bits_per_value(std::int64_t rows, std::int64_t columns) const;
    bool operator==(const TensorScheme&) const = default;
};

/// What a scheme can address. The attention operands are tensors of the attention product, not of a linear.
enum class Operand : std::uint8_t { weight, input, query, key, value, probability };

struct QuantScheme {
    std::optional<TensorScheme> weight;
    std::optional<TensorScheme> input; ///< absent = full precision, as for every operand
    std::optional<TensorScheme> query;
    std::optional<TensorScheme> key;
    std::optional<TensorScheme> value;
    std::optional<TensorScheme> probability;

    [[nodiscard]] const std::optional<TensorScheme>& operator[](Operand operand) const;
    [[nodiscard]] std::optional<TensorScheme>& operator[](Operand operand);
    bool operator==(const QuantScheme&) const = default;
};

[[nodiscard]] std::string
to_text(const TensorScheme& scheme); ///< "dint4/asym/g128", "int8/sym/token", "int8/sym/tensor/static"
[[nodiscard]] std::string to_text(const QuantScheme& scheme); ///< "w=... a=..."; empty for full precision
/// As a person reads it in a table: "dINT4 g128 / A8".
[[nodiscard]] std::string short_label(const QuantScheme& scheme);

} // namespace graticule
