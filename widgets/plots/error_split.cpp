// Where a layer's output error comes from: underflow, rounding, clipping, and the cross term, which has a sign.
#include "widgets/plots/number_text.h"
#include "widgets/plots/plot_builders.h"
#include "widgets/plots/scene_text.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace graticule::plots {
namespace {

using theme::Token;

struct Term {
    const char* name;
    double ErrorTerms::*value;
    Token token;
};

constexpr std::array<Term, 4> terms{{{"underflow", &ErrorTerms::underflow, Token::underflow},
                                     {"rounding", &ErrorTerms::rounding, Token::accent},
                                     {"clipping", &ErrorTerms::clipping, Token::levels},
                                     {"cross term", &ErrorTerms::cross, Token::full_precision}}};

double harm(const ErrorSplitRow& row) {
    double worst = 0;
    for (const ErrorTerms& recipe : row.recipes)
        if (std::isfinite(recipe.total())) worst = std::max(worst, recipe.total());
    return worst;
}

QString row_details(const ErrorSplitRow& row, std::size_t recipe, const QStringList& names) {
    const ErrorTerms& here = row.recipes[recipe];
    QString text = QStringLiteral("%1: total %2").arg(names.value(qsizetype(recipe)), number_text(here.total(), 3));
    if (recipe > 0) {
        const double before = row.recipes.front().total();
        if (before > 0) text += QStringLiteral(" (%1 %)").arg(signed_text(100 * (here.total() / before - 1), 1));
    }
    if (!std::isnan(here.sqnr_db)) text += QStringLiteral("\nSQNR %1 dB").arg(fixed_text(here.sqnr_db, 2));
    return text;
}

/// Stacks each row's terms: positive ones upward from zero, negative ones downward.
void add_stacks(Panel& panel, const std::vector<const ErrorSplitRow*>& rows, std::size_t recipe, std::size_t recipes,
                const QStringList& names) {
    std::vector<double> above(rows.size(), 0), below(rows.size(), 0);
    const double width = recipes > 1 ? 0.36 : 0.66;
    for (const Term& term : terms) {
        Series series = make_series(QString::fromLatin1(term.name), Mark::bars, {term.token, recipe == 0 ? 1.0 : 0.6});
        series.bar_width = width;
        for (std::size_t i = 0; i < rows.size(); ++i) {
            const bool present = recipe < rows[i]->recipes.size();
            const double value = present ? rows[i]->recipes[recipe].*term.value : 0;
            double& base = value >= 0 ? above[i] : below[i];
            const double shift = recipes > 1 ? (recipe == 0 ? -0.2 : 0.2) : 0;
            const bool drawn = present && std::isfinite(value);
            series.x.push_back(double(i) + shift);
            series.y0.push_back(base);
            series.y.push_back(drawn ? base + value : not_a_number);
            series.ids.push_back(rows[i]->id >= 0 ? rows[i]->id : qint64(i));
            // Once a column is enough: the read-out shows all its terms together.
            if (&term == &terms.front())
                series.details.push_back(present ? row_details(*rows[i], recipe, names) : QString());
            if (drawn) base += value;
        }
        panel.series.push_back(std::move(series));
    }
    const auto highest = finite_range(above), lowest = finite_range(below);
    if (highest) panel.y.span.upper = std::max(panel.y.span.upper, highest->upper * 1.06);
    if (lowest) panel.y.span.lower = std::min(panel.y.span.lower, lowest->lower * 1.15);
}

DataTable error_table(const ErrorSplitData& data, const std::vector<const ErrorSplitRow*>& rows) {
    DataTable table{{QStringLiteral("layer"), QStringLiteral("recipe")}, {}};
    for (const Term& term : terms) table.columns.push_back(QString::fromLatin1(term.name));
    table.columns.push_back(QStringLiteral("total"));
    table.columns.push_back(QStringLiteral("SQNR dB"));
    for (const ErrorSplitRow* row : rows) {
        for (std::size_t recipe = 0; recipe < row->recipes.size(); ++recipe) {
            const ErrorTerms& here = row->recipes[recipe];
            table.rows.push_back({row->layer, data.recipes.value(qsizetype(recipe))});
            for (const Term& term : terms) table.rows.back().push_back(plain_number(here.*term.value));
            table.rows.back().push_back(plain_number(here.total()));
            table.rows.back().push_back(plain_number(here.sqnr_db));
        }
    }
    return table;
}

} // namespace

PlotScene error_split_scene(const ErrorSplitData& data) {
    std::vector<const ErrorSplitRow*> rows;
    std::size_t recipes = 0;
    for (const ErrorSplitRow& row : data.rows) {
        rows.push_back(&row);
        recipes = std::max(recipes, std::min<std::size_t>(row.recipes.size(), 2));
    }
    if (recipes == 0)
        return empty_scene(
            data.title, QStringLiteral("No layer has been quantized yet: quantize to see where the error comes from"));
    std::stable_sort(rows.begin(), rows.end(), [](auto a, auto b) { return harm(*a) > harm(*b); });
    PlotScene scene;
    scene.title = data.title;
    scene.subtitle = data.about.isEmpty() ? QStringLiteral("%1 linears, worst first").arg(rows.size()) : data.about;
    scene.caption = data.provenance.caption();
    scene.x_key = QStringLiteral("error/%1").arg(rows.size());
    scene.summary = QStringLiteral("%1: worst is %2 with %3 %4")
                        .arg(data.title, rows.front()->layer, number_text(harm(*rows.front()), 3), data.unit);
    scene.table = error_table(data, rows);
    Panel panel;
    panel.zero_line = true;
    panel.y.label = data.unit.isEmpty() ? QStringLiteral("output error") : QStringLiteral("output error, ") + data.unit;
    panel.y.span = {0, 0};
    panel.x.span = {-0.6, double(rows.size()) - 0.4};
    for (const ErrorSplitRow* row : rows) panel.x.names.push_back(row->layer);
    for (std::size_t recipe = 0; recipe < recipes; ++recipe) add_stacks(panel, rows, recipe, recipes, data.recipes);
    for (const Term& term : terms) scene.legend.push_back({QString::fromLatin1(term.name), {term.token, 1}});
    if (recipes > 1) {
        scene.legend.push_back({QStringLiteral("left, full: ") + data.recipes.value(0), {Token::text, 0.9}});
        scene.legend.push_back({QStringLiteral("right, pale: ") + data.recipes.value(1), {Token::text, 0.5}});
    }
    scene.panels.push_back(std::move(panel));
    return scene;
}

} // namespace graticule::plots
