// What was measured of a recipe beside full precision, as the window shows and keeps it.
#pragma once

#include <QtCore/QString>
#include <iterator>
#include <memory>
#include <vector>

#include "core/io/task_file.h"
#include "core/recipe/recipe.h"
#include "core/result/divergence.h"
#include "core/result/evaluation.h"
#include "core/result/length_study.h"
#include "core/result/passages.h"
#include "core/result/task_run.h"

namespace graticule {

/// How far a recipe's predictions are from full precision's, and where in the text. Under way: of the windows so far.
struct DivergenceStudy {
    Recipe recipe;
    Protocol protocol;
    QString text; ///< its name
    Divergence divergence;
    std::vector<Passage> worst; ///< none under way
    Provenance provenance = {}; ///< of the recipe's side; none under way
    [[nodiscard]] bool complete() const { return std::ssize(divergence.window_means) == protocol.windows_used; }
    /// "built-in text, gptq, windows of 512 (8 of 24), ...": what it was measured on.
    [[nodiscard]] QString conditions() const {
        return text + QStringLiteral(", ") + QString::fromStdString(protocol.text());
    }
};

/// Calibration lengths compared for sequences of advice.target tokens; with a matrix: by a recipe's perplexity too.
struct CalibrationLengths {
    Recipe recipe; ///< the matrix's; without a matrix nothing of it counts but the text that it is calibrated on
    LengthStudy study;
    LengthAdvice advice; ///< follows from the study
    [[nodiscard]] bool measured() const { return !study.evaluated.empty(); }
    /// Whether comparing again for `now` would find the same: samples and lengths are the study's own.
    [[nodiscard]] bool is_of(const Recipe& now) const {
        if (now.calibration.text != recipe.calibration.text) return false;
        Recipe same = now;
        same.calibration = recipe.calibration;
        same.name = recipe.name;
        return !measured() || same == recipe;
    }
};

/// What full precision and a recipe answered to the items of a task.
struct TaskStudy {
    Recipe recipe;
    std::shared_ptr<const TaskSet> set; ///< of one that was kept: the words of items whose answer flipped alone
    std::vector<TaskRun> sides;         ///< full precision, the recipe; under way: with items that are pending
    [[nodiscard]] bool complete() const { return sides.front().answered() == std::ssize(set->items); }
};

} // namespace graticule
