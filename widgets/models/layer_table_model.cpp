#include "widgets/models/layer_table_model.h"

#include <QtCore/QSet>
#include <algorithm>
#include <cmath>

#include "core/result/layer_report.h"
#include "widgets/models/number_text.h"
#include "widgets/models/qt_text.h"
#include "widgets/models/table_text.h"

namespace graticule {

namespace {
QString optional_text(const std::optional<double>& value, int digits, const QString& suffix = {}) {
    return value ? fixed_text(*value, digits) + suffix : QString();
}
} // namespace

LayerTableModel::LayerTableModel(QObject* parent)
    : ColumnTable(
          {{tr("#"), tr("Decoder block, 0 nearest the embedding"), true},
           {tr("linear"), tr("The linear inside its block"), true},
           {tr("max |x|"), tr("Largest magnitude of the linear's input over all calibration tokens"), false, true},
           {tr("outlier"), tr("Outlier ratio: largest channel maximum of the input over the median channel maximum"),
            false, true, tr("outlier ratio")},
           {qt_text(words_of(Figure::weight_underflow).brief),
            tr("Weight underflow: share of non-zero weights that round to zero under the layer's scheme, in %"), false,
            true, qt_text(words_of(Figure::weight_underflow).label)},
           {qt_text(words_of(Figure::output_sqnr).brief),
            tr("Output SQNR: signal to quantization noise of the linear's output: 10 log10(E[y²] / E[(ŷ−y)²]), in dB, "
               "on kept calibration inputs. ≈: a what-if's estimate; without it: measured by a run"),
            false, false, qt_text(words_of(Figure::output_sqnr).label)},
           {tr("scheme"),
            tr("Weights / inputs · methods as the recipe has them now; where there is little room in fewer words "
               "(ch: output channel, SQ: SmoothQuant)"),
            true},
           {tr("kind"), tr("Role of the linear: q k v o gate up down fc1 fc2; filter with kind="), true},
           {tr("shape"), tr("Outputs × inputs"), false, true},
           {tr("bytes"), tr("Stored size under the scheme: codes, scales and zero points"), false, true},
           {tr("basis"),
            tr("Where weight underflow and output SQNR come from: measured by a run, or estimated by a what-if"), true},
           {tr("damage"),
            tr("Predicted divergence from full precision with this linear alone under its scheme, in nats per "
               "token (Sensitivity tab)"),
            false, true, tr("predicted damage, nats")},
           {tr("measured"),
            tr("Measured divergence with this linear alone under its scheme, in nats per token (Sensitivity tab)"),
            false, true, tr("measured damage, nats")}},
          parent) {}

bool LayerTableModel::sameThing(const LayerRow& a, const LayerRow& b) const { return a.id == b.id && a.name == b.name; }

void LayerTableModel::rowsReplaced() {
    for (int column = 0; column < ColumnCount; ++column) {
        if (isWords(column)) continue;
        Range range;
        for (const LayerRow& row : rows())
            if (const auto number = figure(row, column); number && std::isfinite(*number)) {
                range.low = std::min(range.low, *number);
                range.high = std::max(range.high, *number);
            }
        const auto at = static_cast<std::size_t>(column);
        recoloured_[at] = hasHeat(column) && range != ranges_[at];
        ranges_[at] = range;
    }
    recoloured_[MeasuredDamage] = recoloured_[Damage]; // whose decimals it has
}

bool LayerTableModel::hasHeat(int column) {
    return column == Outlier || column == Underflow || column == Sqnr || column == Damage;
}

bool LayerTableModel::sameCell(const LayerRow& before, const LayerRow& now, int column) const {
    if (isWords(column))
        return words(before, column) == words(now, column) &&
               (column != Scheme || (before.edited == now.edited && before.schemes == now.schemes));
    if (recoloured_[static_cast<std::size_t>(column)]) return false;
    if (column == Sqnr && (before.estimated != now.estimated || before.doubtful != now.doubtful)) return false;
    return figure(before, column) == figure(now, column);
}

QStringList LayerTableModel::widest(int column) const {
    QStringList texts;
    LayerRow extreme; // numbers of one notation: the least or the greatest has the most digits
    for (const LayerRow& row : rows()) {
        extreme.estimated = extreme.estimated || row.estimated;
        extreme.doubtful = extreme.doubtful || row.doubtful;
    }
    const auto both = [&](std::optional<double> LayerRow::*figure, const Range& range) {
        if (range.high < range.low) return; // none known
        for (const double value : {range.low, range.high}) {
            extreme.*figure = value;
            texts << text(extreme, column);
        }
    };
    switch (column) {
    case AbsMax:
        both(&LayerRow::absmax, ranges_[AbsMax]);
        break;
    case Outlier:
        both(&LayerRow::outlier_ratio, ranges_[Outlier]);
        break;
    case Underflow:
        both(&LayerRow::underflow_percent, ranges_[Underflow]);
        break;
    case Sqnr:
        both(&LayerRow::sqnr_db, ranges_[Sqnr]);
        break;
    case Damage:
    case MeasuredDamage:
        texts = {fixed_text(-8, damageDecimals())};
        break;
    default: { // words, and few different ones
        QSet<QString> different;
        for (const LayerRow& row : rows()) different.insert(text(row, column));
        texts = QStringList(different.begin(), different.end());
    }
    }
    return texts;
}

// All with the same decimals: four digits of the largest, so that what is a tenth of it looks like that.
int LayerTableModel::damageDecimals() const {
    return ranges_[Damage].high > 0
               ? std::clamp(3 - static_cast<int>(std::floor(std::log10(ranges_[Damage].high))), 2, 9)
               : 2;
}

QString LayerTableModel::text(const LayerRow& row, int column) const {
    switch (column) {
    case Block:
        return row.block < 0 ? QString() : QString::number(row.block);
    case AbsMax:
        return optional_text(row.absmax, 2);
    case Outlier:
        return optional_text(row.outlier_ratio, 1, QStringLiteral("×"));
    case Underflow:
        return optional_text(row.underflow_percent, 1);
    case Sqnr:
        return row.sqnr_db ? (row.estimated ? QStringLiteral("≈") : QString()) + fixed_text(*row.sqnr_db, 1) +
                                 (row.doubtful ? QStringLiteral("?") : QString())
                           : QString();
    case Damage:
        return optional_text(row.damage, damageDecimals());
    case MeasuredDamage:
        return optional_text(row.damage_measured, damageDecimals());
    case ShapeColumn:
        return QStringLiteral("%1 × %2").arg(row.rows).arg(row.columns);
    case Bytes:
        return row.bytes_after ? bytes_text(row.bytes_after) : bytes_text(row.bytes_before);
    default:
        return words(row, column);
    }
}

QString LayerTableModel::scheme(const LayerRow& row, qsizetype form) {
    return row.ignored || row.schemes.isEmpty() ? words(row, Scheme)
                                                : row.schemes[std::min(form, row.schemes.size() - 1)];
}

QStringList LayerTableModel::schemes(qsizetype form) const {
    QSet<QString> different;
    for (const LayerRow& row : rows()) different.insert(scheme(row, form));
    return {different.begin(), different.end()};
}

qsizetype LayerTableModel::schemeForms() const {
    qsizetype forms = 1;
    for (const LayerRow& row : rows()) forms = std::max(forms, row.schemes.size());
    return forms;
}

void LayerTableModel::showSchemes(qsizetype form) {
    if (form == form_) return;
    form_ = form;
    if (!rows().empty()) Q_EMIT dataChanged(index(0, Scheme), index(rowCount() - 1, Scheme), {ShownRole});
}

bool LayerTableModel::isWords(int column) {
    return column == Name || column == Scheme || column == Kind || column == Basis;
}

QString LayerTableModel::words(const LayerRow& row, int column) {
    switch (column) {
    case Name:
        return row.leaf;
    case Scheme:
        return row.ignored ? tr("ignored") : row.schemes.value(0);
    case Kind:
        return row.kind;
    case Basis:
        return row.basis;
    default:
        return {};
    }
}

std::optional<double> LayerTableModel::figure(const LayerRow& row, int column) {
    switch (column) {
    case Block:
        return row.block;
    case AbsMax:
        return row.absmax;
    case Outlier:
        return row.outlier_ratio;
    case Underflow:
        return row.underflow_percent;
    case Sqnr:
        return row.sqnr_db;
    case Damage:
        return row.damage;
    case MeasuredDamage:
        return row.damage_measured;
    case ShapeColumn:
        return static_cast<double>(row.rows * row.columns);
    case Bytes:
        return static_cast<double>(row.bytes_after ? row.bytes_after : row.bytes_before);
    default:
        return std::nullopt;
    }
}

QVariant LayerTableModel::number(const LayerRow& row, int column) {
    if (isWords(column)) return words(row, column);
    const bool whole = column == Block || column == ShapeColumn || column == Bytes; // in files without a point
    const std::optional<double> value = figure(row, column);
    return whole ? QVariant::fromValue<qlonglong>(static_cast<qlonglong>(*value)) : cell(value);
}

QVariant LayerTableModel::heat(const LayerRow& row, int column) const {
    const auto share = [](const std::optional<double>& value, Range range, bool logarithmic,
                          bool low_is_hot) -> QVariant {
        if (!value || range.high <= range.low) return {};
        double low = range.low, high = range.high, at = *value;
        if (logarithmic && low > 0) low = std::log(low), high = std::log(high), at = std::log(at);
        const double heat = std::clamp((at - low) / (high - low), 0.0, 1.0);
        return low_is_hot ? 1 - heat : heat;
    };
    switch (column) {
    case Outlier:
        return share(row.outlier_ratio, ranges_[Outlier], true, false);
    case Underflow:
        return share(row.underflow_percent, ranges_[Underflow], false, false);
    case Sqnr:
        return share(row.sqnr_db, ranges_[Sqnr], false, true);
    case Damage:
        return share(row.damage, ranges_[Damage], true, false);
    default:
        return {};
    }
}

QString LayerTableModel::tip(const LayerRow& row, int column) {
    const QString name = QStringLiteral("%1 · %2 × %3").arg(row.name).arg(row.rows).arg(row.columns);
    switch (column) {
    case Scheme:
        return row.scheme_line;
    case Underflow:
    case Sqnr:
    case Basis:
        return row.basis.isEmpty() ? name
               : row.doubtful
                   ? tr("%1\n%2: fewer tokens than the %3 inputs that the method fits to, so it is not to be "
                        "trusted. %4")
                         .arg(name, row.basis)
                         .arg(row.columns)
                         .arg(row.estimated ? tr("Calibrate on more tokens, or quantize to measure it.")
                                            : tr("Calibrate on more tokens."))
                   : name + u'\n' + row.basis;
    default:
        return name;
    }
}

QVariant LayerTableModel::data(const QModelIndex& index, int role) const {
    if (!checkIndex(index, CheckIndexOption::IndexIsValid)) return {};
    const LayerRow& row = this->row(index);
    const int column = index.column();
    switch (role) {
    case Qt::DisplayRole:
        return text(row, column);
    case SortRole:
        return number(row, column);
    case ExportRole:
        return column == Name ? QVariant(row.name) : column == Scheme ? QVariant(row.scheme_line) : number(row, column);
    case HeatRole:
        return heat(row, column);
    case ShownRole:
        return column == Scheme ? QVariant(scheme(row, form_)) : QVariant();
    case EditedRole:
        return row.edited && column == Scheme;
    case LayerRole:
        return static_cast<int>(row.id);
    case Qt::ToolTipRole:
        return tip(row, column);
    case Qt::TextAlignmentRole:
        return alignment(column);
    default:
        return {};
    }
}

} // namespace graticule
