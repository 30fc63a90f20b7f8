#include "app/session/recipe_history.h"

namespace graticule {

void RecipeHistory::reset(Recipe recipe, QString name) {
    steps_.clear();
    steps_.push_back({std::move(name), std::move(recipe)});
    at_ = 0;
    group_.clear();
}

bool RecipeHistory::push(Recipe recipe, QString name, const QString& group) {
    if (recipe == current()) return false;
    steps_.resize(at_ + 1);
    const bool same_gesture = !group.isEmpty() && group == group_ && at_ > 0;
    if (same_gesture) {
        steps_[at_] = {std::move(name), std::move(recipe)};
    } else {
        steps_.push_back({std::move(name), std::move(recipe)});
        ++at_;
    }
    group_ = group;
    return true;
}

void RecipeHistory::undo() {
    if (canUndo()) --at_;
    group_.clear();
}

void RecipeHistory::redo() {
    if (canRedo()) ++at_;
    group_.clear();
}

void RecipeHistory::go(std::size_t step) {
    if (step < steps_.size()) at_ = step;
    group_.clear();
}

} // namespace graticule
