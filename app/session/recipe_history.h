// Undo and redo of the recipe: a list of values with names. Edits of one gesture (a slider being dragged, a word being
// typed) carry the same group and count as one step.
#pragma once

#include <QtCore/QString>
#include <cstddef>
#include <vector>

#include "core/recipe/recipe.h"

namespace graticule {

class RecipeHistory {
public:
    struct Step {
        QString name; ///< what was done: "weights dINT4 on 8 linears"
        Recipe recipe;
    };

    RecipeHistory() { reset({}, {}); }
    void reset(Recipe recipe, QString name);
    /// Drops what was undone. An unchanged recipe is not a step. Returns whether anything changed.
    bool push(Recipe recipe, QString name, const QString& group = {});
    /// The next edit starts a new step whatever its group.
    void endGroup() { group_.clear(); }

    [[nodiscard]] const Recipe& current() const { return steps_[at_].recipe; }
    [[nodiscard]] bool canUndo() const { return at_ > 0; }
    [[nodiscard]] bool canRedo() const { return at_ + 1 < steps_.size(); }
    [[nodiscard]] QString undoName() const { return canUndo() ? steps_[at_].name : QString(); }
    [[nodiscard]] QString redoName() const { return canRedo() ? steps_[at_ + 1].name : QString(); }
    void undo();
    void redo();
    void go(std::size_t step);
    [[nodiscard]] const std::vector<Step>& steps() const { return steps_; }
    [[nodiscard]] std::size_t position() const { return at_; }

private:
    std::vector<Step> steps_;
    std::size_t at_ = 0;
    QString group_;
};

} // namespace graticule
