// How a device is named on the command line, in the window and in results: "cpu", "cuda", "cuda:1".
#pragma once

#include <optional>
#include <string>

namespace graticule {

/// Index of a CUDA device by its name, "cuda" being the first; nothing for any other text.
[[nodiscard]] std::optional<int> cuda_index(const std::string& name);
/// Throws Error{usage} unless the name is one of the three forms. Whether there is such a device is not asked.
void check_device_name(const std::string& name);

} // namespace graticule
