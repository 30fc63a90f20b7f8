// How one tensor is quantized, and how all operands of one linear are. Values; map one to one to the notation
// `w=dint4/asym/g128 a=int8/sym/token` (recipe_line.h).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/format/quant_format.h"
#include "core/format/scale_level.h"

namespace graticule {

struct TensorScheme {
    const QuantFormat* format = nullptr; ///< a row of all_formats(); never null in a resolved scheme
    bool symmetric = true;
    std::vector<ScaleLevel> levels{ScaleLevel{}}; ///< from fine to coarse, one or two
    bool dynamic = false; ///< activations: scale found from the values at run time; false: from calibration ("static")
    ZeroCoding zero_coding = ZeroCoding::code; ///< asymmetric only
    /// FP4 in blocks: the largest magnitude of a block is mapped to 4 instead of 6 where that has the smaller squared
    /// error (Cook et al. 2025, arXiv 2512.02010).
    bool four_over_six = false;

    [[nodiscard]] Granularity grain() const { return levels.front().grain; } ///< who shares a scale
    /// With what follows from them: DGQ stores a byte for a group's scale and one for its zero point.
    void set_levels(std::vector<ScaleLevel> fine_to_coarse);
    bool operator==(const TensorScheme&) const = default;
};

/// Bits that a quantized tensor takes.
struct StoredBits {
    double actual = 0; ///< as the scheme's codings have it
    double ideal = 0;  ///< with float32 scales in 16 bits, as papers count and most containers store
    StoredBits& operator+=(const StoredBits& other) {
        actual += other.actual;
        ideal += other.ideal;
        return *this;
    }
    bool operator==(const StoredBits&) const = default;
};
/// Codes, scales of all levels and zero points of a (rows, columns) tensor, each packed to its bits.
[[nodiscard]] StoredBits stored_bits(const TensorScheme& scheme, std::int64_t rows, std::int64_t columns);

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
