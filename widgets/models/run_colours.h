// The colour of a run everywhere: dot in the table, line and point in the plots. Number 0 is grey, the unquantized
// model's; the others come round again past the last.
#pragma once

#include <QtGui/QColor>
#include <array>

#include "widgets/theme/theme.h"

namespace graticule {

inline constexpr std::array run_tokens{theme::Token::accent,    theme::Token::candidate, theme::Token::worse,
                                       theme::Token::underflow, theme::Token::levels,    theme::Token::good};

[[nodiscard]] inline theme::Token run_token(int index) {
    if (index <= 0) return theme::Token::full_precision;
    return run_tokens[static_cast<std::size_t>(index - 1) % run_tokens.size()];
}

[[nodiscard]] inline QColor run_colour(const theme::Theme& look, int index) { return look[run_token(index)]; }

} // namespace graticule
