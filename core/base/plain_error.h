// What is being caught, where it can only be ours or the standard library's. What Torch and the kernels throw is read
// by core/runtime/torch_error.h, which ends here.
#pragma once

#include "core/base/error.h"

namespace graticule {

/// Call inside a catch block: the exception at hand. A mapped file that was cut short explains whatever else went
/// wrong; what nobody foresaw is internal.
[[nodiscard]] ErrorInfo plain_error();

} // namespace graticule
