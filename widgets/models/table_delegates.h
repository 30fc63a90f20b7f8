// How cells are painted: heat under numbers, colour dots, sparklines, progress. Colours come from the theme of the
// palette.
#pragma once

#include <QtWidgets/QStyledItemDelegate>

namespace graticule {

/// Layer table: the heat of LayerTableModel::HeatRole under the text, edited schemes in the edited colour, a bar at the
/// left of the current row.
class HeatDelegate final : public QStyledItemDelegate {
    Q_OBJECT
public:
    using QStyledItemDelegate::QStyledItemDelegate;
    void paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override;

private:
    static void paintMatches(QPainter& painter, const QStyleOptionViewItem& option, const QModelIndex& index);
    static void paintScheme(QPainter& painter, const QStyleOptionViewItem& option, const QModelIndex& index);
};

/// Run table: dot before the recipe, sparkline of the running perplexity, progress bar in the state column, toned
/// numbers.
class RunDelegate final : public QStyledItemDelegate {
    Q_OBJECT
public:
    using QStyledItemDelegate::QStyledItemDelegate;
    void paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override;

private:
    static void paintCurve(QPainter& painter, const QRect& rect, const QList<double>& curve, const QColor& colour);
};

/// Plain rows with toned numbers: CompareTableModel::ToneRole 1 is better, 2 is worse.
class ToneDelegate final : public QStyledItemDelegate {
    Q_OBJECT
public:
    using QStyledItemDelegate::QStyledItemDelegate;
    void paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override;
};

/// Job list: title and detail on one line, a bar under the running one, a cross that cancels.
class JobDelegate final : public QStyledItemDelegate {
    Q_OBJECT
public:
    using QStyledItemDelegate::QStyledItemDelegate;
    void paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override;
    [[nodiscard]] QSize sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const override;

Q_SIGNALS:
    void cancelClicked(int job);

protected:
    bool editorEvent(QEvent* event, QAbstractItemModel* model, const QStyleOptionViewItem& option,
                     const QModelIndex& index) override;

private:
    [[nodiscard]] static QRect crossRect(const QRect& row);
};

} // namespace graticule
