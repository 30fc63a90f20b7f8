// What each plot needs to know, as plain numbers: whoever shows a result fills one of these and asks plot_builders.h
// for the scene.
#pragma once

#include "widgets/plots/plot_scene.h"

#include <QtCore/QString>
#include <QtCore/QStringList>
#include <optional>
#include <vector>

#include "core/result/layer_report.h"

namespace graticule::plots {

/// What stands under an exported picture, beside its title.
struct Provenance {
    QString model, recipe_hash;
    QString recipe;     ///< in one line
    QString conditions; ///< "calibrated 8 × 512", or the protocol
    std::optional<quint64> seed;
    /// "sample-opt · seed 1 · w=int4/asym/g128 (recipe 4f2a91c0) · calibrated 8 × 512 · Graticule 0.1.0"
    [[nodiscard]] QString caption() const;
};

/// The code points of one format on the axis of a distribution.
struct FormatLevels {
    QString name;               ///< "INT4"
    std::vector<double> levels; ///< in units of the axis
    std::vector<double> extra;  ///< dINT's specials: dashed in the candidate's colour
    std::vector<double> some;   ///< levels that only some channels have, whose zero points differ: paler
    Span zero_bin;              ///< what rounds to zero
    double underflow_share = 0; ///< of nonzero values in the zero bin, 0 to 1
    std::optional<Span> reach;  ///< values outside are clipped
    double clipped_share = 0;
};

struct HistogramData {
    std::vector<double> edges;  ///< n + 1
    std::vector<double> counts; ///< n
};

struct Percentile {
    QString name; ///< "99.9 %"
    double value = 0;
};

struct DistributionData {
    QString layer;              ///< "layers.3.self_attn.v_proj"
    Subtitle about;             ///< "weight · 256 × 256"
    QString x_label;            ///< "weight / step of its channel", or "|x|" on a log axis
    QString x_symbol;           ///< "u"
    QString what;               ///< of what the counts are: "weights", "inputs"
    bool logarithmic_x = false; ///< magnitudes, binned by their logarithm
    /// Logarithmic beyond this magnitude on either side, so that one outlier does not squash the rest; absent: linear.
    std::optional<double> linear_part;
    QString unquantized = QStringLiteral("full precision"); ///< what the filled bars are called; or "as stored"
    HistogramData full_precision;
    std::optional<Span> whole; ///< of the axis, where the counts are those of the part in sight; absent: their edges
    std::optional<HistogramData> smoothed;                  ///< outlined
    std::vector<double> quantized_levels, quantized_counts; ///< bars on the levels
    std::optional<FormatLevels> current, candidate;
    std::vector<Percentile> percentiles;
    Provenance provenance;
};

struct ChannelsData {
    QString title = QStringLiteral("Input channels");
    Subtitle about;
    QString statistic = QStringLiteral("max |x|");
    std::vector<double> values;      ///< by channel
    std::vector<double> smoothed;    ///< the same after smoothing; or empty
    std::vector<double> factors;     ///< s by channel; or empty
    bool sorted = false;             ///< by value, largest first
    std::optional<double> threshold; ///< absent: `multiple` x median
    double multiple = 6;
    std::vector<QStringList> shared_with; ///< by channel: other layers where it is an outlier too; or empty
    Provenance provenance;
};

struct ErrorTerms {
    ErrorSources error; ///< in the unit of the plot; `total` is what its parts add up to
    double sqnr_db = not_a_number;
    QString basis; ///< "measured", "estimated from 512 rows"
};

struct ErrorSplitRow {
    QString layer;
    qint64 id = -1;                  ///< what a click reports
    std::vector<ErrorTerms> recipes; ///< one or two
};

struct ErrorSplitData {
    QString title = QStringLiteral("Output error by source");
    Subtitle about;
    QString unit; ///< of the error: "% of the output's power"
    QString sign; ///< the unit behind a figure: "%"
    QStringList recipes;
    std::vector<ErrorSplitRow> rows; ///< any order; drawn worst first
    Provenance provenance;
};

struct PerplexityRun {
    QString name;
    qint64 id = -1;
    std::vector<double> windows, perplexity;                            ///< running
    std::vector<double> lower, upper;                                   ///< confidence band; or empty
    std::vector<double> difference, difference_lower, difference_upper; ///< paired, against the baseline; or empty
    std::optional<std::size_t> colour; ///< as in the table of runs; absent: its place in the list
    bool running = false;
    bool stopped = false; ///< cancelled or failed before its last window
};

struct PerplexityData {
    QString text;                             ///< by its name; may be left to the protocol
    QString protocol;                         ///< "WikiText-2 test, windows of 2048, GPTQ protocol"
    [[nodiscard]] QString conditions() const; ///< both
    QString warning;                          ///< why runs cannot be compared; or empty
    QString baseline;                         ///< name of the run that differences refer to
    std::vector<PerplexityRun> runs;
    double total_windows = 0; ///< 0: as many as the longest run has
    Provenance provenance;
};

struct LengthLine {
    QString name;
    std::vector<double> lengths, values;
    bool dashed = false;
    std::vector<double> lower = {}, upper = {}; ///< around each value; empty: not known
    bool run = false;                           ///< LegendEntry::run
};

struct SequenceLengthData {
    QString title = QStringLiteral("Sequence length");
    Subtitle about;
    QString statistic; ///< "max |x|"
    std::vector<LengthLine> lines;
    std::vector<LengthLine> ratios; ///< GPTQ's update ratio by calibration length: a panel of its own; empty: none
    std::optional<double> advised;  ///< a length to mark, with the reason
    QString reason;                 ///< a few words: they stand beside the mark
    Provenance provenance;
};

struct HeatMapData {
    QString title;
    Subtitle about;
    QString row_label, column_label;
    std::vector<QString> rows, columns;
    std::vector<double> values; ///< row-major; NaN: no such cell
    QString unit;
    std::optional<Span> range; ///< absent: of the values
    bool logarithmic = false;
    CellColours colours = CellColours::viridis;              ///< blue_orange: centred at zero
    bool low_is_worse = false;                               ///< bright is worse everywhere
    std::vector<std::pair<std::size_t, std::size_t>> marked; ///< (row, column): what is selected
    int decimals = 2;
    Provenance provenance;
};

struct ParetoPoint {
    QString name;
    qint64 id = -1;
    double cost = 0, loss = 0;
    bool measured = false; ///< solid; predicted points are hollow
    bool on_front = false;
    std::optional<std::size_t> colour = {}; ///< as in the table of runs; absent: that of all measured points
};

struct ParetoData {
    QString title = QStringLiteral("Pareto");
    Subtitle about;
    QString cost_label, loss_label;
    std::vector<ParetoPoint> points;
    Provenance provenance;
};

} // namespace graticule::plots
