#include "core/recipe/label_words.h"

#include <utility>

#include "core/format/scale_level.h"

namespace graticule {

namespace {
const BlockFormat* block_format(const TensorScheme& tensor) {
    return find_block_format(tensor.format->name, tensor.levels);
}
std::string block_label(const BlockFormat& block, const TensorScheme& tensor) {
    return std::string(block.label) + (tensor.four_over_six ? " 4/6" : "");
}

std::string operand_text(const TensorScheme& tensor, const char* letter) {
    if (const BlockFormat* named = block_format(tensor)) return letter + (" " + block_label(*named, tensor));
    std::string text = letter;
    text += tensor.format->kind == FormatKind::integer ? std::to_string(tensor.format->bits)
                                                       : " " + std::string(tensor.format->label);
    if (tensor.levels.size() > 1 || tensor.grain().kind == Granularity::Kind::group)
        text += " " + to_text(tensor.levels);
    return tensor.dynamic ? text : text + " static";
}
} // namespace

LabelWords label_words(const QuantScheme& scheme) {
    if (scheme == QuantScheme{})
        return {.format = "full precision", .grain = {}, .operands = {}, .static_operands = {}};
    LabelWords words{.format = "W16", .grain = {}, .operands = {}, .static_operands = {}};
    if (scheme.weight) {
        const BlockFormat* named = block_format(*scheme.weight);
        words.format = named ? block_label(*named, *scheme.weight) : std::string(scheme.weight->format->label);
        if (!named) words.grain = to_text(scheme.weight->levels);
    }
    constexpr std::pair<Operand, const char*> others[] = {{Operand::input, "A"},
                                                          {Operand::query, "Q"},
                                                          {Operand::key, "K"},
                                                          {Operand::value, "V"},
                                                          {Operand::probability, "P"}};
    for (const auto& [operand, letter] : others)
        if (const auto& tensor = scheme[operand]) {
            words.operands.push_back(operand_text(*tensor, letter));
            if (!tensor->dynamic) words.static_operands.push_back(words.operands.back());
        }
    return words;
}

} // namespace graticule
