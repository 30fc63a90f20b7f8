#include "app/window/multiples_feed.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "widgets/models/number_text.h"

namespace graticule {

namespace {
constexpr int bins = 64;

const SiteStats* seen(const Session& session, SiteId site) {
    const auto& sites = session.stats()->sites;
    if (index_of(site) >= sites.size() || sites[index_of(site)].buckets.empty() ||
        sites[index_of(site)].all().channels.tokens == 0)
        return nullptr;
    return &sites[index_of(site)];
}

// Values that count for nothing would take half of the axis: it begins a thousandth below the usual ones.
void choose_axis(Multiples& all, const Session& session) {
    double largest = 0, usual = 0;
    for (const SiteStats& site : session.stats()->sites) {
        if (!seen(session, site.site)) continue;
        largest = std::max(largest, site.all().histogram.magnitude_percentile(100));
        const double median = site.all().histogram.magnitude_percentile(50);
        if (median > 0) usual = usual > 0 ? std::min(usual, median) : median;
    }
    all.high = std::max(largest * 1.02, 1e-30);
    all.low = std::min(usual > 0 ? usual / 30 : all.high / 1e4, all.high / 10);
}

std::vector<double> counts_of(const Histogram& histogram, double low, double high) {
    std::vector<double> edges, minus;
    for (int i = 0; i <= bins; ++i) edges.push_back(low * std::pow(high / low, double(i) / bins));
    for (auto edge = edges.rbegin(); edge != edges.rend(); ++edge) minus.push_back(-*edge);
    std::vector<double> counts = histogram.counts_between(edges);
    const std::vector<double> below = histogram.counts_between(minus);
    for (std::size_t i = 0; i < counts.size(); ++i) counts[i] += below[below.size() - 1 - i];
    return counts;
}

/// "q k v_proj": what names share at their end is said once.
QString together(QStringList names) {
    const qsizetype at = names.constLast().lastIndexOf(u'_');
    const QString shared = at < 0 ? QString() : names.constLast().mid(at);
    for (qsizetype i = 0; i + 1 < names.size(); ++i)
        if (!shared.isEmpty() && names[i].endsWith(shared)) names[i].chop(shared.size());
    return names.join(u' ');
}
} // namespace

LayerId first_reader(const Session& session, LayerId layer) {
    const SiteId site = session.model()->linear(layer).site;
    for (const Linear& linear : session.model()->linears())
        if (linear.site == site) return linear.id;
    return layer;
}

MultiplesShown input_multiples(const Session& session) {
    MultiplesShown shown;
    if (!session.model() || !session.stats()) return shown;
    Multiples& all = shown.multiples;
    choose_axis(all, session);
    std::map<SiteId, QStringList> readers; // leaves, in the order of execution
    std::map<SiteId, LayerId> first;
    for (const Linear& linear : session.model()->linears()) {
        readers[linear.site] << QString::fromStdString(linear.short_name).section(u'.', -1);
        first.try_emplace(linear.site, linear.id);
    }
    std::vector<int> blocks;
    std::map<std::pair<int, QString>, SiteId> sites;
    for (const Linear& linear : session.model()->linears()) {
        if (first.at(linear.site) != linear.id) continue;
        const QString column = together(readers.at(linear.site));
        const int block = static_cast<int>(linear.block);
        if (!all.columns.contains(column)) all.columns << column;
        if (std::find(blocks.begin(), blocks.end(), block) == blocks.end()) blocks.push_back(block);
        sites[{block, column}] = linear.site;
    }
    for (const int block : blocks) {
        all.rows << (block < 0 ? QObject::tr("head") : QString::number(block));
        auto& row = all.cells.emplace_back();
        for (const QString& column : all.columns) {
            SmallDistribution& cell = row.emplace_back();
            const auto found = sites.find({block, column});
            const SiteStats* site = found == sites.end() ? nullptr : seen(session, found->second);
            if (!site) continue;
            cell.layer = first.at(found->second);
            cell.name = QString::fromStdString(session.model()->linear(cell.layer).short_name);
            const Histogram& histogram = site->all().histogram;
            cell.counts = counts_of(histogram, all.low, all.high);
            cell.largest = session.outliers()[index_of(site->site)].max_absmax;
            cell.high = histogram.magnitude_percentile(99.9);
            cell.outlier_ratio = session.outliers()[index_of(site->site)].ratio;
        }
    }
    shown.about =
        QObject::tr("|x| of every input over %1 × %2 tokens, from %3 to %4 on one logarithmic axis; heights are "
                    "logarithms of counts. The line: 99.9 % stay below. The figure: the largest.")
            .arg(session.stats()->spec.samples)
            .arg(session.stats()->spec.length)
            .arg(number_text(all.low, 2), number_text(all.high, 3));
    return shown;
}

} // namespace graticule
