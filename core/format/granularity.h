// Who shares a scale. For weights (out, in): tensor, channel = one output row, group of N along the input. For
// activations (tokens, channels): tensor, token, group of N per token. For values cached per head: channel = one
// column.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "kernels/api/views.h"

namespace graticule {

struct Granularity {
    enum class Kind : std::uint8_t { tensor, channel, group, token };
    Kind kind = Kind::channel;
    std::int64_t group_size = 0; ///< group only

    bool operator==(const Granularity&) const = default;
};

[[nodiscard]] std::string to_text(Granularity granularity); ///< "tensor", "channel", "g128", "token"
[[nodiscard]] std::optional<Granularity> parse_granularity(std::string_view text);

/// Rectangles for a matrix of this shape. Throws Error{bad_input} when a group size does not divide `columns`: the
/// message names the size, the columns and sizes that would do.
[[nodiscard]] BlockLayout layout_of(Granularity granularity, std::int64_t rows, std::int64_t columns);
/// Empty when the granularity fits, else the same sentence that layout_of would throw.
[[nodiscard]] std::string check_granularity(Granularity granularity, std::int64_t columns);

} // namespace graticule
