// What the window's tables share: rows of one value type under columns that are described once.
//
//     class RunTableModel final : public ColumnTable<RunRow> { ... text and numbers of a cell ... };
#pragma once

#include <QtCore/QAbstractTableModel>
#include <algorithm>
#include <concepts>
#include <optional>
#include <utility>
#include <vector>

#include "widgets/models/table_text.h"

namespace graticule {

struct TableColumn {
    QString title, tip;
    bool left = false;          ///< words stand at the left, numbers at the right
    bool largest_first = false; ///< by the first click on it: where large is bad, or interesting
    QString whole = {};         ///< the title in files, where it has room: "weight underflow, %"
};

template <class Row>
class ColumnTable : public QAbstractTableModel {
public:
    /// Replaces all rows; no reset, so that selection and scrolling stay, when they are of the same things as before.
    /// What says the same as before is not painted again.
    void setRows(std::vector<Row> rows) {
        if constexpr (std::equality_comparable<Row>)
            if (rows == rows_) return;
        const bool same = std::equal(rows.begin(), rows.end(), rows_.begin(), rows_.end(),
                                     [this](const Row& a, const Row& b) { return sameThing(a, b); });
        if (!same) beginResetModel();
        const std::vector<Row> before = std::exchange(rows_, std::move(rows));
        rowsReplaced();
        if (!same)
            endResetModel();
        else
            tellChanges(before);
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
        if (role == ExportRole && !column.whole.isEmpty()) return column.whole;
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
    /// Whether a cell says and looks the same in both; asked behind rowsReplaced().
    [[nodiscard]] virtual bool sameCell(const Row&, const Row&, int) const { return false; }
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
    // Neighbouring columns that changed are told together, from the first row that did to the last.
    void tellChanges(const std::vector<Row>& before) {
        const int none = rowCount();
        int from = 0, first = none, last = -1;
        for (int column = 0; column <= columnCount(); ++column) {
            int top = none, bottom = -1;
            for (int line = 0; line < none && column < columnCount(); ++line) {
                const auto at = static_cast<std::size_t>(line);
                if (sameCell(before[at], rows_[at], column)) continue;
                top = std::min(top, line);
                bottom = line;
            }
            if (bottom < 0) {
                if (last >= 0) Q_EMIT dataChanged(index(first, from), index(last, column - 1));
                from = column + 1, first = none, last = -1;
            } else {
                first = std::min(first, top);
                last = std::max(last, bottom);
            }
        }
    }

    std::vector<TableColumn> columns_;
    std::vector<Row> rows_;
};

} // namespace graticule
