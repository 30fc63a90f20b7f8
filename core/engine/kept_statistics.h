// Statistics of calibration that were computed before, by the same build for the same model, text, settings, device and
// arithmetic: the same bytes as computed again, but for the seconds it took.
//
//     const RecordFolder kept = kept_statistics(folder);
//     auto stats = calibrate(model, tokenizer, spec, ctx, {},
//                            [&](const ActivationStats& asked) { return find_statistics(kept, model, asked, ctx); });
//     keep_statistics(kept, model, *stats);       // those that were computed
#pragma once

#include <filesystem>
#include <functional>
#include <memory>

#include "core/engine/engine.h"
#include "core/engine/record_folder.h"
#include "core/runtime/device.h"

namespace graticule {

/// What was computed before of `asked`: settings, samples and provenance but for the model's hash. Null: nothing.
using StatsLookup = std::function<std::shared_ptr<const ActivationStats>(const ActivationStats& asked)>;
/// As calibrate of engine.h, which computes whatever was before.
[[nodiscard]] std::shared_ptr<const ActivationStats> calibrate(const Model& model, const Tokenizer& tokenizer,
                                                               const CalibrationSpec& spec, JobContext& ctx,
                                                               const StatsCallback& on_snapshot,
                                                               const StatsLookup& made_before);

/// With the bound of what may lie there. Empty: nothing is kept.
[[nodiscard]] RecordFolder kept_statistics(const std::filesystem::path& folder);

/// What calibrate would compute, as far as that is known before: settings, samples, and provenance but for the model's
/// hash. Throws as load_text and open_device.
[[nodiscard]] std::shared_ptr<ActivationStats> statistics_asked(const Tokenizer& tokenizer, const CalibrationSpec& spec,
                                                                const Device& device, const Execution& execution);
/// Whether there is what find_statistics would look at; it may be damaged, or of a model that has changed since.
[[nodiscard]] bool has_statistics(const RecordFolder& kept, const Model& model, const ActivationStats& asked);

/// In the place of what is there of the same settings and text. False: they are too large. Throws Error{bad_input}
/// naming the file.
bool keep_statistics(const RecordFolder& kept, const Model& model, const ActivationStats& stats);

/// What keep_statistics kept that agrees with `asked` in all but sites and seconds; null: there is nothing. Waits for
/// the model's hash where there is.
[[nodiscard]] std::shared_ptr<const ActivationStats> find_statistics(const RecordFolder& kept, const Model& model,
                                                                     const ActivationStats& asked, JobContext& ctx);

} // namespace graticule
