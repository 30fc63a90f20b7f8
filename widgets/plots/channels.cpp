// Channel by channel: the largest magnitude, the outliers that stretch the range, and what smoothing does to them.
#include "widgets/models/number_text.h"
#include "widgets/plots/plot_builders.h"
#include "widgets/plots/scene_text.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace graticule::plots {
namespace {

using theme::Token;

double live_median(const std::vector<double>& values) {
    std::vector<double> live;
    for (const double value : values)
        if (std::isfinite(value) && value > 0) live.push_back(value);
    if (live.empty()) return 0;
    const auto middle = live.begin() + std::ptrdiff_t(live.size() / 2);
    std::nth_element(live.begin(), middle, live.end());
    return *middle;
}

double smallest_live(const std::vector<double>& values) {
    double least = std::numeric_limits<double>::infinity();
    for (const double value : values)
        if (value > 0) least = std::min(least, value);
    return std::isfinite(least) ? least : 0;
}

std::vector<std::size_t> drawing_order(const ChannelsData& data) {
    std::vector<std::size_t> order(data.values.size());
    std::iota(order.begin(), order.end(), std::size_t(0));
    const auto size = [&](std::size_t i) { return std::isnan(data.values[i]) ? -1.0 : data.values[i]; };
    if (data.sorted) std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return size(a) > size(b); });
    return order;
}

std::vector<double> edges_of(std::size_t count) {
    std::vector<double> edges(count + 1);
    for (std::size_t i = 0; i <= count; ++i) edges[i] = double(i) - 0.5;
    return edges;
}

QString channel_detail(const ChannelsData& data, std::size_t channel) {
    QString text = data.sorted ? QStringLiteral("channel %1\n").arg(channel) : QString();
    if (channel < data.smoothed.size())
        text += QStringLiteral("after smoothing %1\n").arg(number_text(data.smoothed[channel]));
    if (channel < data.factors.size()) text += QStringLiteral("factor s %1\n").arg(number_text(data.factors[channel]));
    if (channel < data.shared_with.size() && !data.shared_with[channel].isEmpty()) {
        const QStringList& layers = data.shared_with[channel];
        const QString more = layers.size() > 3 ? QStringLiteral(" and %1 more").arg(layers.size() - 3) : QString();
        text += QStringLiteral("outlier in %1%2 too\n").arg(layers.mid(0, 3).join(QStringLiteral(", ")), more);
    }
    return text;
}

struct ChannelSeries {
    Series ordinary, outliers, dead;
};

ChannelSeries split(const ChannelsData& data, const std::vector<std::size_t>& order, double threshold) {
    ChannelSeries result;
    result.ordinary.name = data.statistic;
    result.ordinary.mark = Mark::bars;
    result.ordinary.ink = {Token::full_precision, 1};
    result.ordinary.x = edges_of(order.size());
    result.outliers = make_series(data.statistic + QStringLiteral(", outlier"), Mark::stems, {Token::levels, 1});
    result.outliers.width = std::clamp(700.0 / double(std::max<std::size_t>(1, order.size())), 2.0, 6.0);
    result.dead = make_series(QStringLiteral("dead (always zero)"), Mark::points, {Token::underflow, 1});
    result.dead.width = 1.2;
    for (std::size_t rank = 0; rank < order.size(); ++rank) {
        const std::size_t channel = order[rank];
        const double value = data.values[channel];
        const bool outlier = value > threshold && threshold > 0;
        result.ordinary.y.push_back(outlier || value == 0 ? not_a_number : value);
        result.ordinary.ids.push_back(qint64(channel));
        result.ordinary.details.push_back(channel_detail(data, channel));
        if (!outlier && value != 0) continue;
        Series& marked = outlier ? result.outliers : result.dead;
        marked.x.push_back(double(rank));
        marked.y.push_back(value);
        marked.ids.push_back(qint64(channel));
        marked.details.push_back(channel_detail(data, channel));
        marked.labels.push_back(outlier ? QString::number(channel) : QString());
    }
    return result;
}

Subtitle channels_about(const ChannelsData& data, const std::vector<std::size_t>& outliers) {
    if (!data.about.isEmpty()) return data.about;
    const auto range = finite_range(data.values);
    Subtitle about(data.statistic);
    if (outliers.empty() || !range) return about.add(QStringLiteral("no outlier channels"));
    double without = 0;
    for (std::size_t i = 0; i < data.values.size(); ++i)
        if (std::isfinite(data.values[i]) && std::find(outliers.begin(), outliers.end(), i) == outliers.end())
            without = std::max(without, data.values[i]);
    return about.add(QStringLiteral("%1 outlier channel%2 stretch%3 the range to %4; without %5 it is %6")
                         .arg(outliers.size())
                         .arg(outliers.size() == 1 ? QString() : QStringLiteral("s"),
                              outliers.size() == 1 ? QStringLiteral("es") : QString(), number_text(range->upper, 3),
                              outliers.size() == 1 ? QStringLiteral("it") : QStringLiteral("them"),
                              number_text(without, 3)));
}

Panel factor_panel(const ChannelsData& data, const std::vector<std::size_t>& order, const Axis& x) {
    Panel panel;
    panel.x = x;
    panel.height_share = 0.4;
    panel.y.label = QStringLiteral("factor s (log)");
    panel.y.shorter = QStringLiteral("s (log)");
    panel.y.scale = Scale::log10;
    Series line = make_series(QStringLiteral("factor s"), Mark::line, {Token::candidate, 1});
    for (std::size_t rank = 0; rank < order.size(); ++rank) {
        line.x.push_back(double(rank));
        line.y.push_back(order[rank] < data.factors.size() ? data.factors[order[rank]] : not_a_number);
        line.ids.push_back(qint64(order[rank]));
    }
    const Span range = usable(Scale::log10, finite_range(line.y).value_or(Span{0.1, 10}));
    panel.y.span = {range.lower / 1.3, range.upper * 1.3};
    panel.series.push_back(std::move(line));
    return panel;
}

DataTable channels_table(const ChannelsData& data, const std::vector<std::size_t>& order, double threshold) {
    DataTable table{{QStringLiteral("channel"), data.statistic}, {}};
    if (!data.smoothed.empty()) table.columns.push_back(QStringLiteral("after smoothing"));
    if (!data.factors.empty()) table.columns.push_back(QStringLiteral("factor s"));
    table.columns.push_back(QStringLiteral("outlier"));
    for (const std::size_t channel : order) {
        std::vector<QString> row{QString::number(channel), plain_number(data.values[channel])};
        if (!data.smoothed.empty())
            row.push_back(channel < data.smoothed.size() ? plain_number(data.smoothed[channel]) : QString());
        if (!data.factors.empty())
            row.push_back(channel < data.factors.size() ? plain_number(data.factors[channel]) : QString());
        row.push_back(data.values[channel] > threshold ? QStringLiteral("1") : QStringLiteral("0"));
        table.rows.push_back(std::move(row));
    }
    return table;
}

} // namespace

double outlier_threshold(const ChannelsData& data) {
    return data.threshold.value_or(data.multiple * live_median(data.values));
}

std::vector<std::size_t> outlier_channels(const ChannelsData& data) {
    const double threshold = outlier_threshold(data);
    std::vector<std::size_t> result;
    for (std::size_t i = 0; i < data.values.size(); ++i)
        if (threshold > 0 && data.values[i] > threshold) result.push_back(i);
    std::stable_sort(result.begin(), result.end(), [&](auto a, auto b) { return data.values[a] > data.values[b]; });
    return result;
}

PlotScene channels_scene(const ChannelsData& data) {
    auto range = finite_range(data.values);
    if (!range)
        return empty_scene(data.title,
                           QStringLiteral("No channel statistics yet: calibrate the model to see its channels"));
    if (const auto smoothed = finite_range(data.smoothed)) range->upper = std::max(range->upper, smoothed->upper);
    const double threshold = outlier_threshold(data);
    const std::vector<std::size_t> order = drawing_order(data);
    const std::vector<std::size_t> outliers = outlier_channels(data);
    PlotScene scene;
    scene.title = data.title;
    scene.subtitle = channels_about(data, outliers);
    scene.caption = data.provenance.caption();
    scene.summary = data.title + QStringLiteral(": ") + scene.subtitle.text();
    scene.x_key = QStringLiteral("channels/%1/%2").arg(data.values.size()).arg(data.sorted);
    scene.table = channels_table(data, order, threshold);
    Panel panel;
    panel.x.label =
        data.sorted ? QStringLiteral("rank of input channel, largest first") : QStringLiteral("input channel");
    panel.x.symbol = data.sorted ? QStringLiteral("rank") : QStringLiteral("channel");
    panel.x.whole = true;
    panel.x.span = {-0.5, double(order.size()) - 0.5};
    panel.y.label = data.statistic;
    panel.y.span = {0, std::max(range->upper, threshold) * 1.12};
    panel.y.log_span = Span{std::max(range->upper * 1e-5, smallest_live(data.values) / 2), range->upper * 1.8};
    ChannelSeries series = split(data, order, threshold);
    scene.legend.push_back(
        {data.smoothed.empty() ? data.statistic : data.statistic + QStringLiteral(" before smoothing"),
         series.ordinary.ink});
    panel.series.push_back(std::move(series.ordinary));
    if (!series.outliers.x.empty()) {
        scene.legend.push_back({QStringLiteral("outlier channels"), series.outliers.ink});
        panel.series.push_back(std::move(series.outliers));
    }
    if (!data.smoothed.empty()) {
        Series after = make_series(QStringLiteral("after smoothing"), Mark::stairs, {Token::accent, 1});
        after.hoverable = false; // the bars' read-out tells both values
        after.x = edges_of(order.size());
        for (const std::size_t channel : order)
            after.y.push_back(channel < data.smoothed.size() ? data.smoothed[channel] : not_a_number);
        scene.legend.push_back({after.name, after.ink, true});
        panel.series.push_back(std::move(after));
    }
    if (!series.dead.x.empty()) {
        scene.legend.push_back({QStringLiteral("%1 dead channel%2 (always zero)")
                                    .arg(series.dead.x.size())
                                    .arg(series.dead.x.size() == 1 ? QString() : QStringLiteral("s")),
                                series.dead.ink});
        panel.series.push_back(std::move(series.dead));
    }
    if (threshold > 0) {
        const double median = live_median(data.values);
        const QString moved =
            median > 0 ? QStringLiteral("threshold %1 (%2 × median), drag") : QStringLiteral("threshold %1, drag");
        const QString text = data.threshold ? moved
                                            : QStringLiteral("threshold %1 × median = %2, drag")
                                                  .arg(number_text(data.multiple, 3), QStringLiteral("%1"));
        panel.thresholds.push_back({threshold, text, {Token::levels, 1}, true, moved, median > 0 ? median : 1});
    }
    const bool with_factors = !data.factors.empty();
    scene.panels.push_back(panel);
    if (with_factors) scene.panels.push_back(factor_panel(data, order, panel.x));
    return scene;
}

} // namespace graticule::plots
