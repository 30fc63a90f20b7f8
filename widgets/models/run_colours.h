// The colour of a run everywhere: dot in the table, line in the plots. The baseline is grey, then accent, candidate,
// worse ...
#pragma once

#include <QtGui/QColor>
#include <array>

#include "widgets/theme/theme.h"

namespace graticule {

[[nodiscard]] inline QColor run_colour(const theme::Theme& look, int index) {
    using theme::Token;
    static constexpr std::array tokens{Token::full_precision, Token::accent,    Token::candidate, Token::worse,
                                       Token::levels,         Token::underflow, Token::good};
    const auto count = static_cast<int>(tokens.size());
    // Past the last, the coloured ones come round again; grey stays the baseline's.
    const int at = index < count ? index : 1 + (index - 1) % (count - 1);
    return look[tokens[static_cast<std::size_t>(at < 0 ? 0 : at)]];
}

} // namespace graticule
