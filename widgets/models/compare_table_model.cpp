#include "widgets/models/compare_table_model.h"

#include <QtGui/QColor>
#include <algorithm>
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

constexpr double least_decibels = 0.1, least_percent = 2.3; // that have a colour: the same difference twice

const char* const sqnr_tip = QT_TRANSLATE_NOOP(
    "graticule::CompareTableModel", "Output SQNR: signal to quantization noise of the linear's output on kept "
                                    "calibration inputs, in dB; B − A above 0: B is better. Differences "
                                    "below 0.1 dB have no colour: other inputs would change them");
const char* const mse_tip = QT_TRANSLATE_NOOP(
    "graticule::CompareTableModel",
    "Output MSE: mean squared error of the linear's output, both operands quantized; B against A in percent. "
    "Differences below 2.3 % (0.1 dB) have no colour");
} // namespace

CompareTableModel::CompareTableModel(QObject* parent)
    : ColumnTable({{tr("linear"), tr("linear"), true},
                   {tr("A"), tr("Scheme of A"), true},
                   {tr("B"), tr("Scheme of B"), true},
                   {tr("SQNR A"), tr(sqnr_tip), false, false, tr("output SQNR A, dB")},
                   {tr("SQNR B"), tr(sqnr_tip), false, false, tr("output SQNR B, dB")},
                   {tr("Δ SQNR"), tr(sqnr_tip), false, false, tr("Δ output SQNR, dB")},
                   {tr("MSE A"), tr(mse_tip), false, true, tr("output MSE A")},
                   {tr("MSE B"), tr(mse_tip), false, true, tr("output MSE B")},
                   {tr("Δ MSE"), tr(mse_tip), false, true, tr("Δ output MSE, %")},
                   {tr("w underfl. A, %"), tr("Weight underflow: non-zero weights that A rounds to zero, in %"), false,
                    true, tr("weight underflow A, %")},
                   {tr("w underfl. B, %"), tr("Weight underflow: non-zero weights that B rounds to zero, in %"), false,
                    true, tr("weight underflow B, %")},
                   {tr("Δ bytes"), tr("Stored size under B less that under A"), false, true}},
                  parent) {}

void CompareTableModel::setReports(const std::vector<LayerReport>& a, const std::vector<LayerReport>& b) {
    std::map<LayerId, CompareRow> joined;
    for (const LayerReport& report : a) joined[report.layer] = {report.name, report, {}};
    for (const LayerReport& report : b) {
        joined[report.layer].name = report.name;
        joined[report.layer].b = report;
    }
    std::vector<CompareRow> rows;
    for (auto& [id, row] : joined) rows.push_back(std::move(row));
    setRows(std::move(rows));
}

bool CompareTableModel::hasFigures(int column) const {
    return std::any_of(rows().begin(), rows().end(), [column](const CompareRow& row) { return number(row, column); });
}

bool CompareTableModel::sameThing(const CompareRow& a, const CompareRow& b) const { return a.name == b.name; }

std::optional<double> CompareTableModel::number(const CompareRow& row, int column) {
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
    const CompareRow& row = this->row(index);
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
            return number_text(*value, 3);
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
        if (std::abs(*value) < (column == SqnrDelta ? least_decibels : least_percent)) return 0;
        return (*value > 0) == (column == SqnrDelta) ? 1 : 2;
    case Qt::TextAlignmentRole:
        return alignment(column);
    default:
        return {};
    }
}

} // namespace graticule
