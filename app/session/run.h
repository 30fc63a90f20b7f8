// One line of the runs table: a recipe (or full precision) and what evaluating it gave so far.
#pragma once

#include <QtCore/QString>
#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "app/jobs/job_runner.h"
#include "core/base/execution.h"
#include "core/engine/engine.h"
#include "core/recipe/recipe.h"
#include "core/result/evaluation.h"
#include "core/result/quantized_model.h"
#include "widgets/panels/run_dialogs.h"

namespace graticule {

/// What runs must share to be compared: each group of one protocol has a baseline of its own.
struct RunProtocol {
    EvaluationChoice choice;
    Execution execution; ///< settled
    bool operator==(const RunProtocol&) const = default;
};

struct Run {
    int id = 0;
    int colour = 0;
    bool full_precision = false;
    QString name; ///< the recipe in one line
    Recipe recipe;
    QString served_as; ///< Target::name whose rounding of inputs is evaluated; empty: the recipe's own
    EvaluationChoice choice;
    Execution execution = {Compute::float32, Arithmetic::simulated}; ///< settled: what its protocol will say
    std::shared_ptr<const QuantizedModel> quantized;                 ///< null: full precision, or not there yet
    /// Of its layers, in ascending order; null: none are known. There may be some where the weights are not in memory.
    std::shared_ptr<const std::vector<LayerReport>> reports;
    std::optional<Evaluation> evaluation; ///< as far as it has come
    StoredBits weight_bits{16, 16};       ///< per weight
    double input_bits = 16;
    std::int64_t bytes = 0;
    std::vector<JobId> jobs; ///< of this run, in order
    JobState state = JobState::waiting;
    double share_done = 0;
    QString error;
    std::string model_hash;          ///< of the model that it was asked of; empty: not known then
    QString window;                  ///< WindowMark of the one that was at it when it was kept; empty: it was stopped
    bool in_another_window = false;  ///< that window is there, and not this one
    QString host;                    ///< the other machine that was asked for it; empty: this one
    std::optional<KeptLinears> kept; ///< of its quantization, which was stopped; absent: nothing

    [[nodiscard]] RunProtocol protocol() const { return {choice, execution}; }
    void setSize(const ModelSize& size) {
        weight_bits = size.bits_per_weight;
        bytes = size.bytes;
    }
    [[nodiscard]] bool finished() const { return evaluation && evaluation->complete && state == JobState::done; }
    /// Stopped on the way, with windows that need not be evaluated again.
    [[nodiscard]] bool resumable() const { return !alive() && hasWindows() && !evaluation->complete; }
    /// The window ended before it did.
    [[nodiscard]] bool cutOff() const { return !alive() && !window.isEmpty() && !in_another_window; }
    [[nodiscard]] bool hasWindows() const { return !losses().empty(); }
    /// Before it has windows its quantization may be all that is kept of it: here.
    [[nodiscard]] bool quantizesHere() const { return !hasWindows() && !full_precision && madeOn().isEmpty(); }
    [[nodiscard]] std::span<const double> losses() const {
        return evaluation ? std::span<const double>(evaluation->window_losses) : std::span<const double>();
    }
    [[nodiscard]] const std::string& modelHash() const {
        return evaluation ? evaluation->provenance.model_hash : model_hash;
    }
    /// The other machine whose figures these are, or will be; empty: this one.
    [[nodiscard]] QString madeOn() const {
        return evaluation ? QString::fromStdString(evaluation->provenance.host) : host;
    }
    /// Finished, or on its way there.
    [[nodiscard]] bool alive() const {
        return state != JobState::failed && state != JobState::cancelled && state != JobState::skipped;
    }
    /// What has come of its evaluation.
    void take(const Evaluation& so_far, bool complete) {
        evaluation = so_far;
        evaluation->complete = complete;
        const auto there = static_cast<double>(std::max<std::int64_t>(1, so_far.protocol.windows_used));
        share_done = std::min(1.0, static_cast<double>(so_far.window_losses.size()) / there);
    }
};

/// The same recipe of the same model under the same protocol, on the same machine. Where one has not begun, its model
/// may not be known yet.
[[nodiscard]] inline bool same_question(const Run& a, const Run& b) {
    if (a.full_precision != b.full_precision || a.served_as != b.served_as || !(a.recipe == b.recipe) ||
        a.madeOn() != b.madeOn())
        return false;
    if (a.evaluation && b.evaluation)
        return a.modelHash() == b.modelHash() && a.evaluation->protocol == b.evaluation->protocol;
    const bool same_model = a.modelHash() == b.modelHash() || a.modelHash().empty() || b.modelHash().empty();
    return same_model && a.protocol() == b.protocol();
}

/// With the same outcome: one run, wherever the two come from.
[[nodiscard]] inline bool same_result(const Run& a, const Run& b) {
    return same_question(a, b) && std::ranges::equal(a.losses(), b.losses());
}

/// `a` is what `b` was on its way to, or is further on it.
[[nodiscard]] inline bool continues(const Run& a, const Run& b) {
    if (!same_question(a, b)) return false;
    const auto there = a.losses(), before = b.losses();
    return there.size() > before.size() && std::equal(before.begin(), before.end(), there.begin());
}

/// Which of `runs` has the same result as `run`; their end if none has.
[[nodiscard]] auto find_result(auto& runs, const Run& run) {
    return std::find_if(runs.begin(), runs.end(), [&](const Run& other) { return same_result(other, run); });
}

} // namespace graticule
