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
        std::string text; ///< the same as somebody keeps it, comments and all (core/recipe/recipe_text.h)
    };

    RecipeHistory() { reset({}, {}); }
    /// `text` empty: the recipe's own, without comments.
    void reset(Recipe recipe, QString name, std::string text = {});
    /// Another time's history; `at` is one of its steps.
    void restore(std::vector<Step> steps, std::size_t at);
    /// Drops what was undone. An unchanged recipe is not a step. Returns whether anything changed. The text follows:
    /// comments and the order of lines stay.
    bool push(Recipe recipe, QString name, const QString& group = {});
    /// The same, where the text came first: it stays as typed, and a changed comment is a step too.
    bool pushText(std::string text, Recipe recipe, QString name, const QString& group);
    /// The next edit starts a new step whatever its group.
    void endGroup() { group_.clear(); }

    [[nodiscard]] const Recipe& current() const { return steps_[at_].recipe; }
    [[nodiscard]] const std::string& text() const { return steps_[at_].text; }
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
    void add(Step step, const QString& group);
    std::vector<Step> steps_;
    std::size_t at_ = 0;
    QString group_;
};

} // namespace graticule
