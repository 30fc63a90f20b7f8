// How one tensor is quantized, and how all operands of one linear are. Values; map one to one to the notation
// `w=dint4/asym/g128 a=int8/sym/token` (recipe_line.h).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

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
struct OperandName {
    Operand operand{};
    std::string_view letter; ///< in the notation: "w"
    std::string_view name;   ///< in JSON and on screen: "weight"
};
[[nodiscard]] std::span<const OperandName> operand_names(); ///< in the notation's order

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

[[nodiscard]] std::string to_text(const TensorScheme& scheme); ///< "dint4/asym/g128", "int8/sym/token"
/// "w=int4/asym/g128 a=int8/sym/tensor/static"; empty for full precision.
[[nodiscard]] std::string to_text(const QuantScheme& scheme);
/// As a person reads it in a table: "dINT4 g128 / A8", "INT4 channel / A8".
[[nodiscard]] std::string short_label(const QuantScheme& scheme);

/// Empty when this scheme makes sense for the operand, whatever the model; else what is wrong and what would do.
[[nodiscard]] std::string check_operand_scheme(Operand operand, const TensorScheme& scheme);

} // namespace graticule
