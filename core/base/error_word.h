// Kinds of errors as JSON and other programs name them.
#pragma once

#include <string_view>

#include "core/base/error.h"

namespace graticule {

[[nodiscard]] std::string_view error_word(ErrorKind kind);        ///< "bad_input"
[[nodiscard]] ErrorKind error_kind_called(std::string_view word); ///< internal for a word that is none

} // namespace graticule
