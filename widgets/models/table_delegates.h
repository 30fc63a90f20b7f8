// How cells are painted: heat under numbers, colour dots, sparklines, progress. Colours come from the theme of the
// palette.
#pragma once

#include <QtCore/QCache>
#include <QtGui/QColor>
#include <QtGui/QPixmap>
#include <QtWidgets/QStyledItemDelegate>

#include "widgets/models/cell_text.h"

namespace graticule {

/// What they share: texts that are laid out once.
class CellDelegate : public QStyledItemDelegate {
    Q_OBJECT
public:
    using QStyledItemDelegate::QStyledItemDelegate;

protected:
    mutable CellText texts_;
};

/// Layer table: the heat of LayerTableModel::HeatRole under the text, edited schemes in the edited colour, a bar at the
/// left of the current row.
class HeatDelegate final : public CellDelegate {
    Q_OBJECT
public:
    using CellDelegate::CellDelegate;
    void paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override;

private:
    void paintMatches(QPainter& painter, const QStyleOptionViewItem& option, const QModelIndex& index,
                      const QString& text) const;
    void paintScheme(QPainter& painter, const QStyleOptionViewItem& option, const QModelIndex& index,
                     const QString& text) const;
};

/// Run table: dot before the recipe, sparkline of the running perplexity, progress bar in the state column, toned
/// numbers.
class RunDelegate final : public CellDelegate {
    Q_OBJECT
public:
    using CellDelegate::CellDelegate;
    void paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override;

private:
    struct Curve {
        QList<double> values;
        QSize size;
        QColor colour;
        double device_pixels = 1;
        friend bool operator==(const Curve&, const Curve&) = default;
        friend size_t qHash(const Curve& curve, size_t seed) {
            return qHashMulti(seed, curve.values, curve.size.width(), curve.size.height(), curve.colour.rgba(),
                              curve.device_pixels);
        }
    };
    [[nodiscard]] const QPixmap& curve(const Curve& wanted) const; ///< of the whole cell
    mutable QCache<Curve, QPixmap> curves_{256};
};

/// Plain rows with toned numbers: CompareTableModel::ToneRole 1 is better, 2 is worse.
class ToneDelegate final : public CellDelegate {
    Q_OBJECT
public:
    using CellDelegate::CellDelegate;
    void paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override;
};

/// Job list: title and detail on one line, or below one another where that has no room; a bar under the running one, a
/// cross that cancels.
class JobDelegate final : public CellDelegate {
    Q_OBJECT
public:
    using CellDelegate::CellDelegate;
    void paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override;
    [[nodiscard]] QSize sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const override;

Q_SIGNALS:
    void cancelClicked(int job);
    void holdClicked(int job, bool held);

protected:
    bool editorEvent(QEvent* event, QAbstractItemModel* model, const QStyleOptionViewItem& option,
                     const QModelIndex& index) override;

private:
    /// Whether title and detail have a line each; of a running one whatever it says at the moment.
    [[nodiscard]] bool hasTwoLines(const QStyleOptionViewItem& option, const QModelIndex& index) const;
    [[nodiscard]] static QRect crossRect(const QRect& row);
    [[nodiscard]] static QRect holdRect(const QRect& row);
};

} // namespace graticule
