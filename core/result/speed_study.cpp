#include "core/result/speed_study.h"

namespace graticule {

std::string_view to_text(SpeedPhase phase) { return phase == SpeedPhase::prefill ? "prefill" : "decode"; }

} // namespace graticule
