// Where a layer's output error comes from: underflow, rounding and clipping of its weights and of its input, and the
// cross term, which has a sign; and a mark where the sum of them is.
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

/// Below the sources and their total: what the total is beside the other recipe's, and why a source may be above it.
QString row_details(const ErrorSplitRow& row, std::size_t recipe, const QStringList& names) {
    const ErrorTerms& here = row.recipes[recipe];
    QStringList lines{names.value(qsizetype(recipe))};
    const double before = row.recipes.front().error.total;
    if (recipe > 0 && before > 0)
        lines << QStringLiteral("total %1 % against %2")
                     .arg(signed_text(100 * (here.error.total / before - 1), 1), names.value(0));
    if (!std::isnan(here.sqnr_db)) lines << QStringLiteral("output SQNR %1 dB").arg(fixed_text(here.sqnr_db, 2));
    if (errors_cancel(here.error))
        lines << QStringLiteral("above 100 %: errors cancel, the cross term takes them away");
    if (!here.basis.isEmpty()) lines << here.basis;
    return lines.join(u'\n');
}

/// What stands behind a source's figure: unit and share of the error.
QString share_text(double part, double total, const QString& sign) {
    const QString unit = sign.isEmpty() ? QString() : QStringLiteral(" ") + sign;
    return total > 0 ? unit + QStringLiteral(" (%1 % of the error)").arg(fixed_text(100 * part / total, 1)) : unit;
}

double shift_of(std::size_t recipe, std::size_t recipes) { return recipes > 1 ? (recipe == 0 ? -0.2 : 0.2) : 0; }
double width_of(std::size_t recipes) { return recipes > 1 ? 0.36 : 0.66; }

/// Stacks each row's terms: positive ones upward from zero, negative ones downward.
void add_stacks(Panel& panel, const std::vector<const ErrorSplitRow*>& rows, std::size_t recipe, std::size_t recipes,
                const QString& sign) {
    std::vector<double> above(rows.size(), 0), below(rows.size(), 0);
    for (std::size_t term = 0; term < inks.size(); ++term) {
        const ErrorSource& source = error_sources()[term];
        const Ink ink{inks[term].token, inks[term].opacity * (recipe == 0 ? 1.0 : 0.6)};
        Series series = make_series(qt_text(source.label), Mark::bars, ink);
        series.bar_width = width_of(recipes);
        for (std::size_t i = 0; i < rows.size(); ++i) {
            const bool present = recipe < rows[i]->recipes.size();
            const double value = present ? source.of(rows[i]->recipes[recipe].error) : 0;
            double& base = value >= 0 ? above[i] : below[i];
            const bool drawn = present && std::isfinite(value) && value != 0;
            series.x.push_back(double(i) + shift_of(recipe, recipes));
            series.y0.push_back(base);
            series.y.push_back(drawn ? base + value : not_a_number);
            series.ids.push_back(rows[i]->id >= 0 ? rows[i]->id : qint64(i));
            series.suffixes.push_back(drawn ? share_text(value, rows[i]->recipes[recipe].error.total, sign)
                                            : QString());
            if (drawn) base += value;
        }
        panel.series.push_back(std::move(series));
    }
    const auto highest = finite_range(above), lowest = finite_range(below);
    if (highest) panel.y.span.upper = std::max(panel.y.span.upper, highest->upper * 1.06);
    if (lowest) panel.y.span.lower = std::min(panel.y.span.lower, lowest->lower * 1.15);
}

/// A mark at the sum of each stack's parts: where they cancel, neither end of the stack is the error.
void add_totals(Panel& panel, const std::vector<const ErrorSplitRow*>& rows, std::size_t recipe, std::size_t recipes,
                const ErrorSplitData& data) {
    Series series = make_series(QStringLiteral("total"), Mark::ticks, {Token::text, 1});
    series.bar_width = width_of(recipes);
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const bool present = recipe < rows[i]->recipes.size();
        series.x.push_back(double(i) + shift_of(recipe, recipes));
        series.y.push_back(present ? rows[i]->recipes[recipe].error.total : not_a_number);
        series.ids.push_back(rows[i]->id >= 0 ? rows[i]->id : qint64(i));
        series.suffixes.push_back(data.unit.isEmpty() ? QString() : QStringLiteral(" ") + data.unit);
        series.details.push_back(present ? row_details(*rows[i], recipe, data.recipes) : QString());
    }
    panel.series.push_back(std::move(series));
}

DataTable error_table(const ErrorSplitData& data, const std::vector<const ErrorSplitRow*>& rows) {
    DataTable table{{QStringLiteral("layer"), QStringLiteral("recipe")}, {}};
    const QString unit = data.unit.isEmpty() ? QString() : QStringLiteral(", ") + data.unit;
    for (const ErrorSource& source : error_sources()) table.columns.push_back(qt_text(source.label) + unit);
    table.columns.push_back(QStringLiteral("total") + unit);
    table.columns.push_back(qt_text(words_of(Figure::output_sqnr).label));
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
    scene.subtitle = data.about;
    if (data.about.isEmpty()) scene.subtitle.add(QStringLiteral("%1 linears, worst first").arg(rows.size()));
    scene.caption = data.provenance.caption();
    scene.x_key = QStringLiteral("error/%1").arg(rows.size());
    scene.summary = QStringLiteral("%1: worst is %2 with %3 %4")
                        .arg(data.title, rows.front()->layer, number_text(harm(*rows.front()), 3), data.unit);
    scene.table = error_table(data, rows); // of all; bars of hundreds would be a wall that nobody can read
    if (rows.size() > most_columns) {
        rows.resize(most_columns);
        scene.subtitle.add(QStringLiteral("the worst %1 are drawn, the data have all").arg(most_columns));
    }
    Panel panel;
    panel.zero_line = true;
    panel.y.label = data.unit.isEmpty() ? QStringLiteral("output error") : QStringLiteral("output error, ") + data.unit;
    panel.y.span = {0, 0};
    panel.x.span = {-0.6, double(rows.size()) - 0.4};
    for (const ErrorSplitRow* row : rows) panel.x.names.push_back(row->layer);
    for (std::size_t recipe = 0; recipe < recipes; ++recipe) add_stacks(panel, rows, recipe, recipes, data.sign);
    for (std::size_t recipe = 0; recipe < recipes; ++recipe) add_totals(panel, rows, recipe, recipes, data);
    for (std::size_t term = 0; term < inks.size(); ++term) { // what is nowhere needs no place in the legend
        const ErrorSource& source = error_sources()[term];
        const bool anywhere = std::any_of(rows.begin(), rows.end(), [&](const ErrorSplitRow* row) {
            return std::any_of(row->recipes.begin(), row->recipes.end(),
                               [&](const ErrorTerms& recipe) { return source.of(recipe.error) != 0; });
        });
        if (anywhere) scene.legend.push_back({qt_text(source.label), inks[term]});
    }
    const bool cancel = std::any_of(rows.begin(), rows.end(), [](const ErrorSplitRow* row) {
        return std::any_of(row->recipes.begin(), row->recipes.end(),
                           [](const ErrorTerms& recipe) { return errors_cancel(recipe.error); });
    });
    scene.legend.push_back({cancel ? QStringLiteral("total: less than its parts where errors cancel")
                                   : QStringLiteral("total: the sum of the parts"),
                            {Token::text, 1},
                            true});
    if (recipes > 1) {
        scene.legend.push_back({QStringLiteral("left, full: ") + data.recipes.value(0), {Token::text, 0.9}});
        scene.legend.push_back({QStringLiteral("right, pale: ") + data.recipes.value(1), {Token::text, 0.5}});
    }
    scene.panels.push_back(std::move(panel));
    return scene;
}

} // namespace graticule::plots
