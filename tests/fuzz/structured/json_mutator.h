// Changes of a JSON document that keep it one as a rule: values, keys, order, counts, copies of parts elsewhere, keys
// that come twice.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "tests/fuzz/structured/decisions.h"

namespace graticule::fuzz {

using Json = nlohmann::ordered_json;

void mutate(Json& document, Decisions& decide);
/// A change that most readers take: of order, a fraction, a switch. What it leads to lies behind the first checks.
void mutate_mildly(Json& document, Decisions& decide);
/// Another order of an object's members: the one at `first` comes first.
void rotate_members(Json& object, std::size_t first);
/// The text, now and then with a flaw that no tree can have: a key twice, a stray byte, an end cut off.
[[nodiscard]] std::string written(const Json& document, Decisions& decide);

} // namespace graticule::fuzz
