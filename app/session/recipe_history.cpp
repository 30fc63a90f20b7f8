#include "app/session/recipe_history.h"

#include "core/recipe/recipe_text.h"

namespace graticule {

void RecipeHistory::reset(Recipe recipe, QString name, std::string text) {
    if (text.empty()) text = recipe_text(recipe);
    steps_.clear();
    steps_.push_back({std::move(name), std::move(recipe), std::move(text)});
    at_ = 0;
    group_.clear();
}

void RecipeHistory::restore(std::vector<Step> steps, std::size_t at) {
    if (at >= steps.size()) return;
    steps_ = std::move(steps);
    at_ = at;
    group_.clear();
}

bool RecipeHistory::push(Recipe recipe, QString name, const QString& group) {
    if (recipe == current()) return false;
    std::string text = with_recipe(this->text(), recipe);
    add({std::move(name), std::move(recipe), std::move(text)}, group);
    return true;
}

bool RecipeHistory::pushText(std::string text, Recipe recipe, QString name, const QString& group) {
    if (recipe == current() && text == this->text()) return false;
    add({std::move(name), std::move(recipe), std::move(text)}, group);
    return true;
}

void RecipeHistory::add(Step step, const QString& group) {
    steps_.resize(at_ + 1);
    const bool same_gesture = !group.isEmpty() && group == group_ && at_ > 0;
    if (same_gesture) {
        steps_[at_] = std::move(step);
    } else {
        steps_.push_back(std::move(step));
        ++at_;
    }
    group_ = group;
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
