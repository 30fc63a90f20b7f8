// What becomes of the fields of config.json that no family asked for: a table of those known to change no result, with
// the reason; a table of those that must have a certain value, because what they switch on is not done; a note on the
// rest.
#pragma once

#include "core/model/config_reader.h"

namespace graticule {

/// Throws Error{unsupported} naming field and value; else appends to `model.notes`.
void note_unread_fields(const ConfigReader& config, ModelConfig& model);

} // namespace graticule
