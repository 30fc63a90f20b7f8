#include "widgets/plots/scene_text.h"

#include "widgets/models/number_text.h"

#include <QtCore/QStringList>
#include <algorithm>
#include <cmath>

namespace graticule::plots {
namespace {

QString csv_field(const QString& text) {
    const bool quoted = text.contains(QLatin1Char(',')) || text.contains(QLatin1Char('"')) ||
                        text.contains(QLatin1Char('\n')) || text.contains(QLatin1Char('\r'));
    return quoted
               ? QLatin1Char('"') + QString(text).replace(QLatin1Char('"'), QStringLiteral("\"\"")) + QLatin1Char('"')
               : text;
}

QString tsv_field(QString text) {
    return text.replace(QLatin1Char('\t'), QLatin1Char(' ')).replace(QLatin1Char('\n'), QLatin1Char(' '));
}

QString markdown_field(QString text) {
    return text.replace(QLatin1Char('|'), QStringLiteral("\\|")).replace(QLatin1Char('\n'), QLatin1Char(' '));
}

template <typename Field>
QString joined(const DataTable& table, const QString& separator, Field field) {
    QString text;
    const auto add = [&](const std::vector<QString>& cells) {
        QStringList fields;
        for (const QString& cell : cells) fields << field(cell);
        text += fields.join(separator) + QLatin1Char('\n');
    };
    add(table.columns);
    for (const auto& row : table.rows) add(row);
    return text;
}

} // namespace

QString plain_number(double value) {
    if (std::isnan(value)) return {};
    return QString::number(value, 'g', 9);
}

DataTable data_table(const PlotScene& scene) {
    if (!scene.table.columns.empty()) return scene.table;
    DataTable table{{QStringLiteral("series"), QStringLiteral("x"), QStringLiteral("y")}, {}};
    for (const Panel& panel : scene.panels)
        for (const Series& series : panel.series)
            for (std::size_t i = 0; i < std::min(series.x.size(), series.y.size()); ++i)
                table.rows.push_back({series.name, plain_number(series.x[i]), plain_number(series.y[i])});
    return table;
}

QString to_csv(const DataTable& table) { return joined(table, QStringLiteral(","), csv_field); }

QString to_tsv(const DataTable& table) { return joined(table, QStringLiteral("\t"), tsv_field); }

QString to_markdown(const DataTable& table) {
    QString text = joined(table, QStringLiteral(" | "), markdown_field);
    QStringList lines = text.split(QLatin1Char('\n'), Qt::SkipEmptyParts);
    QString rule = QStringLiteral("|");
    for (std::size_t i = 0; i < table.columns.size(); ++i) rule += QStringLiteral("---|");
    for (QString& line : lines) line = QStringLiteral("| ") + line + QStringLiteral(" |");
    lines.insert(std::min<qsizetype>(1, lines.size()), rule);
    return lines.join(QLatin1Char('\n')) + QLatin1Char('\n');
}

QString summary_text(const PlotScene& scene) {
    if (!scene.summary.isEmpty()) return scene.summary;
    if (scene.panels.empty()) return scene.empty_text;
    QStringList parts{scene.title};
    for (const Panel& panel : scene.panels) {
        for (const Series& series : panel.series) {
            double lowest = not_a_number, highest = not_a_number;
            for (const double y : series.y) {
                if (std::isnan(y)) continue;
                lowest = std::isnan(lowest) ? y : std::min(lowest, y);
                highest = std::isnan(highest) ? y : std::max(highest, y);
            }
            if (!std::isnan(lowest))
                parts << QStringLiteral("%1: %2 values from %3 to %4")
                             .arg(series.name, whole_text(double(series.y.size())), number_text(lowest),
                                  number_text(highest));
        }
    }
    return parts.join(QStringLiteral(". "));
}

} // namespace graticule::plots
