// Two runs layer by layer: what each did to a linear and which is worse where.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/result/layer_report.h"
#include "widgets/models/column_table.h"

namespace graticule {

/// A layer under both runs; one that a run left alone is missing there.
struct CompareRow {
    std::string name;
    std::optional<LayerReport> a, b;
};

class CompareTableModel final : public ColumnTable<CompareRow> {
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
    [[nodiscard]] bool hasFigures(int column) const; ///< in any row

    [[nodiscard]] QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;

protected:
    [[nodiscard]] bool sameThing(const CompareRow& a, const CompareRow& b) const override;

private:
    [[nodiscard]] static std::optional<double> number(const CompareRow& row, int column);
};

} // namespace graticule
