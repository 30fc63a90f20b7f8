// One small distribution a cell: blocks by the inputs of their linears, all on one axis of magnitudes.
#pragma once

#include <QtCore/QAbstractTableModel>
#include <QtCore/QStringList>
#include <vector>

#include "core/base/ids.h"

namespace graticule {

struct SmallDistribution {
    LayerId layer{};              ///< that a click selects; the first of those that read the input
    QString name;                 ///< "layers.3.self_attn.q_proj"
    std::vector<double> counts;   ///< of |x| in equal steps of its logarithm from Multiples::low to high; empty: none
    double largest = 0, high = 0; ///< |x|: the largest, and what 99.9 % stay below
    double outlier_ratio = 0;
};

struct Multiples {
    QStringList columns;                               ///< "q_proj k_proj v_proj"
    QStringList rows;                                  ///< blocks
    std::vector<std::vector<SmallDistribution>> cells; ///< [row][column]; a block without such an input has no counts
    double low = 1, high = 1;                          ///< of the axis, |x|
};

class MultiplesModel final : public QAbstractTableModel {
    Q_OBJECT
public:
    explicit MultiplesModel(QObject* parent = nullptr);
    void setMultiples(Multiples multiples);
    [[nodiscard]] const Multiples& multiples() const { return multiples_; }
    [[nodiscard]] const SmallDistribution& at(const QModelIndex& index) const;
    [[nodiscard]] QModelIndex find(LayerId layer) const; ///< invalid: not shown by itself

    [[nodiscard]] int rowCount(const QModelIndex& parent = {}) const override;
    [[nodiscard]] int columnCount(const QModelIndex& parent = {}) const override;
    [[nodiscard]] QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;
    [[nodiscard]] QVariant headerData(int section, Qt::Orientation orientation,
                                      int role = Qt::DisplayRole) const override;

private:
    Multiples multiples_;
};

} // namespace graticule
