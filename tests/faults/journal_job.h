// What journal_job keeps, for it and for the test that looks at it afterwards.
#pragma once

#include <string>

#include "app/session/run.h"

namespace graticule::faults {

inline const QString journal_model = QStringLiteral("/models/of/nobody");

/// The `number`-th run of a writer: no two have the same losses.
inline Run finished_run(const std::string& writer, int number) {
    Run run;
    run.name = QString::fromStdString(writer + " " + std::to_string(number));
    run.full_precision = true;
    run.state = JobState::done;
    run.evaluation.emplace();
    run.evaluation->run_name = writer;
    run.evaluation->provenance.model_hash = "of nobody"; // without one it is not known again
    run.evaluation->perplexity = 10;
    double first = number;
    for (const char c : writer) first = first * 31 + c;
    run.evaluation->window_losses = {first, 2.5};
    run.evaluation->complete = true;
    return run;
}

} // namespace graticule::faults
