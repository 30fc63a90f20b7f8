// Two runs layer by layer: what each did to a linear and which is worse where.
#pragma once

#include <QtCore/QAbstractTableModel>
#include <vector>

#include "core/result/layer_report.h"

namespace graticule {

class CompareTableModel final : public QAbstractTableModel {
    Q_OBJECT
public:
    enum Column {
        Layer,
        SchemeA,
        SchemeB,
        SqnrA,
        SqnrB,
        SqnrDelta,
        MseA,
        MseB,
        MseRatio,
        UnderflowA,
        UnderflowB,
        BytesDelta,
        ColumnCount
    };
    enum Role { SortRole = Qt::UserRole + 1, ToneRole };

    explicit CompareTableModel(QObject* parent = nullptr);
    /// Joined by layer; a layer that one run left alone has empty cells there.
    void setReports(const std::vector<LayerReport>& a, const std::vector<LayerReport>& b);

    [[nodiscard]] int rowCount(const QModelIndex& parent = {}) const override;
    [[nodiscard]] int columnCount(const QModelIndex& parent = {}) const override;
    [[nodiscard]] QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;
    [[nodiscard]] QVariant headerData(int section, Qt::Orientation orientation,
                                      int role = Qt::DisplayRole) const override;

private:
    struct Row {
        std::string name;
        std::optional<LayerReport> a, b;
    };
    [[nodiscard]] static std::optional<double> number(const Row& row, int column);
    std::vector<Row> rows_;
};

} // namespace graticule
