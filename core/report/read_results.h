// Results read back from JSON as json_results.h writes them, without predictions: by who keeps runs and by who is sent
// them. All throw nlohmann's exceptions where something is missing or of another type, Error for a word that is no row.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "core/base/provenance.h"
#include "core/result/evaluation.h"

namespace graticule {

[[nodiscard]] Protocol read_protocol(const nlohmann::json& value);
[[nodiscard]] Provenance read_provenance(const nlohmann::json& value);
[[nodiscard]] Evaluation read_evaluation(const nlohmann::json& value); ///< `complete` is not in it
/// JSON has no infinity; results write it as null.
[[nodiscard]] double read_number(const nlohmann::json& value);

} // namespace graticule
