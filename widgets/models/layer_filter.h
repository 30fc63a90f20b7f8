// What may be typed above the layer table. Terms separated by spaces must all hold; "!" in front of one turns it round:
//
//     v_proj          the name contains it            layers.3.*      a pattern as in recipe rules
//     kind=down*      the role                        sqnr<30  max>5  a number: max outlier underflow sqnr block bytes
//     /q_proj|k_proj/ a regular expression as in recipe rules
#pragma once

#include <QtCore/QList>
#include <QtCore/QPoint>
#include <QtCore/QSortFilterProxyModel>
#include <QtCore/QString>
#include <optional>
#include <vector>

#include "core/recipe/layer_pattern.h"
#include "widgets/models/layer_row.h"

namespace graticule {

class LayerFilter {
public:
    /// Reads the line; terms that make no sense are named in `problem()` and match nothing.
    [[nodiscard]] static LayerFilter parse(const QString& line);

    [[nodiscard]] bool accepts(const LayerRow& row) const;
    [[nodiscard]] bool empty() const { return terms_.empty(); }
    [[nodiscard]] const QString& problem() const { return problem_; }
    /// What of the text shown in `column` the filter asked for: (first letter, letters), for highlighting. Terms turned
    /// round by "!" ask for nothing.
    [[nodiscard]] QList<QPoint> matches(const LayerRow& row, int column, const QString& shown) const;
    /// The rule pattern that means the same, where the filter is one pattern and nothing else.
    [[nodiscard]] std::optional<QString> as_pattern() const;

private:
    enum class Kind { text, pattern, regex, kind, scheme, number };
    enum class Compare { equal, not_equal, less, less_equal, greater, greater_equal };
    struct Term {
        Kind kind = Kind::text;
        bool negated = false;
        QString text; ///< text, pattern, or the key of a number
        Compare compare = Compare::equal;
        double value = 0;
        std::optional<LayerPattern> pattern; ///< of Kind::pattern
    };
    [[nodiscard]] static std::optional<Term> parse_term(QString word, QString& problem);
    [[nodiscard]] static std::optional<Term> pattern_term(Term term, QString& problem);
    [[nodiscard]] static bool holds(const Term& term, const LayerRow& row);
    [[nodiscard]] static QList<QPoint> in_name(const Term& term, const QString& name);
    [[nodiscard]] static int column_of(const Term& term);

    std::vector<Term> terms_;
    QString problem_;
};

/// Sorts numbers as numbers and shows what the filter accepts.
class LayerFilterProxy final : public QSortFilterProxyModel {
    Q_OBJECT
public:
    explicit LayerFilterProxy(QObject* parent = nullptr);
    void setSourceModel(QAbstractItemModel* model) override; ///< a LayerTableModel
    void setFilterLine(const QString& line);
    [[nodiscard]] const LayerFilter& filter() const { return filter_; }
    [[nodiscard]] QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;

protected:
    [[nodiscard]] bool filterAcceptsRow(int row, const QModelIndex& parent) const override;
    [[nodiscard]] bool lessThan(const QModelIndex& left, const QModelIndex& right) const override;

private:
    void settle();

    LayerFilter filter_;
};

} // namespace graticule
