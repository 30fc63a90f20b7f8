// Names that tell runs apart: two runs of one recipe that were calibrated, seeded or measured differently are two
// things.
#pragma once

#include <QtCore/QString>
#include <vector>

#include "app/session/run.h"

namespace graticule {

/// Its own name, the other machine that it is of, and behind them whatever differs between it and other runs of the same
/// name. Runs that differ in nothing are numbered.
struct RunName {
    QString name;     ///< tells it from those of its protocol
    QString protocol; ///< where runs of its name were evaluated under several; else empty
    [[nodiscard]] QString whole() const { return protocol.isEmpty() ? name : name + QStringLiteral(" · ") + protocol; }
};
/// One per run.
[[nodiscard]] std::vector<RunName> run_names(const std::vector<Run>& runs);

/// "128 × 2048", with text, random pick and seed where they are not the usual.
[[nodiscard]] QString samples_text(const CalibrationSpec& spec);
/// "calibrated 128 × 2048", and the same.
[[nodiscard]] QString calibration_text(const CalibrationSpec& spec);
/// "A was calibrated 8 × 512, B 16 × 512": of runs that are compared, in their order, lettered as there; full precision
/// is not calibrated. Empty: all were calibrated alike.
[[nodiscard]] QString calibrations_text(const std::vector<const Run*>& compared);
/// "24 of 48 linears quantized"
[[nodiscard]] QString kept_text(const KeptLinears& kept);
/// "built-in text, 24 × 1024, bfloat16": what runs must share to be compared; float32 goes without saying.
[[nodiscard]] QString protocol_text(const RunProtocol& protocol);

} // namespace graticule
