// A run as it is kept, finished, on its way or only asked for: in the journal and in session files. Quantized weights
// are not; the recipe makes them again.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "app/session/run.h"
#include "core/io/json_file.h"

namespace graticule {

[[nodiscard]] nlohmann::json run_to_json(const Run& run);
/// Without id, colour and jobs. Throws nlohmann's exceptions where something is missing, Error for a bad recipe.
[[nodiscard]] Run run_from_json(const nlohmann::json& value);

/// As members of a document: "runs", and in "asked" those without a window yet, which programs of before do not know.
void write_runs_to(nlohmann::json& document, const std::vector<const Run*>& runs);
void read_runs_of(const nlohmann::json& document, std::vector<Run>& runs); ///< behind those that are in `runs`

/// Of files that hold runs, for their readers and their writer: thousands of runs of thousands of windows.
inline constexpr JsonLimits run_file_limits{std::size_t{64} << 20, 64};
/// Aside, then renamed; what could not be read again is not written. Throws Error{bad_input} naming the file.
void write_run_file(const QString& path, const nlohmann::json& document);

} // namespace graticule
