#include "core/export/stored_scales.h"

#include <cmath>

#include "core/base/error.h"

namespace graticule {
namespace {

/// A byte per scale, found among those of the type's own decoder.
std::uint8_t e4m3_byte(float value) {
    for (int byte = 0; byte < 128; ++byte) { // scales are above 0
        const auto bits = static_cast<std::byte>(byte);
        float decoded = 0;
        row_of(DType::f8_e4m3).decode(&bits, 1, &decoded);
        if (decoded == value) return static_cast<std::uint8_t>(byte);
    }
    return 0;
}

template <class T, class Encode>
HostTensor encoded(const std::vector<float>& scales, Coding coding, const Shape& shape, Encode encode) {
    std::vector<T> values;
    values.reserve(scales.size());
    for (const float scale : scales) values.push_back(static_cast<T>(encode(scale)));
    return HostTensor::from_vector(std::move(values), stored_type(coding), shape);
}

HostTensor encode(const std::vector<float>& scales, Coding coding, const Shape& shape) {
    switch (coding) {
    case Coding::f32:
        break;
    case Coding::f16:
        return encoded<std::uint16_t>(scales, coding, shape, float_to_half);
    case Coding::bf16:
        return encoded<std::uint16_t>(scales, coding, shape, float_to_bfloat16);
    case Coding::e4m3:
        return encoded<std::uint8_t>(scales, coding, shape, e4m3_byte);
    case Coding::e8m0:
        return encoded<std::uint8_t>(scales, coding, shape, [](float scale) { return exponent_of(scale) + 127; });
    case Coding::i8:
        return encoded<std::int8_t>(scales, coding, shape, [](float scale) { return scale; });
    }
    return HostTensor::from_floats(scales, shape);
}

} // namespace

DType stored_type(Coding coding) {
    constexpr DType types[] = {DType::f32, DType::f16, DType::bf16, DType::f8_e4m3, DType::u8, DType::i8};
    static_assert(std::size(types) == std::size_t(Coding::i8) + 1, "one for each coding, in their order");
    return types[std::size_t(coding)];
}

HostTensor store_scales(const std::vector<float>& scales, Coding coding, const Shape& shape, const std::string& layer) {
    HostTensor stored = encode(scales, coding, shape);
    const std::vector<float> again = load_scales(stored, coding);
    for (std::size_t i = 0; i < scales.size(); ++i)
        if (again[i] != scales[i])
            throw Error(ErrorKind::internal, layer + ": a scale of " + std::to_string(scales[i]) + " is no " +
                                                 std::string(row_of(coding).name) + ", which the recipe asks for");
    return stored;
}

std::vector<float> load_scales(const HostTensor& stored, Coding coding) {
    if (coding != Coding::e8m0 && coding != Coding::i8) return to_floats(stored);
    std::vector<float> scales;
    for (const std::byte byte : stored.bytes)
        scales.push_back(coding == Coding::i8 ? static_cast<float>(static_cast<std::int8_t>(byte))
                                              : std::ldexp(1.0F, static_cast<int>(byte) - 127));
    return scales;
}

} // namespace graticule
