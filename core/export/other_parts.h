// A checkpoint that holds more than a language model ("text_config" in its config.json): the rest, an image tower and
// what joins the two, is carried along as it is. Clients must be told to leave it alone. Private to the exporters.
#pragma once

#include <string>
#include <vector>

#include "core/model/model.h"

namespace graticule {

/// Whether its configuration describes a language model as one part of several.
[[nodiscard]] bool has_other_parts(const Model& model);

/// Names of the other parts' modules: "vision_tower", "multi_modal_projector". Empty where there are none.
[[nodiscard]] std::vector<std::string> other_parts(const Model& model);

/// The module of a linear as a regular expression that fits whether a client calls the language model
/// "language_model.model." (as older files do) or "model.language_model.":
/// "re:.*language_model\\.(.*\\.)?layers\\.0\\...$".
[[nodiscard]] std::string module_pattern(const Model& model, const Linear& linear);

} // namespace graticule
