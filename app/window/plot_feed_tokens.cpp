// What each token of the calibration text makes of one input: tokens by channels.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "app/window/plot_feed.h"
#include "widgets/models/number_text.h"
#include "widgets/plots/plot_builders.h"

namespace graticule {

using namespace plots;

namespace {
constexpr std::size_t most_tokens = 96, most_columns = 160; // more would be less than a pixel each

QString tr(const char* text) { return QObject::tr(text); }

// As it can be read in one line: blanks and ends of lines shown.
QString token_text(const Session& session, std::int64_t token) {
    const ActivationStats& stats = *session.stats();
    const auto sample = static_cast<std::size_t>(token / stats.spec.length),
               place = static_cast<std::size_t>(token % stats.spec.length);
    if (sample >= stats.samples.size() || place >= stats.samples[sample].size()) return {};
    const std::int32_t id = stats.samples[sample][place];
    if (!session.opened().tokenizer) return QStringLiteral("#%1").arg(id);
    const Tokenizer& tokenizer = *session.opened().tokenizer;
    QString text = QString::fromStdString(tokenizer.decode({&id, 1}));
    if (text.isEmpty()) text = QString::fromStdString(tokenizer.token_text(id)); // a special one
    return text.replace(u' ', QChar(0x00b7)).replace(u'\n', QChar(0x21b5)).replace(u'\t', QChar(0x21e5));
}

// Which of the kept rows, as they stand in the text, or those with the largest values first.
std::vector<std::size_t> chosen_rows(const SiteStats& site, TokenOrder order) {
    std::vector<std::size_t> rows(site.kept_tokens.size());
    std::iota(rows.begin(), rows.end(), std::size_t{0});
    if (order == TokenOrder::largest_first)
        std::stable_sort(rows.begin(), rows.end(),
                         [&](std::size_t a, std::size_t b) { return site.token_absmax[a] > site.token_absmax[b]; });
    rows.resize(std::min(rows.size(), most_tokens));
    return rows;
}
} // namespace

PlotScene token_map_plot(const Session& session, TokenOrder order) {
    const QString title = tr("Tokens by channels");
    const auto layer = session.primary();
    if (!session.model() || !layer) return empty_scene(title, tr("Select a linear in the layer table"));
    const Linear& linear = session.model()->linear(*layer);
    const SiteStats* site = session.stats() ? &session.stats()->sites.at(index_of(linear.site)) : nullptr;
    if (!site || site->kept_tokens.empty())
        return empty_scene(title, tr("Calibrate to see what each token makes of this linear's input"));
    HeatMapData data;
    data.title = QString::fromStdString(linear.short_name);
    data.logarithmic = true;
    data.column_label = tr("input channel");
    data.row_label = tr("token");
    const std::int64_t channels = linear.in_features();
    const std::int64_t together = (channels + std::int64_t{most_columns} - 1) / std::int64_t{most_columns};
    for (std::int64_t first = 0; first < channels; first += together)
        data.columns.push_back(together == 1
                                   ? QString::number(first)
                                   : QStringLiteral("%1–%2").arg(first).arg(std::min(channels, first + together) - 1));
    const std::vector<std::size_t> rows = chosen_rows(*site, order);
    for (const std::size_t row : rows) {
        data.rows.push_back(token_text(session, site->kept_tokens[row]));
        const std::vector<float> values = to_floats(site->kept_rows, static_cast<std::int64_t>(row), 1);
        for (std::size_t first = 0; first < values.size(); first += static_cast<std::size_t>(together)) {
            float largest = 0;
            for (std::size_t at = first; at < std::min(values.size(), first + static_cast<std::size_t>(together)); ++at)
                largest = std::max(largest, std::abs(values[at]));
            data.values.push_back(largest);
        }
    }
    data.about.add(tr("|x| of its input"))
        .add(tr("%1 of %2 kept tokens of %3 × %4, %5")
                 .arg(rows.size())
                 .arg(site->kept_tokens.size())
                 .arg(session.stats()->spec.samples)
                 .arg(session.stats()->spec.length)
                 .arg(order == TokenOrder::in_text ? tr("as they stand in the text") : tr("largest first")),
             Subtitle::Rank::basis);
    if (together > 1) data.about.add(tr("the largest of %1 channels a column").arg(together));
    data.provenance = provenance_of(session);
    return heat_map_scene(data);
}

} // namespace graticule
