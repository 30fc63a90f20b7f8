// Plots of what searches found and of where a recipe departs from full precision.
#include <algorithm>
#include <cmath>

#include "app/window/plot_feed.h"
#include "widgets/models/number_text.h"
#include "widgets/panels/search_panel.h"
#include "widgets/plots/plot_builders.h"

namespace graticule {

using namespace plots;

namespace {

QString tr(const char* text) { return QObject::tr(text); }

QString point_name(const SearchedPoint& point) {
    return point.searched ? tr("searched %1").arg(fixed_text(point.search->budget.bits.value_or(0), 2))
                          : QString::fromStdString(point.point->name);
}

} // namespace

PlotScene search_plot(const Session& session) {
    const QString title = tr("Recipes under a budget");
    if (!session.model()) return empty_scene(title, tr("Open a model first"));
    if (session.searches().empty())
        return empty_scene(title, tr("Search (below) to see what a budget buys: predicted hollow, measured solid"));
    ParetoData data;
    data.title = title;
    data.cost_label = tr("bits per weight");
    data.loss_label = tr("divergence, nats per token");
    const RecipeSearch& newest = *session.searches().back();
    data.about = QString::fromStdString("measured on " + newest.baseline->provenance.data_name);
    const std::vector<SearchedPoint> points = all_points(session.searches());
    double least = HUGE_VAL;
    for (std::size_t i = 0; i < points.size(); ++i) {
        const SearchPoint& point = *points[i].point;
        ParetoPoint measured{point_name(points[i]),
                             static_cast<qint64>(i),
                             point.size.bits_per_weight.actual,
                             point.divergence.mean,
                             true,
                             point.divergence.mean < least};
        least = std::min(least, point.divergence.mean);
        if (point.predicted)
            data.points.push_back(
                {tr("%1, predicted").arg(measured.name), measured.id, measured.cost, *point.predicted, false, false});
        data.points.push_back(std::move(measured));
    }
    data.provenance = provenance_of(session);
    data.provenance.recipe.clear(); // of many recipes
    data.provenance.recipe_hash.clear();
    data.provenance.conditions = QString::fromStdString(newest.baseline->protocol.text());
    return pareto_scene(data);
}

PlotScene depth_plot(const Session& session) {
    const QString title = tr("Error over depth");
    if (!session.model()) return empty_scene(title, tr("Open a model first"));
    const auto& study = session.divergence();
    if (!study)
        return empty_scene(title, tr("Measure divergence (below) to see how the error grows from block to block"));
    const std::vector<double>& errors = study->divergence.state_errors;
    PlotScene scene;
    scene.title = title;
    scene.subtitle = QString::fromStdString(summary_line(study->recipe));
    plots::Provenance provenance = provenance_of(session);
    provenance.recipe = scene.subtitle;
    provenance.recipe_hash.clear();
    provenance.conditions = QString::fromStdString(study->evaluation->protocol.text());
    scene.caption = provenance.caption();
    scene.x_key = QStringLiteral("depth");
    scene.table.columns = {tr("block"), tr("hidden states off by, %")};
    Series line = make_series(tr("hidden states off by"), Mark::line, {theme::Token::candidate, 1});
    double largest = 0;
    for (std::size_t block = 0; block < errors.size(); ++block) {
        line.x.push_back(static_cast<double>(block));
        line.y.push_back(100 * errors[block]);
        largest = std::max(largest, line.y.back());
        scene.table.rows.push_back({QString::number(block), number_text(line.y.back())});
    }
    line.readout = tr("off by %1 %");
    Series points = line;
    points.mark = Mark::points;
    points.hoverable = false;
    Panel panel;
    panel.x.label = tr("block");
    panel.x.symbol = tr("block");
    panel.x.whole = true;
    panel.x.span = {-0.3, static_cast<double>(errors.size()) - 0.7};
    panel.y.label = tr("states off by, %");
    panel.y.span = {0, largest > 0 ? 1.1 * largest : 1};
    panel.series = {std::move(line), std::move(points)};
    scene.summary = tr("%1: hidden states are off by %2 % behind the first block and by %3 % behind the last.")
                        .arg(title, number_text(100 * errors.front()), number_text(100 * errors.back()));
    scene.panels.push_back(std::move(panel));
    return scene;
}

} // namespace graticule
