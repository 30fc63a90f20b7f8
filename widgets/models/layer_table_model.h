// The layers as a table. Numbers sort as numbers (SortRole), heat is 0..1 within a column (HeatRole).
#pragma once

#include <array>

#include "widgets/models/column_table.h"
#include "widgets/models/layer_row.h"

namespace graticule {

class LayerTableModel final : public ColumnTable<LayerRow> {
    Q_OBJECT
public:
    enum Column {
        Block,
        Name,
        AbsMax,
        Outlier,
        Underflow,
        Sqnr,
        Scheme,
        Kind,
        ShapeColumn,
        Bytes,
        Basis,
        Damage,
        MeasuredDamage,
        ColumnCount
    };
    /// MatchRole comes from the filter: QList<QPoint> of (first letter, letters) in the shown text. ShownRole: a scheme
    /// in as many words as its column has room for.
    enum Role { SortRole = Qt::UserRole + 1, HeatRole, EditedRole, LayerRole, MatchRole, ShownRole };

    explicit LayerTableModel(QObject* parent = nullptr);
    [[nodiscard]] QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;
    /// Texts of `column` of which one is as wide as any: without looking at every number, for those change all the
    /// time.
    [[nodiscard]] QStringList widest(int column) const;
    /// Schemes are said in one of so many forms, of all rows alike: the first is whole, the last has the fewest words.
    [[nodiscard]] qsizetype schemeForms() const;
    [[nodiscard]] QStringList schemes(qsizetype form) const; ///< the different ones
    void showSchemes(qsizetype form);                        ///< as ShownRole has them
    /// What a column of words says of a row, and one of numbers; absent: not known.
    [[nodiscard]] static bool isWords(int column);
    [[nodiscard]] static QString words(const LayerRow& row, int column);
    [[nodiscard]] static std::optional<double> figure(const LayerRow& row, int column);

protected:
    [[nodiscard]] bool sameThing(const LayerRow& a, const LayerRow& b) const override;
    void rowsReplaced() override; ///< measures the columns' ranges, which heat refers to
    [[nodiscard]] bool sameCell(const LayerRow& before, const LayerRow& now, int column) const override;

private:
    struct Range {
        double low = 1e300, high = -1e300; ///< as long as nothing is known
        bool operator==(const Range&) const = default;
    };
    [[nodiscard]] QString text(const LayerRow& row, int column) const;
    [[nodiscard]] static QString scheme(const LayerRow& row, qsizetype form);
    [[nodiscard]] int damageDecimals() const;
    [[nodiscard]] static QString tip(const LayerRow& row, int column);
    [[nodiscard]] static QVariant number(const LayerRow& row, int column);
    [[nodiscard]] static bool hasHeat(int column);
    [[nodiscard]] QVariant heat(const LayerRow& row, int column) const;

    qsizetype form_ = 0;                         ///< of the schemes
    std::array<Range, ColumnCount> ranges_;      ///< of columns of numbers
    std::array<bool, ColumnCount> recoloured_{}; ///< by the newest rows: cells that say the same look another way
};

} // namespace graticule
