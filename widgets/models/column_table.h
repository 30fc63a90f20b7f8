// What the window's tables share: rows of one value type under columns that are described once.
//
//     class RunTableModel final : public ColumnTable<RunRow> { ... text and numbers of a cell ... };
#pragma once

#include <QtCore/QAbstractTableModel>
#include <algorithm>
#include <concepts>
#include <optional>
#include <vector>

namespace graticule {

struct TableColumn {
    QString title, tip;
    bool left = false;          ///< words stand at the left, numbers at the right
    bool largest_first = false; ///< by the first click on it: where large is bad, or interesting
};

template <class Row>
class ColumnTable : public QAbstractTableModel {
public:
    /// Replaces all rows; no reset, so that selection and scrolling stay, when they are of the same things as before.
    /// Rows that say the same as before change nothing: nothing is painted again.
    void setRows(std::vector<Row> rows) {
        if constexpr (std::equality_comparable<Row>)
            if (rows == rows_) return;
        const bool same = std::equal(rows.begin(), rows.end(), rows_.begin(), rows_.end(),
                                     [this](const Row& a, const Row& b) { return sameThing(a, b); });
        if (!same) beginResetModel();
        rows_ = std::move(rows);
        rowsReplaced();
        if (!same)
            endResetModel();
        else if (!rows_.empty()) // all of them: a cell's colour is its place in the column's range
            Q_EMIT dataChanged(index(0, 0), index(rowCount() - 1, columnCount() - 1));
    }
    [[nodiscard]] const std::vector<Row>& rows() const { return rows_; }

    [[nodiscard]] int rowCount(const QModelIndex& parent = {}) const override {
        return parent.isValid() ? 0 : static_cast<int>(rows_.size());
    }
    [[nodiscard]] int columnCount(const QModelIndex& parent = {}) const override {
        return parent.isValid() ? 0 : static_cast<int>(columns_.size());
    }
    [[nodiscard]] QVariant headerData(int section, Qt::Orientation orientation,
                                      int role = Qt::DisplayRole) const override {
        if (orientation != Qt::Horizontal || section < 0 || section >= columnCount()) return {};
        const TableColumn& column = columns_[static_cast<std::size_t>(section)];
        if (role == Qt::DisplayRole) return column.title;
        if (role == Qt::ToolTipRole) return column.tip;
        if (role == Qt::TextAlignmentRole) return alignment(section);
        if (role == Qt::InitialSortOrderRole)
            return static_cast<int>(column.largest_first ? Qt::DescendingOrder : Qt::AscendingOrder);
        return {};
    }

protected:
    /// `columns` in the order of the model's enumeration.
    ColumnTable(std::vector<TableColumn> columns, QObject* parent)
        : QAbstractTableModel(parent)
        , columns_(std::move(columns)) {}

    [[nodiscard]] virtual bool sameThing(const Row& a, const Row& b) const = 0;
    virtual void rowsReplaced() {}
    [[nodiscard]] const Row& row(const QModelIndex& index) const {
        return rows_[static_cast<std::size_t>(index.row())];
    }
    [[nodiscard]] QVariant alignment(int column) const {
        const bool left = columns_[static_cast<std::size_t>(column)].left;
        return QVariant::fromValue<int>(Qt::AlignVCenter | (left ? Qt::AlignLeft : Qt::AlignRight));
    }
    [[nodiscard]] static QVariant cell(const std::optional<double>& value) {
        return value ? QVariant(*value) : QVariant();
    }

private:
    std::vector<TableColumn> columns_;
    std::vector<Row> rows_;
};

} // namespace graticule
