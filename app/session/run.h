// One line of the runs table: a recipe (or full precision) and what evaluating it gave so far.
#pragma once

#include <QtCore/QString>
#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "app/jobs/job_runner.h"
#include "core/recipe/recipe.h"
#include "core/result/evaluation.h"
#include "core/result/quantized_model.h"
#include "widgets/panels/run_dialogs.h"

namespace graticule {

struct Run {
    int id = 0;
    int colour = 0;
    bool full_precision = false;
    QString name; ///< the recipe in one line
    Recipe recipe;
    EvaluationChoice choice;
    Execution execution = {Compute::float32, Arithmetic::simulated}; ///< settled: what its protocol will say
    std::shared_ptr<const QuantizedModel> quantized;                 ///< null: full precision, or not there yet
    std::optional<Evaluation> evaluation;                            ///< as far as it has come
    double weight_bits = 16, input_bits = 16;
    std::int64_t bytes = 0;
    std::vector<JobId> jobs; ///< of this run, in order
    JobState state = JobState::waiting;
    double share_done = 0;
    QString error;

    [[nodiscard]] bool finished() const { return evaluation && evaluation->complete && state == JobState::done; }
};

/// The same recipe of the same model with the same outcome: one run, wherever the two come from.
[[nodiscard]] inline bool same_result(const Run& a, const Run& b) {
    return a.evaluation && b.evaluation && a.full_precision == b.full_precision && a.recipe == b.recipe &&
           a.evaluation->provenance.model_hash == b.evaluation->provenance.model_hash &&
           a.evaluation->protocol == b.evaluation->protocol &&
           a.evaluation->window_losses == b.evaluation->window_losses;
}

/// Which of `runs` has the same result as `run`; their end if none has.
[[nodiscard]] auto find_result(auto& runs, const Run& run) {
    return std::find_if(runs.begin(), runs.end(), [&](const Run& other) { return same_result(other, run); });
}

} // namespace graticule
