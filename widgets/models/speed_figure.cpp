#include "widgets/models/speed_figure.h"

#include <QtCore/QCoreApplication>
#include <algorithm>
#include <array>

#include "widgets/models/number_text.h"

namespace graticule {

namespace {

double rate(const SpeedPoint& point) { return point.tokens_per_second(); }
double milliseconds(const SpeedPoint& point) { return 1e3 * point.seconds; }
double megabytes(const SpeedPoint& point) { return 1e-6 * static_cast<double>(point.peak_bytes); }
double roofline(const SpeedPoint& point) { return 100 * point.floor_seconds / point.seconds; }
double products(const SpeedPoint& point) {
    double share = 0;
    for (const SpeedShare& of : point.shares) share += of.kernel.empty() ? 0 : of.share;
    return 100 * share;
}

QString whole(double value) { return thousands_text(static_cast<std::int64_t>(value)); }
QString significant(double value) { return number_text(value); }
QString tenths(double percent) { return percent_text(percent / 100); }

struct Row {
    const char *name, *tip;
    double (*value)(const SpeedPoint&);
    QString (*text)(double);
};

/// As SpeedFigure.
constexpr std::array rows{
    Row{QT_TRANSLATE_NOOP("SpeedFigure", "tokens/s"),
        QT_TRANSLATE_NOOP("SpeedFigure",
                          "Tokens per second, by the median of the passes; band: from p90 to p10 of them"),
        rate, whole},
    Row{QT_TRANSLATE_NOOP("SpeedFigure", "ms"),
        QT_TRANSLATE_NOOP("SpeedFigure", "Milliseconds of a pass, the median; band: p10 to p90 of the passes"),
        milliseconds, significant},
    Row{QT_TRANSLATE_NOOP("SpeedFigure", "memory, MB"),
        QT_TRANSLATE_NOOP("SpeedFigure", "Weights, keys and values and all else at most, in megabytes"), megabytes,
        significant},
    Row{QT_TRANSLATE_NOOP("SpeedFigure", "% of roofline"),
        QT_TRANSLATE_NOOP("SpeedFigure", "What the products of linears and head would take at the bytes and "
                                         "operations per second that the device reaches alone, as a share of the time"),
        roofline, tenths},
    Row{QT_TRANSLATE_NOOP("SpeedFigure", "% in linears"),
        QT_TRANSLATE_NOOP("SpeedFigure",
                          "Share of the time in the linears' products; below, that of each kind of layer"),
        products, tenths},
};

const Row& row_of(SpeedFigure figure) { return rows.at(static_cast<std::size_t>(figure)); }
QString tr(const char* text) { return QCoreApplication::translate("SpeedFigure", text); }

} // namespace

QStringList speed_figure_names() {
    QStringList names;
    for (const Row& row : rows) names << tr(row.name);
    return names;
}

QString speed_figure_tip(SpeedFigure figure) { return tr(row_of(figure).tip); }

double speed_value(SpeedFigure figure, const SpeedPoint& point) { return row_of(figure).value(point); }

std::optional<std::pair<double, double>> speed_spread(SpeedFigure figure, const SpeedPoint& point) {
    if (figure != SpeedFigure::rate && figure != SpeedFigure::time) return std::nullopt;
    const auto at = [&](double seconds) {
        SpeedPoint pass = point;
        pass.seconds = seconds;
        return speed_value(figure, pass);
    };
    const double fast = at(point.p10_seconds), slow = at(point.p90_seconds);
    return std::pair{std::min(fast, slow), std::max(fast, slow)};
}

bool is_marked(SpeedFigure figure, const SpeedRun& run, const SpeedPoint& point) {
    return (speed_spread(figure, point) || figure == SpeedFigure::roofline) && run.doubtful(point);
}

QString speed_text(SpeedFigure figure, const SpeedPoint& point) {
    return row_of(figure).text(speed_value(figure, point));
}

QString pass_name(const SpeedPoint& point) {
    return point.phase == SpeedPhase::prefill
               ? tr("prefill\n%1 tokens").arg(thousands_text(point.length))
               : tr("decode\n%1 behind %2").arg(thousands_text(point.batch), thousands_text(point.before));
}

} // namespace graticule
