// Recipes under a budget: what to search for, what searches found, and whether it beats treating all layers alike.
#pragma once

#include <QtWidgets/QFrame>
#include <memory>
#include <vector>

#include "core/result/recipe_search.h"

class QDoubleSpinBox;
class QLabel;
class QPushButton;

namespace graticule {

class ElidedLabel;
class FigureTable;

class SearchPanel final : public QFrame {
    Q_OBJECT
public:
    using Searches = std::vector<std::shared_ptr<const RecipeSearch>>;

    explicit SearchPanel(QWidget* parent = nullptr);
    /// Of one model, in the order in which they were done; the newest is told of.
    void setSearches(const Searches& searches);
    [[nodiscard]] ElidedLabel* measuredOn() const { return on_; } ///< what the next one will be measured on
    [[nodiscard]] FigureTable* table() const { return table_; }
    [[nodiscard]] QDoubleSpinBox* budget() const { return budget_; }

Q_SIGNALS:
    void searchWanted(double bits);
    /// Point of all_points(searches).
    void recipeWanted(int point);

private:
    QLabel *headline_, *verdict_, *conditions_;
    ElidedLabel* on_;
    QDoubleSpinBox* budget_;
    QPushButton* search_;
    FigureTable* table_;
};

/// Every point that searches measured, each recipe once, by size.
struct SearchedPoint {
    const SearchPoint* point = nullptr;
    const RecipeSearch* search = nullptr;
    bool searched = false; ///< by the program; else a uniform recipe
    bool offered = false;
};
/// What was looked for: "weights alone, inputs as they are", or "weights and inputs".
[[nodiscard]] QString searched_operands(const RecipeSearch& search);
[[nodiscard]] std::vector<SearchedPoint> all_points(const SearchPanel::Searches& searches);

} // namespace graticule
