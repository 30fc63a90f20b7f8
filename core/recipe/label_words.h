// The words that a scheme has in tables and lists, apart: where there is little room some of them are said shorter.
#pragma once

#include <string>
#include <vector>

#include "core/recipe/tensor_scheme.h"

namespace graticule {

struct LabelWords {
    std::string format;                ///< of the weights: "dINT4", "NVFP4 4/6"; "W16", or "full precision" of all
    std::string grain;                 ///< "channel", "g128"; empty where the format says it, or where there is none
    std::vector<std::string> operands; ///< rounded beside the weights: "A8", "K4 g32", "A8 static"
    std::vector<std::string> static_operands; ///< those of them with scales from calibration: "A8 static"
};
[[nodiscard]] LabelWords label_words(const QuantScheme& scheme);

} // namespace graticule
