// What `auto` comes to for one model on one device.
#pragma once

#include <string>

#include "core/base/execution.h"
#include "core/model/model.h"

namespace graticule {

/// `asked` with its compute type decided, never Compute::automatic, for the device of this name (JobContext::device).
/// Throws Error{unsupported} for integer products in float64.
[[nodiscard]] Execution settle_execution(Execution asked, const std::string& device, const Model& model);

} // namespace graticule
