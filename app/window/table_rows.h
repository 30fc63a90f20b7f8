// The session as the rows of the window's tables.
#pragma once

#include <vector>

#include "app/session/session.h"
#include "app/window/job_pace.h"
#include "widgets/models/job_list_model.h"
#include "widgets/models/layer_row.h"
#include "widgets/models/run_table_model.h"

namespace graticule {

[[nodiscard]] std::vector<LayerRow> layer_rows(const Session& session);
[[nodiscard]] std::vector<RunRow> run_rows(const Session& session);
[[nodiscard]] std::vector<JobRow> job_rows(const Session& session, JobPace& pace);

/// "INT4 / A8", with the methods that matter behind it: "INT4 / A8 · smoothquant".
[[nodiscard]] QString scheme_label(const SchemeChoice& choice);

} // namespace graticule
