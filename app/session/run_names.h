// Names that tell runs apart: two runs of one recipe that were calibrated, seeded or measured differently are two
// things.
#pragma once

#include <QtCore/QString>
#include <vector>

#include "app/session/run.h"

namespace graticule {

/// One name per run: its own, and behind it whatever differs between it and other runs of the same name. Runs that
/// differ in nothing are numbered.
[[nodiscard]] std::vector<QString> run_names(const std::vector<Run>& runs);

/// "128 × 2048 tokens", with text, random pick and seed where they are not the usual.
[[nodiscard]] QString calibration_text(const CalibrationSpec& spec);
/// "built-in text, 24 × 1024, bfloat16": what runs must share to be compared; float32 goes without saying.
[[nodiscard]] QString protocol_text(const RunProtocol& protocol);

} // namespace graticule
