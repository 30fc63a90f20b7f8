#include "core/base/provenance.h"

namespace graticule {

std::vector<std::pair<std::string, std::string>> current_versions() { return {{"graticule", GRATICULE_VERSION}}; }

} // namespace graticule
