// Regular expressions by which files name modules: compressed-tensors' "re:" targets, GPTQ's "dynamic" rules.
#pragma once

#include <string>

namespace graticule {

/// Python's re.match: at the start, to no particular end. A pattern comes from the file, so its work is bounded. Throws
/// Error{unsupported} for one that cannot be read or takes too long; `what` names it in the message.
[[nodiscard]] bool matches_at_start(const std::string& pattern, const std::string& name, const std::string& what);

} // namespace graticule
