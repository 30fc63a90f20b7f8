#include "widgets/models/compare_many_model.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "widgets/models/number_text.h"
#include "widgets/models/table_text.h"

namespace graticule {

namespace {
struct FigureRow {
    std::string_view name;
    int decimals; ///< of a value and of a difference; -1: significant digits
    bool less_is_good;
    double least; ///< difference that has a colour
    std::optional<double> (*value)(const LayerReport&);
};
// In the order of LayerFigure.
const FigureRow figures[] = {
    {words_of(Figure::output_sqnr).label, 2, false, 0.1, words_of(Figure::output_sqnr).of},
    {QT_TRANSLATE_NOOP("graticule::CompareManyModel", "output MSE"), -1, true, 0,
     [](const LayerReport& report) { return report.output_mse; }},
    {words_of(Figure::weight_underflow).label, 1, true, 0.1, words_of(Figure::weight_underflow).of},
    {QT_TRANSLATE_NOOP("graticule::CompareManyModel", "bytes"), 0, true, 0.5,
     [](const LayerReport& report) { return std::optional<double>(double(report.bytes_after)); }}};
} // namespace

CompareManyModel::CompareManyModel(QObject* parent)
    : QAbstractTableModel(parent) {}

QStringList CompareManyModel::figureNames() {
    QStringList names;
    for (const FigureRow& row : figures) names << tr(row.name.data());
    return names;
}

QStringList CompareManyModel::modeNames() { return {tr("values"), tr("less A"), tr("|less A| / |A|, %")}; }

QString CompareManyModel::letter(std::size_t run) {
    return run < 26 ? QString(QChar(u'A' + static_cast<char16_t>(run))) : QString::number(run + 1);
}

void CompareManyModel::setRuns(const std::vector<ManyRun>& runs) {
    beginResetModel();
    names_.clear();
    std::map<LayerId, Row> joined;
    for (std::size_t run = 0; run < runs.size(); ++run) {
        names_ << runs[run].name;
        for (const LayerReport& report : runs[run].reports) {
            Row& row = joined[report.layer];
            row.name = QString::fromStdString(report.name);
            row.runs.resize(runs.size());
            row.runs[run] = report;
        }
    }
    rows_.clear();
    for (auto& [layer, row] : joined) rows_.push_back(std::move(row));
    endResetModel();
}

void CompareManyModel::show(LayerFigure figure, CompareMode mode) {
    figure_ = figure;
    mode_ = mode;
    Q_EMIT headerDataChanged(Qt::Horizontal, 0, columnCount() - 1);
    if (!rows_.empty()) Q_EMIT dataChanged(index(0, 0), index(rowCount() - 1, columnCount() - 1));
}

std::optional<double> CompareManyModel::figure(const Row& row, std::size_t run) const {
    return row.runs[run] ? figures[static_cast<std::size_t>(figure_)].value(*row.runs[run]) : std::nullopt;
}

std::optional<double> CompareManyModel::number(const QModelIndex& index) const {
    const Row& row = rows_[static_cast<std::size_t>(index.row())];
    if (index.column() == spreadColumn()) {
        std::optional<double> least, most;
        for (std::size_t run = 0; run < row.runs.size(); ++run)
            if (const auto value = figure(row, run)) {
                least = std::min(least.value_or(*value), *value);
                most = std::max(most.value_or(*value), *value);
            }
        return least ? std::optional(*most - *least) : std::nullopt;
    }
    const auto run = static_cast<std::size_t>(index.column() - 1);
    const auto value = figure(row, run), a = figure(row, 0);
    if (mode_ == CompareMode::values || run == 0) return value; // A as it is: what the others are held against
    if (!value || !a) return std::nullopt;
    if (mode_ == CompareMode::difference) return *value - *a;
    return *a != 0 ? std::optional(100 * std::abs(*value - *a) / std::abs(*a)) : std::nullopt;
}

QString CompareManyModel::text(double value, bool against_a) const {
    const int decimals = figures[static_cast<std::size_t>(figure_)].decimals;
    if (against_a && mode_ == CompareMode::relative) return fixed_text(value, 1);
    if (against_a && mode_ == CompareMode::difference)
        return decimals < 0 ? (value > 0 ? QStringLiteral("+") : QString()) + number_text(value, 3)
                            : signed_text(value, decimals);
    return decimals < 0 ? number_text(value, 3) : fixed_text(value, decimals);
}

int CompareManyModel::rowCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : static_cast<int>(rows_.size());
}

int CompareManyModel::columnCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : static_cast<int>(names_.size()) + 2;
}

QVariant CompareManyModel::data(const QModelIndex& index, int role) const {
    if (!checkIndex(index, CheckIndexOption::IndexIsValid)) return {};
    const QString& name = rows_[static_cast<std::size_t>(index.row())].name;
    if (role == Qt::TextAlignmentRole)
        return static_cast<int>(Qt::AlignVCenter | (index.column() == 0 ? Qt::AlignLeft : Qt::AlignRight));
    if (index.column() == 0) {
        const bool words = role == Qt::DisplayRole || role == SortRole || role == ExportRole || role == Qt::ToolTipRole;
        return words ? QVariant(name) : QVariant();
    }
    const std::optional<double> value = number(index);
    const bool against_a = index.column() > 1 && index.column() != spreadColumn();
    switch (role) {
    case Qt::DisplayRole:
        return value ? QVariant(text(*value, against_a)) : QVariant();
    case Qt::ToolTipRole:
        return against_a || index.column() == 1 ? QVariant(names_.value(index.column() - 1)) : QVariant();
    case SortRole:
    case ExportRole:
        return value ? QVariant(*value) : QVariant();
    case ToneRole: {
        const FigureRow& row = figures[static_cast<std::size_t>(figure_)];
        if (!value || !against_a || mode_ != CompareMode::difference || std::abs(*value) <= row.least) return 0;
        return (*value < 0) == row.less_is_good ? 1 : 2;
    }
    default:
        return {};
    }
}

QVariant CompareManyModel::headerData(int section, Qt::Orientation orientation, int role) const {
    if (orientation != Qt::Horizontal || section < 0 || section >= columnCount()) return {};
    const bool first = section == 0, spread = section == spreadColumn();
    if (role == Qt::TextAlignmentRole)
        return static_cast<int>(Qt::AlignVCenter | (first ? Qt::AlignLeft : Qt::AlignRight));
    if (role == Qt::InitialSortOrderRole) return static_cast<int>(first ? Qt::AscendingOrder : Qt::DescendingOrder);
    if (role == Qt::ToolTipRole)
        return first ? tr("linear") : spread ? tr("Largest less smallest value of these runs") : names_[section - 1];
    if (role != Qt::DisplayRole) return {};
    if (first) return tr("linear");
    if (spread) return tr("spread");
    const QString run = letter(static_cast<std::size_t>(section - 1));
    if (section == 1 || mode_ == CompareMode::values) return run;
    return mode_ == CompareMode::difference ? tr("%1 − A").arg(run) : tr("|%1 − A| / |A| %").arg(run);
}

} // namespace graticule
