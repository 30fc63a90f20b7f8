// Running perplexity while windows arrive, and the paired difference against the baseline, which settles long before
// either curve.
#include "widgets/models/number_text.h"
#include "widgets/plots/plot_builders.h"
#include "widgets/plots/scene_text.h"

#include <algorithm>
#include <cmath>

namespace graticule::plots {
namespace {

using theme::Token;

void add_band(Panel& panel, const QString& name, const PerplexityRun& run, const std::vector<double>& lower,
              const std::vector<double>& upper, Ink ink) {
    if (lower.empty() || upper.empty()) return;
    Series band = make_series(name, Mark::band, {ink.token, 0.16});
    band.x = run.windows;
    band.y = upper;
    band.y0 = lower;
    band.hoverable = false;
    panel.series.push_back(std::move(band));
}

void add_line(Panel& panel, const QString& name, const PerplexityRun& run, const std::vector<double>& values, Ink ink,
              const std::vector<double>& lower, const std::vector<double>& upper) {
    Series line = make_series(name, Mark::line, ink);
    line.x = run.windows;
    line.y = values;
    line.decimals = 3;
    line.width = run.running ? 2 : 1.5;
    for (std::size_t i = 0; i < std::min(lower.size(), upper.size()); ++i)
        line.suffixes.push_back(QStringLiteral("  (%1 to %2)").arg(fixed_text(lower[i], 3), fixed_text(upper[i], 3)));
    if (run.id >= 0) line.ids.assign(line.x.size(), run.id);
    panel.series.push_back(std::move(line));
}

Span with_room(const Span& range) {
    const double room = std::max(range.width() * 0.12, std::abs(range.upper) * 0.004);
    return {range.lower - room, range.upper + room};
}

using Curves = std::vector<const std::vector<double>*>;

/// The first windows swing widely, and so do their bands. As long as they do not squash the rest, the axis shows all,
/// or at least every curve; else it follows the curves from a tenth of their length on, and the ends' bands.
Span shown_range(const Curves& curves, const Curves& bands = {}) {
    constexpr double squashed = 4; // times the room that the settled part needs
    std::vector<double> settled;
    for (const auto* edge : bands)
        if (!edge->empty()) settled.push_back(edge->back());
    std::vector<double> lines = settled, all;
    for (const auto* edge : bands) all.insert(all.end(), edge->begin(), edge->end());
    for (const auto* curve : curves) {
        for (auto* list : {&lines, &all}) list->insert(list->end(), curve->begin(), curve->end());
        for (std::size_t i = curve->size() / 10; i < curve->size(); ++i) settled.push_back((*curve)[i]);
    }
    const auto range_of = [](const std::vector<double>& values) {
        return with_room(finite_range(values).value_or(Span{0, 1}));
    };
    const Span least = range_of(settled);
    for (const auto* wanted : {&all, &lines})
        if (const Span span = range_of(*wanted); span.width() <= squashed * least.width()) return span;
    return least;
}

/// "windows 1 to 3: 12.31 to 812.40" of what lies outside; empty: nothing does.
QString outside_text(const Curves& curves, const Span& shown) {
    std::size_t first = SIZE_MAX, last = 0;
    std::vector<double> values;
    for (const auto* curve : curves)
        for (std::size_t i = 0; i < curve->size(); ++i) {
            const double value = (*curve)[i];
            if (!std::isfinite(value) || (value >= shown.lower && value <= shown.upper)) continue;
            values.push_back(value);
            first = std::min(first, i + 1);
            last = std::max(last, i + 1);
        }
    const auto range = finite_range(values);
    if (!range) return {};
    const QString where = first == last ? QStringLiteral("window %1").arg(first)
                                        : QStringLiteral("windows %1 to %2").arg(first).arg(last);
    const QString to = range->width() > 0 ? QStringLiteral(" to %1").arg(fixed_text(range->upper, 2)) : QString();
    return QStringLiteral("%1: %2%3").arg(where, fixed_text(range->lower, 2), to);
}

/// A plot must not hide what it leaves out.
void note_outside(Panel& panel, const Curves& curves, const Curves& bands = {}) {
    if (const QString text = outside_text(curves, panel.y.span); !text.isEmpty())
        panel.captions.push_back({QStringLiteral("outside the axis, ") + text});
    if (const QString text = outside_text(bands, panel.y.span); !text.isEmpty())
        panel.captions.push_back({QStringLiteral("outside the axis, band of ") + text});
}

DataTable perplexity_table(const PerplexityData& data) {
    DataTable table{{QStringLiteral("run"), QStringLiteral("window"), QStringLiteral("perplexity"),
                     QStringLiteral("lower"), QStringLiteral("upper"), QStringLiteral("paired difference"),
                     QStringLiteral("difference lower"), QStringLiteral("difference upper")},
                    {}};
    const auto at = [](const std::vector<double>& values, std::size_t i) {
        return i < values.size() ? plain_number(values[i]) : QString();
    };
    for (const PerplexityRun& run : data.runs)
        for (std::size_t i = 0; i < std::min(run.windows.size(), run.perplexity.size()); ++i)
            table.rows.push_back({run.name, at(run.windows, i), at(run.perplexity, i), at(run.lower, i),
                                  at(run.upper, i), at(run.difference, i), at(run.difference_lower, i),
                                  at(run.difference_upper, i)});
    return table;
}

QString perplexity_summary(const PerplexityData& data) {
    QString text = QStringLiteral("Perplexity, %1.").arg(data.conditions());
    for (const PerplexityRun& run : data.runs) {
        if (run.perplexity.empty()) continue;
        text += QStringLiteral(" %1: %2 after %3 windows")
                    .arg(run.name, fixed_text(run.perplexity.back(), 2))
                    .arg(run.perplexity.size());
        if (!run.difference.empty())
            text += QStringLiteral(", %1 against the baseline").arg(signed_text(run.difference.back(), 2));
        text += QLatin1Char('.');
    }
    return text;
}

} // namespace

PlotScene perplexity_scene(const PerplexityData& data) {
    double windows = data.total_windows;
    bool any = false, any_difference = false;
    for (const PerplexityRun& run : data.runs) {
        if (const auto range = finite_range(run.windows)) windows = std::max(windows, range->upper);
        any = any || finite_range(run.perplexity).has_value();
        any_difference = any_difference || finite_range(run.difference).has_value();
    }
    const QString title = QStringLiteral("Running perplexity");
    if (!any)
        return empty_scene(title,
                           QStringLiteral("No evaluation yet: evaluate full precision and a recipe to compare them"));
    PlotScene scene;
    scene.title = title;
    const bool bands =
        std::any_of(data.runs.begin(), data.runs.end(), [](const auto& run) { return !run.lower.empty(); });
    scene.subtitle.add(data.text).add(data.protocol, Subtitle::Rank::basis);
    if (bands) scene.subtitle.add(QStringLiteral("bands: 95 % confidence"));
    scene.caption = data.conditions() + QStringLiteral(" · ") + data.provenance.caption();
    scene.summary = perplexity_summary(data);
    scene.x_key = QStringLiteral("perplexity/") + data.conditions();
    scene.table = perplexity_table(data);
    Panel above, below;
    above.x.label = below.x.label = QStringLiteral("window");
    above.x.symbol = below.x.symbol = QStringLiteral("window");
    above.x.whole = below.x.whole = true;
    above.x.span = below.x.span = {1, std::max(2.0, windows)};
    above.y.label = QStringLiteral("perplexity");
    below.y.label = QStringLiteral("paired difference");
    below.y.shorter = QStringLiteral("Δ paired"); // as the table of runs has it
    below.zero_line = true;
    below.height_share = 0.7;
    Curves curves, differences, bands_below{};
    for (std::size_t i = 0; i < data.runs.size(); ++i) {
        const PerplexityRun& run = data.runs[i];
        const Ink ink = run_ink(run.colour.value_or(i));
        add_band(above, run.name, run, run.lower, run.upper, ink);
        add_line(above, run.name, run, run.perplexity, ink, run.lower, run.upper);
        curves.push_back(&run.perplexity);
        scene.legend.push_back({.text = run.name + (run.running   ? QStringLiteral(" (running)")
                                                    : run.stopped ? QStringLiteral(" (stopped)")
                                                                  : QString()),
                                .ink = ink,
                                .line = true,
                                .run = true});
        if (run.difference.empty()) continue;
        add_band(below, run.name, run, run.difference_lower, run.difference_upper, ink);
        add_line(below, run.name, run, run.difference, ink, run.difference_lower, run.difference_upper);
        differences.push_back(&run.difference);
        bands_below.insert(bands_below.end(), {&run.difference_lower, &run.difference_upper});
    }
    above.y.span = shown_range(curves);
    note_outside(above, curves);
    if (!data.warning.isEmpty()) above.captions.push_back({data.warning, {Token::worse, 1}});
    scene.panels.push_back(std::move(above));
    if (any_difference) {
        const Span range = shown_range(differences, bands_below);
        below.y.span = {std::min(range.lower, 0.0 - range.width() * 0.06), std::max(range.upper, range.width() * 0.06)};
        if (!data.baseline.isEmpty()) below.captions.push_back({QStringLiteral("against %1").arg(data.baseline)});
        note_outside(below, differences, bands_below);
        scene.panels.push_back(std::move(below));
    }
    return scene;
}

} // namespace graticule::plots
