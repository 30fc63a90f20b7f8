// The histogram under the graticule: a line for each of the quantizer's levels, the zero bin shaded with its share.
#include "widgets/models/number_text.h"
#include "widgets/plots/plot_builders.h"
#include "widgets/plots/scene_text.h"

#include <algorithm>
#include <cmath>

namespace graticule::plots {
namespace {

using theme::Token;

double largest(const HistogramData& histogram) {
    double most = 0;
    for (const double count : histogram.counts)
        if (std::isfinite(count)) most = std::max(most, count);
    return most;
}

/// The level a value at `u` goes to, specials included; clipping is part of rounding to the nearest.
std::optional<double> nearest_level(const FormatLevels& format, double u) {
    std::optional<double> best;
    for (const auto* list : {&format.levels, &format.some, &format.extra})
        for (const double level : *list)
            if (!best || std::abs(level - u) < std::abs(*best - u)) best = level;
    return best;
}

std::vector<QString> bin_details(const HistogramData& histogram, const DistributionData& data) {
    std::vector<QString> details;
    for (std::size_t i = 0; i + 1 < histogram.edges.size() && i < histogram.counts.size(); ++i) {
        const double middle = (histogram.edges[i] + histogram.edges[i + 1]) / 2;
        QString text;
        for (const auto* format : {&data.current, &data.candidate}) {
            if (!*format) continue;
            const auto level = nearest_level(**format, middle);
            if (!level) continue;
            text += QStringLiteral("%1: code %2, error %3\n")
                        .arg((*format)->name, number_text(*level, 3), signed_text(*level - middle, 2));
        }
        details.push_back(text);
    }
    return details;
}

Series bars_of(const HistogramData& histogram, const QString& name, Ink ink, Mark mark) {
    Series series;
    series.name = name;
    series.mark = mark;
    series.ink = ink;
    series.x = histogram.edges;
    series.y = histogram.counts;
    series.decimals = 0;
    return series;
}

void add_format(Panel& panel, PlotScene& scene, const FormatLevels& format, const FormatLevels* compared_with,
                const QString& what) {
    const bool is_candidate = compared_with != nullptr;
    const Ink own{is_candidate ? Token::candidate : Token::levels, 0.8};
    const std::size_t drawn_before = panel.levels.size();
    for (const double level : format.levels) {
        // What both formats have is drawn once, in the colour of the current one.
        const bool shared = compared_with && std::find(compared_with->levels.begin(), compared_with->levels.end(),
                                                       level) != compared_with->levels.end();
        if (!shared) panel.levels.push_back({level, own, false});
    }
    for (const double level : format.some) panel.levels.push_back({level, {own.token, 0.35}, false});
    const bool has_own_levels = panel.levels.size() > drawn_before;
    const Ink extra{Token::candidate, 0.95};
    for (const double level : format.extra) panel.levels.push_back({level, extra, true});
    ShadedRange zero{format.zero_bin.lower, format.zero_bin.upper, {Token::underflow, 0.22}, {}, {}};
    if (is_candidate) {
        zero.ink = {Token::candidate, 0.16};
    }
    const QString share = percent_text(format.underflow_share);
    zero.label = is_candidate ? QStringLiteral("%1 zero bin: %2 underflow").arg(format.name, share)
                              : QStringLiteral("%1 zero bin: %2 of the %3 underflow").arg(format.name, share, what);
    panel.ranges.push_back(zero);
    if (has_own_levels) scene.legend.push_back({QStringLiteral("levels of %1").arg(format.name), {own.token, 1}});
    if (!format.some.empty()) scene.legend.push_back({QStringLiteral("of some channels only"), {own.token, 0.35}});
    if (!format.extra.empty())
        scene.legend.push_back({is_candidate ? QStringLiteral("levels that %1 adds").arg(format.name)
                                             : QStringLiteral("levels between the integers"),
                                extra, true, true});
}

void add_clipped_tails(Panel& panel, const FormatLevels& format) {
    if (!format.reach) return;
    const Ink ink{Token::worse, 0.12};
    const bool low = format.reach->lower > panel.x.span.lower, high = format.reach->upper < panel.x.span.upper;
    const QString label = QStringLiteral("%1 clips %2").arg(format.name, percent_text(format.clipped_share, 2));
    const bool said = format.clipped_share > 0;
    if (low)
        panel.ranges.push_back({panel.x.span.lower, format.reach->lower, ink, said && !high ? label : QString(), {}});
    if (high) panel.ranges.push_back({format.reach->upper, panel.x.span.upper, ink, said ? label : QString(), {}});
}

DataTable histogram_table(const DistributionData& data) {
    DataTable table{{QStringLiteral("from"), QStringLiteral("to"), data.unquantized}, {}};
    const auto& histogram = data.full_precision;
    const bool smoothed = data.smoothed && data.smoothed->edges == histogram.edges;
    if (smoothed) table.columns.push_back(QStringLiteral("after smoothing"));
    for (std::size_t i = 0; i + 1 < histogram.edges.size() && i < histogram.counts.size(); ++i) {
        table.rows.push_back({plain_number(histogram.edges[i]), plain_number(histogram.edges[i + 1]),
                              plain_number(histogram.counts[i])});
        if (smoothed) table.rows.back().push_back(plain_number(data.smoothed->counts[i]));
    }
    return table;
}

QString distribution_summary(const DistributionData& data, const Span& range) {
    QString text =
        QStringLiteral("%1, %2: distribution of %3 from %4 to %5.")
            .arg(data.layer, data.about.text(), data.what, number_text(range.lower), number_text(range.upper));
    for (const auto* format : {&data.current, &data.candidate}) {
        if (!*format) continue;
        text += QStringLiteral(" %1: %2 underflow, %3 clipped.")
                    .arg((*format)->name, percent_text((*format)->underflow_share),
                         percent_text((*format)->clipped_share, 2));
    }
    return text;
}

void add_series(Panel& panel, PlotScene& scene, const DistributionData& data) {
    Series full = bars_of(data.full_precision, data.unquantized, {Token::full_precision, 0.85}, Mark::bars);
    full.readout = QStringLiteral("%1 ") + data.what + QStringLiteral(" in bin");
    full.details = bin_details(data.full_precision, data);
    panel.series.push_back(full);
    scene.legend.push_back({full.name, {Token::full_precision, 1}});
    if (!data.quantized_levels.empty()) {
        Series quantized;
        quantized.name = QStringLiteral("after quantization");
        quantized.mark = Mark::stems;
        quantized.ink = {Token::accent, 0.9};
        quantized.width = 4;
        quantized.decimals = 0;
        quantized.x = data.quantized_levels;
        quantized.y = data.quantized_counts;
        scene.legend.push_back({quantized.name, quantized.ink});
        panel.series.push_back(std::move(quantized));
    }
    if (data.smoothed) {
        Series smoothed = bars_of(*data.smoothed, QStringLiteral("after smoothing"), {Token::accent, 1}, Mark::stairs);
        scene.legend.push_back({smoothed.name, smoothed.ink, true});
        panel.series.push_back(std::move(smoothed));
    }
}

} // namespace

PlotScene distribution_scene(const DistributionData& data) {
    const HistogramData& histogram = data.full_precision;
    const auto range = data.whole ? data.whole : finite_range(histogram.edges);
    if (!range || histogram.counts.empty() || (largest(histogram) == 0 && !data.whole))
        return empty_scene(data.layer, QStringLiteral("No values to show for %1: the histogram is empty")
                                           .arg(data.layer.isEmpty() ? QStringLiteral("this tensor") : data.layer));
    PlotScene scene;
    scene.title = data.layer;
    scene.subtitle = data.about;
    scene.caption = data.provenance.caption();
    scene.starts_logarithmic = true; // linear counts hide the tails, which are what clipping is about
    scene.x_key =
        QStringLiteral("distribution/") + data.x_label + (data.linear_part ? QStringLiteral("/symlog") : QString());
    scene.summary = distribution_summary(data, *range);
    Panel panel;
    panel.x.label = data.x_label;
    panel.x.symbol = data.x_symbol;
    panel.x.scale = data.logarithmic_x ? Scale::log10 : data.linear_part ? Scale::symlog : Scale::linear;
    panel.x.linear_part = data.linear_part.value_or(1);
    panel.x.span = *range;
    panel.x.decimals = data.logarithmic_x ? -1 : 2;
    if (data.logarithmic_x && range->lower <= 0) {
        const auto positive =
            std::find_if(histogram.edges.begin(), histogram.edges.end(), [](double e) { return e > 0; });
        panel.x.span.lower = positive == histogram.edges.end() ? range->upper * 1e-6 : *positive;
    }
    double most = std::max(1.0, largest(histogram));
    if (data.smoothed) most = std::max(most, largest(*data.smoothed));
    for (const double count : data.quantized_counts) most = std::max(most, std::isfinite(count) ? count : 0);
    panel.y.label = QStringLiteral("count");
    panel.y.span = {0, most * 1.18};
    // Two decades above the peak's neighbourhood would waste the plot; a fifth of the height is left for the labels.
    panel.y.log_span = Span{0.6, std::max(10.0, most * std::pow(most, 0.25))};
    add_series(panel, scene, data);
    if (data.current) add_format(panel, scene, *data.current, nullptr, data.what);
    if (data.candidate) add_format(panel, scene, *data.candidate, data.current ? &*data.current : nullptr, data.what);
    if (data.current) add_clipped_tails(panel, *data.current);
    if (data.current || data.candidate) scene.legend.push_back({QStringLiteral("underflow"), {Token::underflow, 0.6}});
    // Above the bars, where the axis leaves room, below what is said of ranges; whatever is near goes a line down.
    const auto labels = std::count_if(panel.ranges.begin(), panel.ranges.end(),
                                      [](const ShadedRange& shaded) { return !shaded.label.isEmpty(); });
    const double height = 0.05 + 0.07 * double(labels);
    for (const Percentile& percentile : data.percentiles) {
        panel.levels.push_back({percentile.value, {Token::secondary, 0.8}, true});
        const auto place = [&](double value) { return to_scale(panel.x.scale, value, panel.x.linear_part); };
        const double middle = place(percentile.value), low = place(panel.x.span.lower);
        const double width = place(panel.x.span.upper) - low;
        if (std::isfinite(middle) && width > 0)
            panel.notes.push_back(
                {std::clamp((middle - low) / width, 0.0, 1.0), height, percentile.name, {Token::secondary, 1}});
    }
    scene.table = histogram_table(data);
    scene.panels.push_back(std::move(panel));
    return scene;
}

} // namespace graticule::plots
