#include "app/window/explain_figure.h"

#include <QtCore/QStringList>
#include <algorithm>
#include <cmath>

#include "app/session/layer_figures.h"
#include "core/result/layer_report.h"
#include "widgets/models/layer_table_model.h"
#include "widgets/models/number_text.h"

namespace graticule {

namespace {
QString tr(const char* text) { return QObject::tr(text); }

// What the input was seen to be: null before a calibration.
const SiteStats* input_of(const Session& session, const Linear& linear) {
    if (!session.stats() || index_of(linear.site) >= session.stats()->sites.size()) return nullptr;
    const SiteStats& site = session.stats()->sites[index_of(linear.site)];
    return site.buckets.empty() || site.all().channels.tokens == 0 ? nullptr : &site;
}

QString seen_text(const Session& session, const SiteStats& site) {
    return tr("over %1 tokens (%2 × %3)")
        .arg(thousands_text(site.all().channels.tokens))
        .arg(session.stats()->spec.samples)
        .arg(session.stats()->spec.length);
}

QStringList absmax_lines(const Session& session, const Linear& linear) {
    const SiteStats* site = input_of(session, linear);
    if (!site) return {};
    const std::vector<float> channels = site->all().channels.absmax_per_channel();
    std::vector<std::size_t> order(channels.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    const std::size_t shown = std::min<std::size_t>(4, order.size());
    std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(shown), order.end(),
                      [&](std::size_t a, std::size_t b) { return channels[a] > channels[b]; });
    QStringList largest;
    for (std::size_t i = 0; i < shown; ++i)
        largest << tr("channel %1: %2").arg(order[i]).arg(number_text(channels[order[i]], 5));
    return {tr("max |x| = the largest magnitude of the input, %1").arg(seen_text(session, *site)),
            tr("of its %1 channels the largest are %2").arg(channels.size()).arg(largest.join(QStringLiteral(", "))),
            tr("max |x| = %1").arg(number_text(channels[order.front()], 5))};
}

QStringList outlier_lines(const Session& session, const Linear& linear) {
    const SiteStats* site = input_of(session, linear);
    if (!site) return {};
    const OutlierReport& found = session.outliers()[index_of(linear.site)];
    QStringList lines{
        tr("outlier ratio = largest channel maximum / median of the channel maxima, %1").arg(seen_text(session, *site)),
        tr("= %1 / %2 = %3")
            .arg(number_text(found.max_absmax, 5), number_text(found.median_absmax, 5), number_text(found.ratio, 5))};
    if (found.channels.empty())
        return lines << tr("no channel is above %1 × the median = %2")
                            .arg(outlier_factor)
                            .arg(number_text(found.threshold, 4));
    QStringList names;
    for (std::size_t i = 0; i < std::min<std::size_t>(8, found.channels.size()); ++i)
        names << QString::number(found.channels[i]);
    if (found.channels.size() > 8) names << QStringLiteral("…");
    return lines << tr("above %1 × the median = %2 are %3 of %4 channels: %5")
                        .arg(outlier_factor)
                        .arg(number_text(found.threshold, 4))
                        .arg(found.channels.size())
                        .arg(linear.in_features())
                        .arg(names.join(QStringLiteral(", ")));
}

QStringList underflow_lines(const LayerReport& report) {
    const QuantizeCounts& counts = report.weight_counts;
    const std::int64_t not_zero = counts.total - counts.zeros_in;
    QStringList lines{tr("weight underflow = weights that are not zero and become zero / weights that are not zero")};
    // Kept columns are in the counts of some methods and not in the share: then there is nothing to write out.
    const double share = not_zero > 0 ? 100 * double(counts.underflow) / double(not_zero) : 0;
    if (std::abs(share - report.weight_underflow_percent) < 1e-9)
        lines << tr("= %1 / (%2 weights − %3 zeros) = %4 %")
                     .arg(thousands_text(counts.underflow), thousands_text(counts.total),
                          thousands_text(counts.zeros_in), number_text(share, 4));
    return lines << tr("weight underflow = %1 %").arg(fixed_text(report.weight_underflow_percent, 3));
}

QStringList sqnr_lines(const LayerReport& report) {
    if (!report.output_mse || !report.output_sqnr_db || !(*report.output_mse > 0)) return {};
    const double power = *report.output_mse * std::pow(10, *report.output_sqnr_db / 10);
    QStringList lines{
        tr("output SQNR = 10 log10(E[y²] / E[(ŷ − y)²]), y = W x in full precision, ŷ with both operands quantized"),
        tr("means over %1 rows of the input").arg(thousands_text(report.rows_scored)),
        tr("E[y²] = %1").arg(number_text(power, 5)), tr("E[(ŷ − y)²] = %1").arg(number_text(*report.output_mse, 5))};
    if (report.output_error && report.output_error->total > 0)
        for (const ErrorSource& source : error_sources())
            if (const double part = source.of(*report.output_error); part != 0)
                lines << tr("    %1: %2 (%3 %)")
                             .arg(QString::fromUtf8(source.label.data(), qsizetype(source.label.size())),
                                  number_text(part, 4), fixed_text(100 * part / report.output_error->total, 1));
    if (report.output_error && errors_cancel(*report.output_error))
        lines << tr("    above 100 %: the sources cancel each other, the cross term is what they take away");
    return lines << tr("10 log10(%1 / %2) = 10 log10(%3) = %4 dB")
                        .arg(number_text(power, 5), number_text(*report.output_mse, 5),
                             number_text(power / *report.output_mse, 5), fixed_text(*report.output_sqnr_db, 2));
}

QStringList bytes_lines(const Linear& linear, const SchemeChoice& choice, const LayerReport& report) {
    const std::int64_t weights = linear.out_features() * linear.in_features();
    QStringList lines{
        tr("stored size = codes + what is stored beside them (scales, zero points, kept columns, factors)")};
    if (choice.scheme.weight) {
        const std::int64_t codes = (weights * choice.scheme.weight->format->bits + 7) / 8;
        lines << tr("codes: %1 × %2 weights × %3 bits = %4 bytes")
                     .arg(thousands_text(linear.out_features()), thousands_text(linear.in_features()))
                     .arg(choice.scheme.weight->format->bits)
                     .arg(thousands_text(codes));
        if (report.bytes_after >= codes)
            lines << tr("beside them: %1 bytes").arg(thousands_text(report.bytes_after - codes));
    }
    return lines << tr("together %1 bytes; × 8 / %2 weights = %3 bits a weight; in the file before: %4 bytes")
                        .arg(thousands_text(report.bytes_after), thousands_text(weights),
                             fixed_text(8 * double(report.bytes_after) / double(weights), 3),
                             thousands_text(linear.stored_bytes));
}
} // namespace

std::optional<Explanation> explain_figure(const Session& session, LayerId layer, int column) {
    if (!session.model()) return std::nullopt;
    const Linear& linear = session.model()->linear(layer);
    const SchemeChoice choice = session.choiceFor(layer, session.recipeRules());
    const LayerFigures known = figures_of(session, layer, choice);
    QString what;
    QStringList lines;
    bool of_recipe = false;
    switch (column) {
    case LayerTableModel::AbsMax:
        what = tr("max |x|");
        lines = absmax_lines(session, linear);
        break;
    case LayerTableModel::Outlier:
        what = tr("outlier ratio");
        lines = outlier_lines(session, linear);
        break;
    case LayerTableModel::Underflow:
        what = tr("weight underflow");
        if (known && choice.scheme.weight) lines = underflow_lines(*known.report);
        of_recipe = true;
        break;
    case LayerTableModel::Sqnr:
        what = tr("output SQNR");
        if (known) lines = sqnr_lines(*known.report);
        of_recipe = true;
        break;
    case LayerTableModel::Bytes:
        what = tr("stored size");
        if (known) lines = bytes_lines(linear, choice, *known.report);
        of_recipe = true;
        break;
    default:
        break;
    }
    if (lines.isEmpty()) return std::nullopt;
    if (of_recipe) lines << tr("under %1; %2").arg(QString::fromStdString(to_line(choice)), basis_text(session, known));
    return Explanation{tr("%1: %2").arg(QString::fromStdString(linear.short_name), what), lines.join(u'\n')};
}

} // namespace graticule
