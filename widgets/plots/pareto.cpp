// Cost against loss: what a search predicts (hollow) and what was measured (solid), with the front that nothing beats.
#include "widgets/models/number_text.h"
#include "widgets/models/shorter_names.h"
#include "widgets/plots/plot_builders.h"
#include "widgets/plots/scene_text.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

namespace graticule::plots {
namespace {

using theme::Token;

Span with_room(const Span& span) {
    const double room = std::max(span.width() * 0.08, std::abs(span.upper) * 0.01);
    return {span.lower - room, span.upper + room};
}

Series points_of(const ParetoData& data, bool measured, const QString& name,
                 const std::map<QString, QStringList>& shorter, const std::optional<std::size_t>& colour = {}) {
    const Ink usual{measured ? Token::accent : Token::secondary, 1};
    Series series = make_series(name, Mark::points, colour ? run_ink(*colour) : usual);
    series.hollow = !measured;
    series.width = 2;
    for (const ParetoPoint& point : data.points) {
        if (point.measured != measured || point.colour != colour) continue;
        if (!std::isfinite(point.cost) || !std::isfinite(point.loss)) continue;
        series.x.push_back(point.cost);
        series.y.push_back(point.loss);
        series.ids.push_back(point.id);
        series.details.push_back(point.name);
        series.labels.push_back(measured ? point.name : QString());
        series.shorter_labels.push_back(measured ? shorter.at(point.name) : QStringList());
    }
    return series;
}

} // namespace

PlotScene pareto_scene(const ParetoData& data) {
    std::vector<double> costs, losses;
    for (const ParetoPoint& point : data.points) {
        if (!std::isfinite(point.cost) || !std::isfinite(point.loss)) continue;
        costs.push_back(point.cost);
        losses.push_back(point.loss);
    }
    const auto across = finite_range(costs), up = finite_range(losses);
    if (!across || !up)
        return empty_scene(
            data.title, QStringLiteral("No recipes to compare yet: search for recipes, or quantize and evaluate one"));
    PlotScene scene;
    scene.title = data.title;
    scene.subtitle = data.about;
    scene.caption = data.provenance.caption();
    scene.summary = QStringLiteral("%1: %2 recipes, %3 from %4 to %5, %6 from %7 to %8.")
                        .arg(data.title)
                        .arg(costs.size())
                        .arg(data.cost_label, number_text(across->lower), number_text(across->upper), data.loss_label,
                             number_text(up->lower), number_text(up->upper));
    scene.x_key = QStringLiteral("pareto/") + data.cost_label + QLatin1Char('/') + data.loss_label;
    scene.table.columns = {QStringLiteral("recipe"), data.cost_label, data.loss_label, QStringLiteral("measured"),
                           QStringLiteral("on the front")};
    Panel panel;
    panel.x.label = data.cost_label;
    panel.x.span = with_room(*across);
    panel.y.label = data.loss_label;
    panel.y.span = with_room(*up);
    if (up->lower > 0) panel.y.log_span = Span{up->lower / 1.2, up->upper * 1.2};
    std::vector<const ParetoPoint*> front;
    for (const ParetoPoint& point : data.points) {
        scene.table.rows.push_back({point.name, plain_number(point.cost), plain_number(point.loss),
                                    point.measured ? QStringLiteral("1") : QStringLiteral("0"),
                                    point.on_front ? QStringLiteral("1") : QStringLiteral("0")});
        if (point.on_front) front.push_back(&point);
    }
    std::stable_sort(front.begin(), front.end(), [](auto a, auto b) { return a->cost < b->cost; });
    Series line = make_series(QStringLiteral("front"), Mark::line, {Token::secondary, 0.8}); // no run is of that colour
    line.hoverable = false;
    for (const ParetoPoint* point : front) {
        line.x.push_back(point->cost);
        line.y.push_back(point->loss);
    }
    std::vector<QString> names;
    for (const ParetoPoint& point : data.points)
        if (point.measured) names.push_back(point.name);
    std::map<QString, QStringList> shorter;
    for (std::size_t i = 0; const QStringList& texts : shorter_names(names)) shorter[names[i++]] = texts.mid(1);
    Series predicted = points_of(data, false, QStringLiteral("predicted"), shorter),
           measured = points_of(data, true, QStringLiteral("measured"), shorter);
    std::set<std::size_t> colours;
    for (const ParetoPoint& point : data.points)
        if (point.colour && point.measured) colours.insert(*point.colour);
    if (!front.empty()) scene.legend.push_back({line.name, line.ink, true});
    if (!predicted.x.empty()) scene.legend.push_back({predicted.name, predicted.ink, false, false, true, true});
    if (!measured.x.empty())
        scene.legend.push_back({measured.name, measured.ink, false, false, false, true});
    else if (!colours.empty())
        scene.legend.push_back(
            {QStringLiteral("measured, in the colour of the run"), {Token::secondary, 1}, false, false, false, true});
    panel.series = {std::move(line), std::move(predicted), std::move(measured)};
    for (const std::size_t colour : colours)
        panel.series.push_back(points_of(data, true, QStringLiteral("measured"), shorter, colour));
    scene.panels.push_back(std::move(panel));
    return scene;
}

} // namespace graticule::plots
