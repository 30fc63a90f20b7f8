// The session as the rows of the window's tables.
#pragma once

#include <QtCore/QStringList>
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

/// "INT4 channel / A8", with the methods that matter behind it: "INT4 channel / A8 · smoothquant".
[[nodiscard]] QString scheme_label(const SchemeChoice& choice);
/// Of each of choices that stand below each other its label, then the same in ever fewer words, as many of each:
/// "INT4 ch / A8 · SQ", "INT4 ch · SQ". Format, grain and methods stay, inputs where they differ or are
/// static; zero points and settings of methods are said as soon as some differ in nothing else.
[[nodiscard]] std::vector<QStringList> scheme_labels(const std::vector<SchemeChoice>& choices);

} // namespace graticule
