#include "widgets/models/compare_table_model.h"

#include <QtGui/QColor>
#include <cmath>
#include <map>

#include "widgets/models/number_text.h"
#include "widgets/models/table_text.h"

namespace graticule {

namespace {
std::optional<double> minus(const std::optional<double>& b, const std::optional<double>& a) {
    if (!a || !b) return std::nullopt;
    return *b - *a;
}
} // namespace

CompareTableModel::CompareTableModel(QObject* parent)
    : QAbstractTableModel(parent) {}

void CompareTableModel::setReports(const std::vector<LayerReport>& a, const std::vector<LayerReport>& b) {
    beginResetModel();
    std::map<LayerId, Row> joined;
    for (const LayerReport& report : a) joined[report.layer] = {report.name, report, {}};
    for (const LayerReport& report : b) {
        joined[report.layer].name = report.name;
        joined[report.layer].b = report;
    }
    rows_.clear();
    for (auto& [id, row] : joined) rows_.push_back(std::move(row));
    endResetModel();
}

int CompareTableModel::rowCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : static_cast<int>(rows_.size());
}

int CompareTableModel::columnCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : ColumnCount; }

std::optional<double> CompareTableModel::number(const Row& row, int column) {
    const auto of = [](const std::optional<LayerReport>& report, auto value) -> std::optional<double> {
        if (!report) return std::nullopt;
        return value(*report);
    };
    const auto sqnr = [](const LayerReport& report) { return report.output_sqnr_db; };
    const auto mse = [](const LayerReport& report) { return report.output_mse; };
    const auto underflow = [](const LayerReport& report) {
        return std::optional<double>(report.weight_underflow_percent);
    };
    const auto bytes = [](const LayerReport& report) { return std::optional<double>(double(report.bytes_after)); };
    switch (column) {
    case SqnrA:
        return of(row.a, sqnr);
    case SqnrB:
        return of(row.b, sqnr);
    case SqnrDelta:
        return minus(of(row.b, sqnr), of(row.a, sqnr));
    case MseA:
        return of(row.a, mse);
    case MseB:
        return of(row.b, mse);
    case MseRatio: {
        const auto a = of(row.a, mse), b = of(row.b, mse);
        if (!a || !b || *a <= 0) return std::nullopt;
        return (*b / *a - 1) * 100;
    }
    case UnderflowA:
        return of(row.a, underflow);
    case UnderflowB:
        return of(row.b, underflow);
    case BytesDelta:
        return minus(of(row.b, bytes), of(row.a, bytes));
    default:
        return std::nullopt;
    }
}

QVariant CompareTableModel::data(const QModelIndex& index, int role) const {
    if (!checkIndex(index, CheckIndexOption::IndexIsValid)) return {};
    const Row& row = rows_[static_cast<std::size_t>(index.row())];
    const int column = index.column();
    const std::optional<double> value = number(row, column);
    const auto text = [&]() -> QString {
        switch (column) {
        case Layer:
            return QString::fromStdString(row.name);
        case SchemeA:
            return row.a ? QString::fromStdString(row.a->scheme_line) : tr("full precision");
        case SchemeB:
            return row.b ? QString::fromStdString(row.b->scheme_line) : tr("full precision");
        default:
            break;
        }
        if (!value) return {};
        switch (column) {
        case SqnrDelta:
            return signed_text(*value, 2);
        case MseA:
        case MseB:
            return QString::number(*value, 'g', 3);
        case MseRatio:
            return signed_text(*value, 1) + QStringLiteral(" %");
        case BytesDelta:
            return *value == 0 ? QStringLiteral("0")
                               : (*value > 0 ? QStringLiteral("+") : QStringLiteral("−")) +
                                     bytes_text(std::llabs(std::llround(*value)));
        default:
            return fixed_text(*value, column == UnderflowA || column == UnderflowB ? 1 : 2);
        }
    };
    switch (role) {
    case Qt::DisplayRole:
    case Qt::ToolTipRole:
        return text();
    case SortRole:
        return value ? QVariant(*value) : column <= SchemeB ? QVariant(text()) : QVariant();
    case ExportRole:
        return value ? QVariant(*value) : QVariant(text());
    case ToneRole:
        if (!value || (column != SqnrDelta && column != MseRatio)) return 0;
        return *value == 0 ? 0 : (*value > 0) == (column == SqnrDelta) ? 1 : 2;
    case Qt::TextAlignmentRole:
        return QVariant::fromValue<int>(Qt::AlignVCenter | (column <= SchemeB ? Qt::AlignLeft : Qt::AlignRight));
    default:
        return {};
    }
}

QVariant CompareTableModel::headerData(int section, Qt::Orientation orientation, int role) const {
    if (orientation != Qt::Horizontal || section < 0 || section >= ColumnCount) return {};
    const QString titles[ColumnCount] = {
        tr("linear"), tr("A"),     tr("B"),     tr("SQNR A"),       tr("SQNR B"),       tr("Δ SQNR"),
        tr("MSE A"),  tr("MSE B"), tr("Δ MSE"), tr("underfl. A %"), tr("underfl. B %"), tr("Δ bytes")};
    if (role == Qt::DisplayRole) return titles[section];
    if (role == Qt::ToolTipRole) {
        if (section >= SqnrA && section <= SqnrDelta)
            return tr("Signal to quantization noise of the linear's output on kept calibration inputs, in dB; B − A "
                      "above 0: B is better");
        if (section >= MseA && section <= MseRatio)
            return tr("Mean squared error of the linear's output, both operands quantized; B against A in percent");
        return titles[section];
    }
    if (role == Qt::TextAlignmentRole)
        return QVariant::fromValue<int>(Qt::AlignVCenter | (section <= SchemeB ? Qt::AlignLeft : Qt::AlignRight));
    return {};
}

} // namespace graticule
