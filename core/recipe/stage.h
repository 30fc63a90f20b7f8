// The stages of quantizing a linear. A layer's recipe has at most one method per stage, and they run in this order.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace graticule {

enum class Stage : std::uint8_t {
    transform,  ///< moves scales between a norm or linear and the linears after it; exact with quantization off
    rotate,     ///< multiplies inputs by an orthonormal matrix and weights by its inverse
    keep,       ///< chooses input channels that stay in 16 bits
    clip,       ///< narrows the range of the weights
    round,      ///< chooses the codes
    compensate, ///< adds what rounding lost in another form
};

[[nodiscard]] constexpr std::string_view to_text(Stage stage) {
    constexpr std::array<std::string_view, 6> names = {"transform", "rotate", "keep", "clip", "round", "compensate"};
    return names[static_cast<std::size_t>(stage)];
}

} // namespace graticule
