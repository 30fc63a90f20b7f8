// A finished run as it is kept: in the journal and in session files. Quantized weights are not; the recipe makes them
// again.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "app/session/run.h"

namespace graticule {

[[nodiscard]] nlohmann::json run_to_json(const Run& run); ///< of a finished one
/// Without id, colour and jobs. Throws nlohmann's exceptions where something is missing, Error for a bad recipe.
[[nodiscard]] Run run_from_json(const nlohmann::json& value);

} // namespace graticule
