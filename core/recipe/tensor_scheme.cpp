#include "core/recipe/tensor_scheme.h"

#include <algorithm>
#include <array>

#include "core/base/error.h"
#include "core/recipe/label_words.h"

namespace graticule {

namespace {

constexpr double byte_bits = 8;
constexpr double ideal_float_bits = 16;

template <class Scheme>
auto& operand_of(Scheme& scheme, Operand operand) {
    switch (operand) {
    case Operand::weight:
        return scheme.weight;
    case Operand::input:
        return scheme.input;
    case Operand::query:
        return scheme.query;
    case Operand::key:
        return scheme.key;
    case Operand::value:
        return scheme.value;
    case Operand::probability:
        return scheme.probability;
    }
    GRATICULE_ASSERT(false, "an operand outside the enumeration");
    return scheme.weight;
}

} // namespace

void TensorScheme::set_levels(std::vector<ScaleLevel> fine_to_coarse) {
    if (is_dual_grain(levels)) zero_coding = ZeroCoding::code;
    levels = std::move(fine_to_coarse);
    if (is_dual_grain(levels)) zero_coding = ZeroCoding::i8;
}

StoredBits stored_bits(const TensorScheme& scheme, std::int64_t rows, std::int64_t columns) {
    GRATICULE_ASSERT(scheme.format != nullptr, "a quantized tensor has a format");
    const auto blocks = [&](Granularity grain) {
        return rows * columns == 0 ? 0.0 : double(layout_of(grain, rows, columns).count(rows, columns));
    };
    const double codes = double(scheme.format->bits) * double(rows) * double(columns);
    StoredBits bits{codes, codes};
    for (const ScaleLevel& level : scheme.levels) {
        const double scale = row_of(level.coding).bits;
        bits += {scale * blocks(level.grain), std::min(scale, ideal_float_bits) * blocks(level.grain)};
    }
    if (scheme.symmetric) return bits;
    const double zero = scheme.zero_coding == ZeroCoding::i8 ? byte_bits : scheme.format->bits;
    bits += {zero * blocks(scheme.grain()), zero * blocks(scheme.grain())};
    return bits;
}

const std::optional<TensorScheme>& QuantScheme::operator[](Operand operand) const { return operand_of(*this, operand); }
std::optional<TensorScheme>& QuantScheme::operator[](Operand operand) { return operand_of(*this, operand); }

std::string to_text(const TensorScheme& scheme) {
    const std::string format = scheme.format != nullptr ? std::string(scheme.format->name) : "none";
    const std::string choice = scheme.four_over_six ? "/four_over_six" : "";
    if (const BlockFormat* named = find_block_format(format, scheme.levels)) return std::string(named->name) + choice;
    std::string text = format + (scheme.symmetric ? "/sym" : "/asym");
    // The dual grain's zero points are bytes without saying so.
    if (!scheme.symmetric && scheme.zero_coding == ZeroCoding::i8 && !is_dual_grain(scheme.levels)) text += ":i8";
    return text + "/" + to_text(scheme.levels) + choice;
}

std::string to_text(const QuantScheme& scheme) {
    std::string text;
    for (const OperandName& row : operand_names()) {
        const std::optional<TensorScheme>& tensor = scheme[row.operand];
        if (!tensor) continue;
        text += (text.empty() ? "" : " ") + std::string(row.letter) + "=" + to_text(*tensor);
        if (row.operand != Operand::weight && !tensor->dynamic) text += "/static";
    }
    return text;
}

std::string short_label(const QuantScheme& scheme) {
    const LabelWords words = label_words(scheme);
    std::string text = words.format + (words.grain.empty() ? "" : " " + words.grain);
    for (const std::string& operand : words.operands) text += " / " + operand;
    return text;
}

std::span<const OperandName> operand_names() {
    static constexpr std::array names = {
        OperandName{Operand::weight, "w", "weight"}, OperandName{Operand::input, "a", "input"},
        OperandName{Operand::query, "q", "query"},   OperandName{Operand::key, "k", "key"},
        OperandName{Operand::value, "v", "value"},   OperandName{Operand::probability, "p", "probability"},
    };
    return names;
}

} // namespace graticule
