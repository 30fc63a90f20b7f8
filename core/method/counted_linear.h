// The weight's own figures of a linear that is rounded to nearest, counted from the bytes of its file: what a what-if
// shows before it has looked at any input. On the CPU. Private to core/method.
#pragma once

#include <optional>

#include "core/method/what_if_layer.h"

namespace graticule {

/// Absent where `choice` (parameters complete) does more to the weight than round it to nearest in one grain.
/// Throws Error{bad_input} naming the file and the tensor when a value is NaN or infinite.
[[nodiscard]] std::optional<WhatIfLayer> count_linear(const Model& model, const Linear& linear,
                                                      const SchemeChoice& choice);

} // namespace graticule
