#include "core/io/text/sentencepiece_spec.h"

#include <cstdint>
#include <optional>

namespace graticule {
namespace {

struct Field {
    std::uint64_t number = 0;
    std::uint64_t value = 0;  ///< varint fields
    std::string_view content; ///< length-delimited fields
};

std::optional<std::uint64_t> read_varint(std::string_view& bytes) {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
        const auto byte = static_cast<unsigned char>(bytes.front());
        bytes.remove_prefix(1);
        value |= std::uint64_t{byte & 0x7Fu} << shift;
        if (byte < 0x80) return value;
    }
    return std::nullopt;
}

std::optional<Field> read_field(std::string_view& bytes) {
    const auto tag = read_varint(bytes);
    if (!tag) return std::nullopt;
    Field field;
    field.number = *tag >> 3;
    std::uint64_t length = 0;
    switch (*tag & 7) {
    case 0: {
        const auto value = read_varint(bytes);
        if (!value) return std::nullopt;
        field.value = *value;
        return field;
    }
    case 1:
        length = 8;
        break;
    case 5:
        length = 4;
        break;
    case 2: {
        const auto stated = read_varint(bytes);
        if (!stated) return std::nullopt;
        length = *stated;
        break;
    }
    default:
        return std::nullopt; // groups are not used by this message
    }
    if (length > bytes.size()) return std::nullopt;
    field.content = bytes.substr(0, length);
    bytes.remove_prefix(length);
    return field;
}

} // namespace

SentencePieceSpec read_sentencepiece_spec(std::string_view model) {
    constexpr std::uint64_t piece = 1, trainer_spec = 2, normalizer_spec = 3; // of ModelProto
    constexpr std::uint64_t model_type = 3, bpe = 2;                          // of TrainerSpec
    constexpr std::uint64_t piece_type = 3, user_defined = 4;                 // of SentencePiece
    SentencePieceSpec spec;
    std::int32_t pieces = 0;
    while (auto field = read_field(model)) {
        if (field->number == piece) {
            while (const auto inner = read_field(field->content))
                if (inner->number == piece_type && inner->value == user_defined) spec.user_defined.push_back(pieces);
            ++pieces;
        }
        while (field->number == trainer_spec || field->number == normalizer_spec) {
            const auto inner = read_field(field->content);
            if (!inner) break;
            if (field->number == trainer_spec) {
                if (inner->number == model_type) spec.byte_pair_encoding = inner->value == bpe;
                continue;
            }
            if (inner->number == 2) spec.rewrites_text = !inner->content.empty();
            if (inner->number == 3) spec.add_dummy_prefix = inner->value != 0;
            if (inner->number == 4) spec.remove_extra_white_space = inner->value != 0;
            if (inner->number == 5) spec.escape_white_space = inner->value != 0;
        }
    }
    return spec;
}

} // namespace graticule
