// Element types of what kernels read and write beside float32 matrices.
#pragma once

#include <cstdint>
#include <string_view>

namespace graticule {

enum class ValueType : std::uint8_t {
    f32,
    bf16,
    f16,
    i32, ///< outputs of integer products only: the sums themselves, as conformance compares them
};

[[nodiscard]] constexpr std::string_view name_of(ValueType type) {
    constexpr std::string_view names[] = {"f32", "bf16", "f16", "i32"};
    return names[static_cast<int>(type)];
}

[[nodiscard]] constexpr std::int64_t bytes_of(ValueType type) {
    return type == ValueType::bf16 || type == ValueType::f16 ? 2 : 4;
}

} // namespace graticule
