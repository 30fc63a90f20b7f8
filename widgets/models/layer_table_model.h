// The layers as a table. Numbers sort as numbers (SortRole), heat is 0..1 within a column (HeatRole).
#pragma once

#include <QtCore/QAbstractTableModel>
#include <vector>

#include "widgets/models/layer_row.h"

namespace graticule {

class LayerTableModel final : public QAbstractTableModel {
    Q_OBJECT
public:
    enum Column { Block, Name, AbsMax, Outlier, Underflow, Sqnr, Scheme, Kind, ShapeColumn, Bytes, ColumnCount };
    enum Role { SortRole = Qt::UserRole + 1, HeatRole, EditedRole, LayerRole };

    explicit LayerTableModel(QObject* parent = nullptr);

    /// Replaces all rows; keeps row identity (no reset) when the layers are the same.
    void setRows(std::vector<LayerRow> rows);
    [[nodiscard]] const std::vector<LayerRow>& rows() const { return rows_; }

    [[nodiscard]] int rowCount(const QModelIndex& parent = {}) const override;
    [[nodiscard]] int columnCount(const QModelIndex& parent = {}) const override;
    [[nodiscard]] QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;
    [[nodiscard]] QVariant headerData(int section, Qt::Orientation orientation,
                                      int role = Qt::DisplayRole) const override;

private:
    struct Range {
        double low = 0, high = 0;
    };
    [[nodiscard]] QString text(const LayerRow& row, int column) const;
    [[nodiscard]] QVariant number(const LayerRow& row, int column) const;
    [[nodiscard]] QVariant heat(const LayerRow& row, int column) const;
    void measureRanges();

    std::vector<LayerRow> rows_;
    Range outlier_, underflow_, sqnr_;
};

} // namespace graticule
