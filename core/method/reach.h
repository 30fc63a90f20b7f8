// What a method cannot do to a linear, whatever its inputs are. No Torch here: the window says it as it is chosen.
#pragma once

#include "core/method/method.h"
#include "core/model/model.h"

namespace graticule {

/// The transform of `choice` where it does not scale what this layer reads, so that it changes nothing there:
/// SmoothQuant at fc2. Null: it scales that, or there is none.
[[nodiscard]] const MethodRow* idle_transform(const Model& model, LayerId layer, const SchemeChoice& choice);

} // namespace graticule
