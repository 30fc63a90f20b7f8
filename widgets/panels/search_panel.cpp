#include "widgets/panels/search_panel.h"

#include <QtWidgets/QDoubleSpinBox>
#include <QtWidgets/QLabel>
#include <QtWidgets/QPushButton>
#include <algorithm>
#include <cmath>

#include "widgets/models/number_text.h"
#include "widgets/panels/below_plot.h"
#include "widgets/panels/elided_label.h"
#include "widgets/panels/figure_table.h"
#include "widgets/panels/words_label.h"

namespace graticule {

namespace {

QString interval_text(const Interval& interval) {
    return std::isfinite(interval.high)
               ? QStringLiteral("%1 … %2").arg(fixed_text(interval.low, 4), fixed_text(interval.high, 4))
               : SearchPanel::tr("n/a");
}

} // namespace

QString searched_operands(const RecipeSearch& search) {
    const auto rounds_inputs = [](const SearchPoint& point) {
        const auto rounds = [](const SchemeChoice& choice) { return choice.scheme.input.has_value(); };
        return rounds(point.recipe.defaults) || std::ranges::any_of(point.recipe.rules, rounds, &Rule::choice);
    };
    const bool inputs = rounds_inputs(search.searched) || std::ranges::any_of(search.uniform, rounds_inputs);
    return inputs ? SearchPanel::tr("weights and inputs") : SearchPanel::tr("weights alone, inputs as they are");
}

std::vector<SearchedPoint> all_points(const SearchPanel::Searches& searches) {
    std::vector<SearchedPoint> points;
    const auto add = [&](const SearchPoint& point, const RecipeSearch& search, bool searched) {
        const SearchedPoint fresh{&point, &search, searched, search.offered() == &point};
        const auto same = std::ranges::find_if(points, [&](const SearchedPoint& known) {
            return known.point->recipe.defaults == point.recipe.defaults &&
                   known.point->recipe.rules == point.recipe.rules &&
                   known.point->evaluation->protocol == point.evaluation->protocol;
        });
        if (same == points.end())
            points.push_back(fresh);
        else
            same->offered = same->offered || fresh.offered;
    };
    for (const auto& search : searches) {
        add(search->searched, *search, true);
        for (const SearchPoint& point : search->uniform) add(point, *search, false);
    }
    std::ranges::stable_sort(points, {},
                             [](const SearchedPoint& point) { return point.point->size.bits_per_weight.actual; });
    return points;
}

SearchPanel::SearchPanel(QWidget* parent)
    : QFrame(parent)
    , headline_(words_label("title"))
    , verdict_(words_label("secondary"))
    , conditions_(words_label("faint"))
    , on_(measured_on_label())
    , budget_(new QDoubleSpinBox)
    , search_(new QPushButton(tr("Search")))
    , table_(new FigureTable(tr("Recipes that searches measured"))) {
    budget_->setRange(1, 16);
    budget_->setDecimals(2);
    budget_->setSingleStep(0.25);
    budget_->setValue(4.5);
    budget_->setSuffix(tr(" bits a weight"));
    budget_->setAccessibleName(tr("Budget"));
    budget_->setToolTip(tr("Average stored bits of the decoder's weights, scales and zero points included"));
    search_->setToolTip(
        tr("Predicts what 3 to 8 bits cost each group of linears, chooses under the budget, and measures "
           "the result beside the uniform recipes near it on the evaluation text"));
    table_->setSelectionBehavior(QAbstractItemView::SelectRows);
    table_->setToolTip(tr("Double-click takes the recipe"));
    auto* column = column_below_plot(*this);
    column->addWidget(headline_);
    column->addLayout(line_of({budget_, search_}, on_));
    column->addWidget(table_, 1);
    column->addWidget(verdict_);
    column->addWidget(conditions_);
    column->addStretch(0);
    connect(search_, &QPushButton::clicked, this, [this] { Q_EMIT searchWanted(budget_->value()); });
    connect(table_, &QTableWidget::cellDoubleClicked, this, [this](int row, int) { Q_EMIT recipeWanted(row); });
    setSearches({});
}

void SearchPanel::setSearches(const Searches& searches) {
    const bool there = !searches.empty();
    headline_->setText(!there                           ? tr("Which layers deserve more bits?")
                       : searches.back()->beats_uniform ? tr("The searched recipe beats all layers alike")
                                                        : tr("Not proven better than all layers alike"));
    const QString verdict = there ? with_minus_signs(QString::fromStdString(searches.back()->verdict())) : QString();
    verdict_->setText(there ? verdict.left(1).toUpper() + verdict.mid(1) + u'.'
                            : tr("Names a recipe of layers that differ only where measurement on text that the search "
                                 "has not seen shows that it pays."));
    table_->setVisible(there);
    conditions_->setVisible(there);
    if (!there) return;
    const Evaluation& baseline = *searches.back()->baseline;
    conditions_->setText(tr("Quantized: %1. Divergence and perplexity: %2, %3; predictions: float32.")
                             .arg(searched_operands(*searches.back()),
                                  QString::fromStdString(baseline.provenance.data_name),
                                  QString::fromStdString(baseline.protocol.text())));
    const std::vector<SearchedPoint> points = all_points(searches);
    table_->setShape(static_cast<int>(points.size()),
                     {{tr("recipe"), false, {}},
                      {tr("offered"), false,
                       tr("What the search names at its end: the searched recipe only where it was measured better "
                          "than every uniform one that fits and the next larger one")},
                      {tr("bits"), true, tr("Stored bits of a weight, scales and zero points included")},
                      {tr("perplexity"), true, {}},
                      {tr("divergence\nnats"), true,
                       tr("From full precision, measured on text that the search has not seen, in nats per token")},
                      {tr("95 %\ninterval"), true, tr("Of the measured divergence, over windows")},
                      {tr("predicted\nnats"), true, tr("Divergence as the search predicted it, in nats per token")}});
    for (int row = 0; row < table_->rowCount(); ++row) {
        const SearchedPoint& one = points[static_cast<std::size_t>(row)];
        const SearchPoint& point = *one.point;
        const QString recipe = QString::fromStdString(summary_line(point.recipe));
        const QStringList texts{one.searched
                                    ? tr("searched under %1").arg(QString::fromStdString(one.search->budget_text()))
                                    : QString::fromStdString(point.name),
                                one.offered ? tr("yes") : QString(),
                                fixed_text(point.size.bits_per_weight.actual, 3),
                                fixed_text(point.evaluation->perplexity, 2),
                                fixed_text(point.divergence.mean, 4),
                                interval_text(point.divergence.over_windows.interval),
                                point.predicted ? fixed_text(*point.predicted, 4) : QString()};
        for (int column = 0; column < table_->columnCount(); ++column) table_->put(row, column, texts[column], recipe);
    }
    table_->fit();
    table_->showAllRows();
}

} // namespace graticule
