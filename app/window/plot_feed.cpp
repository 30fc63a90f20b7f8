#include "app/window/plot_feed.h"

#include <algorithm>
#include <cmath>

#include "app/session/layer_figures.h"
#include "app/session/recipe_edit.h"
#include "app/session/run_names.h"
#include "core/method/method.h"
#include "widgets/models/number_text.h"
#include "widgets/models/qt_text.h"
#include "widgets/plots/plot_builders.h"

namespace graticule {

using namespace plots;

namespace {
QString tr(const char* text) { return QObject::tr(text); }

PlotScene nothing_selected(const QString& title) {
    return empty_scene(title, tr("Select a linear in the layer table"));
}

float median(std::vector<float> values) {
    if (values.empty()) return 0;
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

// Which bins of a fine histogram are drawn: `merge` of them in one, from `first` to before `last`, counted from zero.
struct Bins {
    std::int64_t first = 0, last = 0, merge = 1;
};

// As fine as the visible part has room for. A power of two, so that edges of coarse bins are edges of finer ones and
// bars split in place when somebody comes nearer.
Bins bins_for(const StepHistogram& fine, const Span& visible) {
    constexpr double most_bars = 240;
    Bins bins;
    while (visible.width() / (fine.width * double(bins.merge)) > most_bars) bins.merge *= 2;
    const double width = fine.width * double(bins.merge);
    bins.first = std::int64_t(std::floor(visible.lower / width + 1e-6));
    bins.last = std::max(bins.first + 1, std::int64_t(std::ceil(visible.upper / width - 1e-6)));
    return bins;
}

HistogramData merged(const StepHistogram& fine, const Bins& bins) {
    HistogramData histogram;
    for (std::int64_t bin = bins.first; bin <= bins.last; ++bin)
        histogram.edges.push_back(double(bin * bins.merge) * fine.width);
    histogram.counts.assign(static_cast<std::size_t>(bins.last - bins.first), 0);
    const std::int64_t begin = std::max(bins.first * bins.merge, -fine.reach),
                       end = std::min(bins.last * bins.merge, fine.reach);
    for (std::int64_t at = begin; at < end; ++at)
        histogram.counts[static_cast<std::size_t>((at - bins.first * bins.merge) / bins.merge)] +=
            fine.counts[static_cast<std::size_t>(at + fine.reach)];
    return histogram;
}

// What of the whole axis is in sight.
Span part_of(const Span& whole, const std::optional<Span>& visible) {
    if (!visible) return whole;
    const Span part{std::max(whole.lower, visible->lower), std::min(whole.upper, visible->upper)};
    return part.upper > part.lower ? part : whole;
}

QString tokens_text(const Session& session) {
    const CalibrationSpec& spec = session.stats()->spec;
    return tr("%1 × %2 tokens").arg(spec.samples).arg(spec.length);
}

const SiteStats* site_of(const Session& session, LayerId layer) {
    if (!session.stats()) return nullptr;
    const auto at = index_of(session.model()->linear(layer).site);
    const auto& sites = session.stats()->sites;
    if (at >= sites.size() || sites[at].buckets.empty() || sites[at].all().channels.tokens == 0) return nullptr;
    return &sites[at];
}

QString weight_label(const SchemeChoice& choice) {
    QString label = choice.scheme.weight ? qt_text(choice.scheme.weight->format->label) : tr("16 bit");
    for (const MethodStep& step : choice.steps)
        if (step.method != "rtn") label += QStringLiteral(" · ") + qt_text(step.method);
    return label;
}
} // namespace

plots::Provenance provenance_of(const Session& session) {
    plots::Provenance from;
    from.model = session.model() ? QString::fromStdString(session.model()->name()) : QString();
    from.recipe_hash = QString::fromStdString(recipe_hash(session.recipe())).left(8);
    from.recipe = QString::fromStdString(summary_line(session.recipe()));
    if (session.stats()) from.conditions = calibration_text(session.stats()->spec);
    from.seed = session.recipe().calibration.seed;
    return from;
}

FormatLevels format_levels(const TensorScheme& scheme, const QParams& params, const LayerReport& report) {
    constexpr int most_lines = 40; // beyond that the lines are a wall
    FormatLevels result;
    const CodeGrid& grid = scheme.format->grid;
    result.name = qt_text(scheme.format->label);
    std::vector<double> points;
    if (grid.shape == CodeGrid::Shape::lattice) {
        // In steps of its own scale every channel has its levels at whole numbers; how far they reach on either side is
        // its zero point's doing. What all have is drawn in full, what only some have paler.
        const auto [least, most] = std::minmax_element(params.zero.begin(), params.zero.end());
        const auto low = params.zero.empty() ? 0 : std::lround(*least),
                   high = params.zero.empty() ? 0 : std::lround(*most);
        for (long level = -high; level < grid.levels - low; ++level)
            (level >= -low && level < grid.levels - high ? points : result.some).push_back(double(level));
    } else {
        for (int code = 0; code < grid.levels; ++code) points.push_back(grid.table[static_cast<std::size_t>(code)]);
    }
    if (points.size() + result.some.size() <= most_lines)
        result.levels = points;
    else
        result.some.clear();
    for (int i = 0; i < grid.special_count; ++i) result.extra.push_back(grid.specials[static_cast<std::size_t>(i)]);
    points.insert(points.end(), result.extra.begin(), result.extra.end());
    points.insert(points.end(), result.some.begin(), result.some.end());
    double above = 1e300, below = -1e300;
    for (const double point : points) {
        if (point > 0) above = std::min(above, point);
        if (point < 0) below = std::max(below, point);
    }
    if (above < 1e300 && below > -1e300) result.zero_bin = {below / 2, above / 2};
    result.underflow_share = report.weight_underflow_percent / 100;
    const auto total = static_cast<double>(std::max<std::int64_t>(1, report.weight_counts.total));
    result.clipped_share = static_cast<double>(report.weight_counts.clipped) / total;
    if (result.clipped_share > 1e-4 && !points.empty()) {
        const auto [low, high] = std::minmax_element(points.begin(), points.end());
        result.reach = Span{*low - 0.5, *high + 0.5};
    }
    return result;
}

namespace {
void stretch(FormatLevels& format, double ratio) {
    for (auto* list : {&format.levels, &format.some, &format.extra})
        for (double& level : *list) level *= ratio;
    format.zero_bin = {format.zero_bin.lower * ratio, format.zero_bin.upper * ratio};
    if (format.reach) format.reach = Span{format.reach->lower * ratio, format.reach->upper * ratio};
}

// "full precision", or "as stored (GGUF Q4_1)" where the file's weights are quantized.
QString unquantized_text(const Session& session) {
    const auto stored = stored_quantization(*session.model());
    const QString name = QString::fromStdString(unquantized_name(*session.model()));
    return stored ? tr("%1 (%2)").arg(name, QString::fromStdString(stored->format)) : name;
}

Subtitle weight_about(const Linear& linear, const QString& basis) {
    return Subtitle(tr("weight"))
        .add(basis, Subtitle::Rank::basis)
        .add(tr("%1 × %2").arg(linear.out_features()).arg(linear.in_features()));
}

PlotScene plain_weight_plot(const Session& session, const Linear& linear, const std::optional<Span>& visible) {
    DistributionData data;
    data.layer = QString::fromStdString(linear.short_name);
    data.unquantized = unquantized_text(session);
    data.about = weight_about(linear, data.unquantized);
    data.x_label = tr("weight");
    data.x_symbol = QStringLiteral("w");
    data.what = tr("weights");
    const auto counted = session.whatIfs().weights(linear.id);
    const QString problem = session.whatIfs().weightsProblem(linear.id);
    if (!problem.isEmpty()) return empty_scene(data.layer, tr("The weights cannot be shown: %1").arg(problem));
    if (!counted) return empty_scene(data.layer, tr("counting …"));
    if (counted->empty()) return empty_scene(data.layer, tr("There are no weights to show"));
    const double limit = double(counted->reach) * counted->width;
    data.whole = Span{-limit, limit};
    data.full_precision = merged(*counted, bins_for(*counted, part_of(*data.whole, visible)));
    data.provenance = provenance_of(session);
    return distribution_scene(data);
}

PlotScene weight_plot(const Session& session, const Linear& linear, const std::optional<Span>& visible) {
    const SchemeChoice now = session.choiceFor(linear.id, session.recipeRules());
    const SchemeChoice before = session.choiceFor(linear.id, session.referenceRules());
    const WhatIfService& service = session.whatIfs();
    const auto candidate = service.find(linear.id, now, true), current = service.find(linear.id, before, true);
    const auto shown = current && before.scheme.weight ? current : candidate;
    if (!shown || shown->weight_in_steps.empty()) return plain_weight_plot(session, linear, visible);
    const SchemeChoice& shown_choice = shown == current ? before : now;
    // Shares are those of the table and the card: of a run where there was one.
    const auto report_of = [&](const SchemeChoice& choice, const WhatIf& tried) {
        const LayerFigures known = figures_of(session, linear.id, choice);
        return known && !known.estimated() ? *known.report : tried.report;
    };
    const QString standing = standing_text(figures_of(session, linear.id, now));
    DistributionData data;
    data.layer = QString::fromStdString(linear.short_name);
    const bool differs = now != before;
    data.unquantized = unquantized_text(session);
    data.about = weight_about(linear, standing);
    data.x_label = tr("weight / step of its %1")
                       .arg(shown_choice.scheme.weight->grain().kind == Granularity::Kind::channel ? tr("channel")
                            : shown_choice.scheme.weight->grain().kind == Granularity::Kind::group ? tr("group")
                                                                                                   : tr("tensor"));
    data.x_symbol = QStringLiteral("u");
    data.what = tr("weights");
    // The edges of zero bins (halves and quarters of a step) are edges of bars, unless a wide format has more steps
    // than the plot has room for.
    const StepHistogram& steps = shown->weight_in_steps;
    const double limit = std::ceil(std::max(1.0, steps.largest) * 1.02 * 2) / 2;
    data.whole = Span{-limit, limit};
    const Bins bins = bins_for(steps, part_of(*data.whole, visible));
    data.full_precision = merged(steps, bins);
    data.current = format_levels(*shown_choice.scheme.weight, shown->params, report_of(shown_choice, *shown));
    if (differs && candidate && candidate != shown && now.scheme.weight) {
        FormatLevels levels = format_levels(*now.scheme.weight, candidate->params, report_of(now, *candidate));
        const double ratio =
            median(shown->params.scale) > 0 ? median(candidate->params.scale) / median(shown->params.scale) : 1;
        const bool moved = !candidate->smoothing.empty() || !shown->smoothing.empty();
        if (moved)
            data.smoothed = merged(candidate->weight_in_steps, bins); // weights themselves have changed
        else if (std::abs(ratio - 1) > 1e-3)
            stretch(levels, ratio); // same weights under another step
        if (now.scheme.weight->format == shown_choice.scheme.weight->format)
            levels.name = weight_label(now) == weight_label(shown_choice) ? tr("candidate") : weight_label(now);
        data.candidate = std::move(levels);
    }
    data.provenance = provenance_of(session);
    return distribution_scene(data);
}

PlotScene input_plot(const Session& session, const Linear& linear, const std::optional<Span>& visible) {
    const SiteStats* site = site_of(session, linear.id);
    if (!site)
        return empty_scene(QString::fromStdString(linear.short_name),
                           tr("Calibrate to see what this linear's input looks like"));
    const Histogram& histogram = site->all().histogram;
    DistributionData data;
    data.layer = QString::fromStdString(linear.short_name);
    data.about.add(tr("input"))
        .add(tr("%1 channels").arg(linear.in_features()))
        .add(tokens_text(session), Subtitle::Rank::basis);
    data.x_label = tr("input value");
    data.x_symbol = QStringLiteral("x");
    data.what = tr("inputs");
    const double low = histogram.percentile(0.0), high = histogram.percentile(100.0);
    const double limit = std::max({std::abs(low), std::abs(high), 1e-9});
    data.whole = Span{-limit, limit};
    // One outlier must not leave the rest a pixel: then the axis is logarithmic beyond where most values lie.
    constexpr double squashed = 0.05;
    const double usual = histogram.magnitude_percentile(99);
    if (usual > 0 && usual < squashed * limit) data.linear_part = usual;
    const Scale scale = data.linear_part ? Scale::symlog : Scale::linear;
    const double linear_part = data.linear_part.value_or(1);
    constexpr int bins = 241; // of one width on the axis as it is drawn
    const Span part = part_of(*data.whole, visible);
    const double first = to_scale(scale, part.lower, linear_part), last = to_scale(scale, part.upper, linear_part);
    for (int i = 0; i <= bins; ++i)
        data.full_precision.edges.push_back(from_scale(scale, first + (last - first) * i / bins, linear_part));
    data.full_precision.counts = histogram.counts_between(data.full_precision.edges);
    if (data.linear_part) data.about.add(tr("logarithmic beyond ±%1").arg(fixed_text(usual, 2)));
    data.percentiles = {{tr("99th percentile of |x|"), usual}, {tr("99.9th"), histogram.magnitude_percentile(99.9)}};
    data.provenance = provenance_of(session);
    return distribution_scene(data);
}
} // namespace

PlotScene distribution_plot(const Session& session, DistributionOf which, const std::optional<Span>& visible,
                            std::optional<LayerId> layer) {
    if (!layer) layer = session.primary();
    if (!session.model() || !layer) return nothing_selected(tr("Distribution"));
    const Linear& linear = session.model()->linear(*layer);
    return which == DistributionOf::weight ? weight_plot(session, linear, visible)
                                           : input_plot(session, linear, visible);
}

PlotScene channels_plot(const Session& session, bool sorted, std::optional<double> threshold,
                        std::optional<LayerId> layer) {
    if (!layer) layer = session.primary();
    if (!session.model() || !layer) return nothing_selected(tr("Input channels"));
    const SiteStats* site = site_of(session, *layer);
    if (!site) return empty_scene(tr("Input channels"), tr("Calibrate to see which channels of the input stand out"));
    const OutlierReport& outliers = session.outliers()[index_of(site->site)];
    ChannelsData data;
    data.title = tr("Input channels");
    data.about.add(tr("max |x| over %1").arg(tokens_text(session)), Subtitle::Rank::basis);
    if (outliers.channels.empty())
        data.about.add(tr("no outliers; the range is %1").arg(fixed_text(outliers.max_absmax, 2)));
    else
        data.about.add((outliers.channels.size() == 1 ? tr("%1 outlier stretches the range from %2 to %3")
                                                      : tr("%1 outliers stretch the range from %2 to %3"))
                           .arg(outliers.channels.size())
                           .arg(fixed_text(outliers.max_without_outliers, 2), fixed_text(outliers.max_absmax, 2)));
    for (const float value : site->all().channels.absmax_per_channel()) data.values.push_back(value);
    const auto answer = session.whatIfs().find(*layer, session.choiceFor(*layer, session.recipeRules()), true);
    if (answer && !answer->smoothing.empty()) {
        data.smoothed.assign(answer->input_absmax.begin(), answer->input_absmax.end());
        data.factors.assign(answer->smoothing.begin(), answer->smoothing.end());
    }
    data.sorted = sorted;
    data.multiple = outlier_factor;
    data.threshold = threshold;
    data.shared_with.resize(data.values.size());
    for (std::size_t other = 0; other < session.outliers().size(); ++other) {
        if (other == index_of(site->site)) continue;
        const InputSite& there = session.model()->input_sites()[other];
        if (there.channels != static_cast<std::int64_t>(data.values.size())) continue;
        for (const std::int64_t channel : session.outliers()[other].channels)
            data.shared_with[static_cast<std::size_t>(channel)] << QString::fromStdString(there.name);
    }
    data.provenance = provenance_of(session);
    return channels_scene(data);
}

} // namespace graticule
