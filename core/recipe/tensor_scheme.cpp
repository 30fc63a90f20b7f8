#include "core/recipe/tensor_scheme.h"

#include <array>

#include "core/base/error.h"

namespace graticule {

namespace {

constexpr double scale_bits = 16;
constexpr double dual_grain_scale_bits = 8; // INT8 group scale; its zero point is stored in 8 bits as well

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

double TensorScheme::bits_per_value(std::int64_t rows, std::int64_t columns) const {
    if (format == nullptr) return 32;
    const BlockLayout layout = layout_of(granularity, rows, columns);
    const double per_block = double(layout.rows_per_block) * double(layout.columns_per_block);
    if (granularity.kind == Granularity::Kind::dual_grain)
        return format->bits + 2 * dual_grain_scale_bits / per_block + scale_bits / double(columns);
    const double zero_bits = symmetric ? 0 : format->bits;
    return format->bits + (scale_bits + zero_bits) / per_block;
}

const std::optional<TensorScheme>& QuantScheme::operator[](Operand operand) const { return operand_of(*this, operand); }
std::optional<TensorScheme>& QuantScheme::operator[](Operand operand) { return operand_of(*this, operand); }

std::string to_text(const TensorScheme& scheme) {
    std::string text = scheme.format != nullptr ? std::string(scheme.format->name) : "none";
    text += scheme.symmetric ? "/sym/" : "/asym/";
    return text + to_text(scheme.granularity);
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
    std::string text;
    if (scheme.weight) {
        text = std::string(scheme.weight->format->label) + " " + to_text(scheme.weight->granularity);
    } else {
        text = "W16";
    }
    const auto attach = [&](const std::optional<TensorScheme>& tensor, const char* letter) {
        if (!tensor) return;
        text += std::string(" / ") + letter;
        text += tensor->format->kind == FormatKind::integer ? std::to_string(tensor->format->bits)
                                                            : " " + std::string(tensor->format->label);
        if (tensor->granularity.kind == Granularity::Kind::group) text += " " + to_text(tensor->granularity);
        if (!tensor->dynamic) text += " static";
    };
    attach(scheme.input, "A");
    attach(scheme.query, "Q");
    attach(scheme.key, "K");
    attach(scheme.value, "V");
    attach(scheme.probability, "P");
    return scheme == QuantScheme{} ? "full precision" : text;
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
