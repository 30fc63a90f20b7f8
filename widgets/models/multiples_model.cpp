#include "widgets/models/multiples_model.h"

#include "widgets/models/number_text.h"
#include "widgets/models/table_text.h"

namespace graticule {

MultiplesModel::MultiplesModel(QObject* parent)
    : QAbstractTableModel(parent) {}

void MultiplesModel::setMultiples(Multiples multiples) {
    const bool same = multiples.columns == multiples_.columns && multiples.rows == multiples_.rows;
    if (!same) beginResetModel();
    multiples_ = std::move(multiples);
    if (!same)
        endResetModel();
    else if (rowCount() > 0 && columnCount() > 0)
        Q_EMIT dataChanged(index(0, 0), index(rowCount() - 1, columnCount() - 1));
}

const SmallDistribution& MultiplesModel::at(const QModelIndex& index) const {
    return multiples_.cells[static_cast<std::size_t>(index.row())][static_cast<std::size_t>(index.column())];
}

QModelIndex MultiplesModel::find(LayerId layer) const {
    for (int row = 0; row < rowCount(); ++row)
        for (int column = 0; column < columnCount(); ++column)
            if (const QModelIndex cell = index(row, column); at(cell).layer == layer && !at(cell).counts.empty())
                return cell;
    return {};
}

int MultiplesModel::rowCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : static_cast<int>(multiples_.rows.size());
}

int MultiplesModel::columnCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : static_cast<int>(multiples_.columns.size());
}

QVariant MultiplesModel::data(const QModelIndex& index, int role) const {
    if (!checkIndex(index, CheckIndexOption::IndexIsValid)) return {};
    const SmallDistribution& cell = at(index);
    if (cell.counts.empty()) return {};
    switch (role) {
    case Qt::DisplayRole:
        return number_text(cell.largest, 3);
    case ExportRole:
        return cell.largest;
    case Qt::ToolTipRole:
    case Qt::AccessibleTextRole:
        return tr("%1: largest |x| %2, 99.9 % stay below %3, outlier ratio %4×")
            .arg(cell.name, number_text(cell.largest, 3), number_text(cell.high, 3), fixed_text(cell.outlier_ratio, 1));
    default:
        return {};
    }
}

QVariant MultiplesModel::headerData(int section, Qt::Orientation orientation, int role) const {
    const QStringList& names = orientation == Qt::Horizontal ? multiples_.columns : multiples_.rows;
    if (role == Qt::TextAlignmentRole)
        return static_cast<int>(Qt::AlignVCenter | (orientation == Qt::Horizontal ? Qt::AlignLeft : Qt::AlignRight));
    return (role == Qt::DisplayRole || role == Qt::ToolTipRole) && section < names.size() ? QVariant(names[section])
                                                                                          : QVariant();
}

} // namespace graticule
