// What this machine is called, as results and messages name it.
#pragma once

#include <string>

namespace graticule {

[[nodiscard]] std::string host_name(); ///< "unnamed" where it has no name

} // namespace graticule
