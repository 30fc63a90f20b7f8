// Where a layer's output error comes from: underflow, rounding and clipping of its weights and of its input, and the
// cross term, which has a sign.
#include "widgets/models/number_text.h"
#include "widgets/models/qt_text.h"
#include "widgets/plots/plot_builders.h"
#include "widgets/plots/scene_text.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace graticule::plots {
namespace {

using theme::Token;

/// Of error_sources(), in their order: the weights' three in full, the input's paler, the cross term grey.
constexpr std::array<Ink, 7> inks{{{Token::underflow, 1},
                                   {Token::accent, 1},
                                   {Token::levels, 1},
                                   {Token::candidate, 1},
                                   {Token::levels, 0.5},
                                   {Token::underflow, 0.5},
                                   {Token::full_precision, 1}}};

constexpr std::size_t most_columns = 64;

double harm(const ErrorSplitRow& row) {
    double worst = 0;
    for (const ErrorTerms& recipe : row.recipes)
        if (std::isfinite(recipe.error.total)) worst = std::max(worst, recipe.error.total);
    return worst;
}

/// The whole first, then each source in the plot's unit and as a share of the error.
QString row_details(const ErrorSplitRow& row, std::size_t recipe, const QStringList& names) {
    const ErrorTerms& here = row.recipes[recipe];
    const double total = here.error.total;
    QString text = QStringLiteral("%1: total %2").arg(names.value(qsizetype(recipe)), number_text(total, 3));
    if (recipe > 0) {
        const double before = row.recipes.front().error.total;
        if (before > 0) text += QStringLiteral(" (%1 %)").arg(signed_text(100 * (total / before - 1), 1));
    }
    if (!std::isnan(here.sqnr_db)) text += QStringLiteral("\nSQNR %1 dB").arg(fixed_text(here.sqnr_db, 2));
    if (!here.basis.isEmpty()) text += QStringLiteral("\n") + here.basis;
    for (const ErrorSource& source : error_sources()) {
        const double part = source.of(here.error);
        if (part == 0) continue;
        text += QStringLiteral("\n%1 %2").arg(qt_text(source.label), number_text(part, 3));
        if (total > 0) text += QStringLiteral(" (%1 % of the error)").arg(fixed_text(100 * part / total, 1));
    }
    return text;
}

/// Stacks each row's terms: positive ones upward from zero, negative ones downward.
void add_stacks(Panel& panel, const std::vector<const ErrorSplitRow*>& rows, std::size_t recipe, std::size_t recipes,
                const QStringList& names) {
    std::vector<double> above(rows.size(), 0), below(rows.size(), 0);
    const double width = recipes > 1 ? 0.36 : 0.66;
    for (std::size_t term = 0; term < inks.size(); ++term) {
        const ErrorSource& source = error_sources()[term];
        const Ink ink{inks[term].token, inks[term].opacity * (recipe == 0 ? 1.0 : 0.6)};
        Series series = make_series(qt_text(source.label), Mark::bars, ink);
        series.bar_width = width;
        for (std::size_t i = 0; i < rows.size(); ++i) {
            const bool present = recipe < rows[i]->recipes.size();
            const double value = present ? source.of(rows[i]->recipes[recipe].error) : 0;
            double& base = value >= 0 ? above[i] : below[i];
            const double shift = recipes > 1 ? (recipe == 0 ? -0.2 : 0.2) : 0;
            const bool drawn = present && std::isfinite(value);
            series.x.push_back(double(i) + shift);
            series.y0.push_back(base);
            series.y.push_back(drawn ? base + value : not_a_number);
            series.ids.push_back(rows[i]->id >= 0 ? rows[i]->id : qint64(i));
            // Once a column is enough: the read-out shows all its terms together.
            if (term == 0) series.details.push_back(present ? row_details(*rows[i], recipe, names) : QString());
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
    for (const ErrorSource& source : error_sources()) table.columns.push_back(qt_text(source.label));
    table.columns.push_back(QStringLiteral("total"));
    table.columns.push_back(QStringLiteral("SQNR dB"));
    table.columns.push_back(QStringLiteral("basis"));
    for (const ErrorSplitRow* row : rows) {
        for (std::size_t recipe = 0; recipe < row->recipes.size(); ++recipe) {
            const ErrorTerms& here = row->recipes[recipe];
            table.rows.push_back({row->layer, data.recipes.value(qsizetype(recipe))});
            for (const ErrorSource& source : error_sources())
                table.rows.back().push_back(plain_number(source.of(here.error)));
            table.rows.back().push_back(plain_number(here.error.total));
            table.rows.back().push_back(plain_number(here.sqnr_db));
            table.rows.back().push_back(here.basis);
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
    scene.table = error_table(data, rows); // of all; bars of hundreds would be a wall that nobody can read
    if (rows.size() > most_columns) {
        rows.resize(most_columns);
        scene.subtitle += QStringLiteral(" · the worst %1 are drawn, the data have all").arg(most_columns);
    }
    Panel panel;
    panel.zero_line = true;
    panel.y.label = data.unit.isEmpty() ? QStringLiteral("output error") : QStringLiteral("output error, ") + data.unit;
    panel.y.span = {0, 0};
    panel.x.span = {-0.6, double(rows.size()) - 0.4};
    for (const ErrorSplitRow* row : rows) panel.x.names.push_back(row->layer);
    for (std::size_t recipe = 0; recipe < recipes; ++recipe) add_stacks(panel, rows, recipe, recipes, data.recipes);
    for (std::size_t term = 0; term < inks.size(); ++term) { // what is nowhere needs no place in the legend
        const ErrorSource& source = error_sources()[term];
        const bool anywhere = std::any_of(rows.begin(), rows.end(), [&](const ErrorSplitRow* row) {
            return std::any_of(row->recipes.begin(), row->recipes.end(),
                               [&](const ErrorTerms& recipe) { return source.of(recipe.error) != 0; });
        });
        if (anywhere) scene.legend.push_back({qt_text(source.label), inks[term]});
    }
    if (recipes > 1) {
        scene.legend.push_back({QStringLiteral("left, full: ") + data.recipes.value(0), {Token::text, 0.9}});
        scene.legend.push_back({QStringLiteral("right, pale: ") + data.recipes.value(1), {Token::text, 0.5}});
    }
    scene.panels.push_back(std::move(panel));
    return scene;
}

} // namespace graticule::plots
