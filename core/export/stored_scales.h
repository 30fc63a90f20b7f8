// Scales as the bytes of their coding. Private to core/export.
#pragma once

#include <string>
#include <vector>

#include "core/format/scale_level.h"
#include "core/tensor/host_tensor.h"

namespace graticule {

/// E8M0 has no type of its own here: the exponent plus 127 in U8.
[[nodiscard]] DType stored_type(Coding coding);
/// Throws Error{internal} naming the layer for a scale that is none of the coding.
[[nodiscard]] HostTensor store_scales(const std::vector<float>& scales, Coding coding, const Shape& shape,
                                      const std::string& layer);
[[nodiscard]] std::vector<float> load_scales(const HostTensor& stored, Coding coding);

} // namespace graticule
