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
    const Protocol& protocol = newest.baseline->protocol;
    data.about.add(searched_operands(newest))
        .add(tr("measured on %1, %2 × %3, %4")
                 .arg(QString::fromStdString(newest.baseline->provenance.data_name))
                 .arg(protocol.windows_used)
                 .arg(protocol.window)
                 .arg(QString::fromStdString(to_text(protocol.execution))),
             Subtitle::Rank::basis);
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
    // What was found is named before all else, where there is no room for every name.
    std::ranges::stable_partition(
        data.points, [&](const ParetoPoint& point) { return points[static_cast<std::size_t>(point.id)].searched; });
    data.provenance = provenance_of(session);
    data.provenance.recipe.clear(); // of many recipes
    data.provenance.recipe_hash.clear();
    data.provenance.conditions = QString::fromStdString(newest.baseline->protocol.text());
    return pareto_scene(data);
}

namespace {

constexpr double whole_reach = 0.3; // of whole numbers: room beside the first and the last

/// What a study's plots have in common; empty panels where there is none yet.
PlotScene divergence_scene(const Session& session, const QString& title, const QString& why_empty) {
    if (!session.model()) return empty_scene(title, tr("Open a model first"));
    const auto& study = session.divergence().shown();
    if (!study) return empty_scene(title, why_empty);
    PlotScene scene;
    scene.title = title;
    const QString recipe = QString::fromStdString(summary_line(study->recipe));
    scene.subtitle.add(recipe).add(tr("%1, %2 × %3, %4")
                                       .arg(study->text)
                                       .arg(study->protocol.windows_used)
                                       .arg(study->protocol.window)
                                       .arg(QString::fromStdString(to_text(study->protocol.execution))),
                                   Subtitle::Rank::basis);
    plots::Provenance provenance = provenance_of(session);
    provenance.recipe = recipe;
    provenance.recipe_hash.clear();
    provenance.conditions = study->conditions();
    scene.caption = provenance.caption();
    if (!study->complete())
        scene.subtitle.add(
            tr("%1 of %2 windows so far").arg(study->divergence.window_means.size()).arg(study->protocol.windows_used));
    return scene;
}

/// What is copied says on its own what it was measured of.
void name_conditions(PlotScene& scene, const DivergenceStudy& study) {
    scene.table.columns.insert(scene.table.columns.end(), {tr("recipe"), tr("measured on")});
    for (std::vector<QString>& row : scene.table.rows)
        row.insert(row.end(), {QString::fromStdString(summary_line(study.recipe)), study.conditions()});
}

/// A line with its points, and the interval around it where one is known. `settles`: the last interval is the one that
/// counts.
void add_estimates(Panel& panel, PlotScene& scene, const QString& name, const std::vector<double>& places,
                   const std::vector<double>& means, const std::vector<Interval>& intervals, bool settles) {
    Series line = make_series(name, Mark::line, {theme::Token::candidate, 1}),
           band = make_series(name, Mark::band, {theme::Token::candidate, 0.16});
    line.x = band.x = places;
    line.y = means;
    line.readout = tr("%1 nats");
    band.hoverable = false;
    double top = 0;
    for (std::size_t i = 0; i < means.size(); ++i) {
        const bool known = std::isfinite(intervals[i].high);
        band.y0.push_back(known ? intervals[i].low : not_a_number);
        band.y.push_back(known ? intervals[i].high : not_a_number);
        line.suffixes.push_back(
            known ? QStringLiteral("  (%1 to %2)").arg(number_text(intervals[i].low), number_text(intervals[i].high))
                  : QString());
        top = std::max(top, means[i]);
        scene.table.rows.push_back({number_text(places[i]), number_text(means[i]),
                                    known ? number_text(intervals[i].low) : QString(),
                                    known ? number_text(intervals[i].high) : QString()});
    }
    // Intervals of few windows reach anywhere: they must not press the line to the ground.
    const double most = 2 * top;
    for (std::size_t i = settles && !intervals.empty() ? intervals.size() - 1 : 0; i < intervals.size(); ++i)
        if (std::isfinite(intervals[i].high)) top = std::max(top, std::min(most, intervals[i].high));
    Series points = line;
    points.mark = Mark::points;
    points.hoverable = false;
    panel.y.label = tr("nats a token");
    panel.y.span = {0, top > 0 ? 1.15 * top : 1};
    panel.series = {std::move(band), std::move(line), std::move(points)};
}

} // namespace

PlotScene divergence_plot(const Session& session) {
    PlotScene scene = divergence_scene(session, tr("Divergence, window by window"),
                                       tr("Measure divergence (below) to see its mean settle window by window"));
    const auto& study = session.divergence().shown();
    if (!study || !session.model()) return scene;
    scene.x_key = QStringLiteral("divergence/windows");
    scene.table.columns = {tr("windows"), tr("mean divergence, nats a token"), tr("lower"), tr("upper")};
    std::vector<double> places, means;
    std::vector<Interval> intervals;
    for (const MeanEstimate& so_far : running_divergence(study->divergence.window_means)) {
        places.push_back(static_cast<double>(places.size() + 1));
        means.push_back(so_far.mean);
        intervals.push_back(so_far.interval);
    }
    Panel panel;
    panel.x.label = panel.x.symbol = tr("windows");
    panel.x.whole = true;
    panel.x.span = {1 - whole_reach, std::max(2.0, static_cast<double>(study->protocol.windows_used)) + whole_reach};
    add_estimates(panel, scene, tr("mean so far"), places, means, intervals, true);
    if (means.size() > 1) scene.subtitle.add(tr("band: 95 % confidence"));
    scene.summary =
        tr("%1: %2 nats a token after %3 windows.").arg(scene.title, number_text(means.back())).arg(means.size());
    scene.panels.push_back(std::move(panel));
    name_conditions(scene, *study);
    return scene;
}

PlotScene position_plot(const Session& session) {
    PlotScene scene =
        divergence_scene(session, tr("Divergence by position in the window"),
                         tr("Measure divergence (below) to see whether it grows with what has been read before"));
    const auto& study = session.divergence().shown();
    if (!study || !session.model()) return scene;
    const Divergence& divergence = study->divergence;
    scene.x_key = QStringLiteral("divergence/positions");
    scene.table.columns = {tr("tokens before"), tr("mean divergence, nats a token"), tr("lower"), tr("upper")};
    const std::vector<double>& means = divergence.position_means;
    const auto first = static_cast<double>(study->protocol.first_scored()),
               width = static_cast<double>(study->protocol.scored()) / static_cast<double>(means.size());
    std::vector<double> places; // the middle of each part
    for (std::size_t part = 0; part < means.size(); ++part)
        places.push_back(first + (static_cast<double>(part) + 0.5) * width - 0.5);
    Panel panel;
    panel.x.label = tr("tokens before it in the window");
    panel.x.symbol = tr("tokens before");
    panel.x.span = {0, static_cast<double>(study->protocol.window)};
    add_estimates(panel, scene, tr("mean divergence"), places, means, divergence.position_intervals, false);
    if (divergence.window_means.size() > 1) scene.subtitle.add(tr("band: 95 % confidence over windows"));
    scene.summary = tr("%1: %2 nats a token at the beginning, %3 at the end.")
                        .arg(scene.title, number_text(means.front()), number_text(means.back()));
    scene.panels.push_back(std::move(panel));
    name_conditions(scene, *study);
    return scene;
}

PlotScene depth_plot(const Session& session) {
    PlotScene scene = divergence_scene(session, tr("Error over depth"),
                                       tr("Measure divergence (below) to see how the error grows from block to block"));
    const auto& study = session.divergence().shown();
    if (!study || !session.model()) return scene;
    const std::vector<double>& errors = study->divergence.state_errors;
    if (errors.empty()) return empty_scene(scene.title, tr("It is known when all windows are done"));
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
    panel.x.label = panel.x.symbol = tr("block");
    panel.x.whole = true;
    panel.x.span = {-whole_reach, static_cast<double>(errors.size()) - 1 + whole_reach};
    panel.y.label = tr("states off by, %");
    panel.y.span = {0, largest > 0 ? 1.1 * largest : 1};
    panel.series = {std::move(line), std::move(points)};
    scene.summary = tr("%1: hidden states are off by %2 % behind the first block and by %3 % behind the last.")
                        .arg(scene.title, number_text(100 * errors.front()), number_text(100 * errors.back()));
    scene.panels.push_back(std::move(panel));
    name_conditions(scene, *study);
    return scene;
}

PlotScene sensitivity_plot(const Session& session) {
    const QString title = tr("Sensitivity, predicted against measured");
    if (!session.model()) return empty_scene(title, tr("Open a model first"));
    const auto& study = session.sensitivityStudy().shown();
    if (!study)
        return empty_scene(title, tr("Measure sensitivity (below) to see what each linear alone costs, and how well "
                                     "prediction ranks them"));
    PlotScene scene;
    scene.title = title;
    scene.subtitle = tr("each linear quantized alone; on the line both are the same");
    plots::Provenance provenance = provenance_of(session);
    provenance.recipe.clear(); // of many schemes, which the legend names
    provenance.recipe_hash.clear();
    provenance.conditions = QString::fromStdString(study->protocol.text());
    scene.caption = provenance.caption();
    scene.x_key = QStringLiteral("sensitivity");
    scene.table.columns = {tr("scheme"), tr("linear"), tr("predicted, nats a token"), tr("measured, nats a token")};
    Panel panel;
    std::vector<double> all;
    for (std::size_t i = 0; i < study->schemes.size(); ++i) {
        const SchemeSensitivity& scheme = study->schemes[i];
        const QString name = QString::fromStdString(scheme.scheme_line);
        Series points = make_series(name, Mark::points, run_ink(i + 1));
        for (const LayerSensitivity& layer : scheme.layers) {
            const bool drawn = layer.measured && *layer.measured > 0 && layer.predicted > 0; // on logarithms
            if (!drawn) continue;
            points.x.push_back(layer.predicted);
            points.y.push_back(*layer.measured);
            points.ids.push_back(static_cast<qint64>(layer.layers.front()));
            points.details.push_back(QString::fromStdString(layer.name));
            all.insert(all.end(), {layer.predicted, *layer.measured});
            scene.table.rows.push_back(
                {name, points.details.back(), number_text(layer.predicted), number_text(*layer.measured)});
        }
        if (points.x.empty()) continue;
        points.readout = tr("measured %1 nats");
        const auto correlation = scheme.rank_correlation();
        scene.legend.push_back({correlation ? tr("%1, ranks at %2").arg(name, fixed_text(*correlation, 2)) : name,
                                points.ink, false, false, false, true});
        panel.series.push_back(std::move(points));
    }
    const auto range = finite_range(all);
    if (!range)
        return empty_scene(title, tr("Predicted for %1 (columns of the layer table); measure some (below) to see how "
                                     "well prediction ranks them")
                                      .arg(linears_text(std::ssize(study->schemes.front().layers))));
    const Span span{range->lower / 1.5, range->upper * 1.5};
    Series same = make_series(tr("predicted = measured"), Mark::line, {theme::Token::secondary, 0.8});
    same.x = same.y = {span.lower, span.upper};
    same.dashed = true;
    same.hoverable = false;
    panel.series.insert(panel.series.begin(), std::move(same));
    panel.x.label = tr("predicted, nats a token");
    panel.x.symbol = tr("predicted");
    panel.y.label = tr("measured, nats a token");
    panel.x.scale = panel.y.scale = Scale::log10;
    panel.x.span = panel.y.span = span;
    scene.summary = tr("%1: %2 linears, from %3 to %4 nats a token.")
                        .arg(title)
                        .arg(scene.table.rows.size())
                        .arg(number_text(range->lower), number_text(range->upper));
    scene.panels.push_back(std::move(panel));
    return scene;
}

} // namespace graticule
