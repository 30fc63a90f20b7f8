#include "widgets/panels/rules_view.h"

#include <QtGui/QPainter>
#include <QtWidgets/QHeaderView>
#include <QtWidgets/QMenu>
#include <QtWidgets/QStyledItemDelegate>
#include <algorithm>
#include <utility>

#include "widgets/theme/theme.h"

namespace graticule {

namespace {
// Only patterns are edited in place, never what is said about them.
class PatternDelegate final : public QStyledItemDelegate {
public:
    using QStyledItemDelegate::QStyledItemDelegate;
    QWidget* createEditor(QWidget* parent, const QStyleOptionViewItem& option,
                          const QModelIndex& index) const override {
        return index.column() == 0 ? QStyledItemDelegate::createEditor(parent, option, index) : nullptr;
    }
};
} // namespace

RulesView::RulesView(QWidget* parent)
    : QTreeWidget(parent) {
    setColumnCount(2);
    setHeaderHidden(true);
    setRootIsDecorated(false);
    setAccessibleName(tr("Recipe rules, last match wins"));
    setToolTip(
        tr("The last rule that matches a layer decides it. Double-click a pattern to change it; right-click for more"));
    setItemDelegate(new PatternDelegate(this));
    setEditTriggers(QAbstractItemView::DoubleClicked | QAbstractItemView::EditKeyPressed);
    setContextMenuPolicy(Qt::CustomContextMenu);
    setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    setTextElideMode(Qt::ElideMiddle);
    header()->setStretchLastSection(false);
    header()->setMinimumSectionSize(40);
    header()->setSectionResizeMode(QHeaderView::Fixed);
    connect(this, &QTreeWidget::customContextMenuRequested, this, &RulesView::showMenu);
    connect(this, &QTreeWidget::itemChanged, this, [this](QTreeWidgetItem* item, int column) {
        const int at = indexOfTopLevelItem(item);
        if (filling_ || column != 0 || at < 0) return;
        const RuleRow row = rows_[static_cast<std::size_t>(at)];
        if (item->text(0) == row.pattern) return;
        // Once the editor has closed: until then new rows are not taken.
        QMetaObject::invokeMethod(
            this, [this, row, pattern = item->text(0).trimmed()] { Q_EMIT renamed(row, pattern); },
            Qt::QueuedConnection);
    });
}

void RulesView::setRows(const std::vector<RuleRow>& rows) {
    if (state() == QAbstractItemView::EditingState) return; // never under the reader's hands
    const int current = currentIndex().row();
    const bool selected = current >= 0 && selectionModel()->isRowSelected(current);
    filling_ = true;
    rows_ = rows;
    clear();
    const theme::Theme& look = theme::of(palette());
    for (const RuleRow& row : rows) {
        auto* item = new QTreeWidgetItem(this, {row.pattern, row.info});
        item->setFont(0, theme::mono_font(12));
        item->setFont(1, theme::mono_font(11));
        item->setTextAlignment(1, Qt::AlignRight | Qt::AlignVCenter);
        item->setForeground(1, look[row.problem     ? theme::Token::worse
                                    : row.wins_here ? theme::Token::candidate
                                                    : theme::Token::secondary]);
        for (const int column : {0, 1}) item->setToolTip(column, row.pattern + u'\n' + row.info + u'\n' + row.tip);
        if (row.kind != RuleRow::Kind::defaults) item->setFlags(item->flags() | Qt::ItemIsEditable);
    }
    filling_ = false;
    if (QTreeWidgetItem* again = topLevelItem(std::min(current, topLevelItemCount() - 1))) { // where one was
        const auto row = QItemSelectionModel::SelectCurrent | QItemSelectionModel::Rows;
        setCurrentItem(again, 0, selected ? row : QItemSelectionModel::NoUpdate);
    }
    shareWidth();
    updateGeometry();
}

QString RulesView::info(const RuleRow& row, qsizetype form) {
    return form == 0 || row.shorter.isEmpty() ? row.info : row.shorter[std::min(form, row.shorter.size()) - 1];
}

// What is said of the rules has so few words that it fits beside the patterns; where the fewest do not, patterns give
// way, cut in the middle. All rows say it in the same form. Words that have no shorter ones have half the room.
void RulesView::shareWidth() {
    constexpr int padding = 20;
    constexpr double most_said = 0.7;
    const QFontMetrics said(theme::mono_font(11)), names(theme::mono_font(12));
    const int room = viewport()->width();
    int patterns = 40, others = 40;
    qsizetype forms = 1;
    for (const RuleRow& row : rows_) {
        patterns = std::max(patterns, names.horizontalAdvance(row.pattern) + padding);
        forms = std::max(forms, row.shorter.size() + 1);
        if (row.shorter.isEmpty()) others = std::max(others, said.horizontalAdvance(row.info) + padding);
    }
    const auto widest = [&](qsizetype form) {
        int width = 40;
        for (const RuleRow& row : rows_)
            if (!row.shorter.isEmpty()) width = std::max(width, said.horizontalAdvance(info(row, form)) + padding);
        return width;
    };
    qsizetype form = 0;
    while (form + 1 < forms && patterns + widest(form) > room) ++form;
    const int least = std::max(std::min(widest(form), static_cast<int>(most_said * room)), std::min(others, room / 2));
    header()->resizeSection(0, std::clamp(room - least, 0, patterns));
    header()->resizeSection(1, room - header()->sectionSize(0));
    const bool was_filling = std::exchange(filling_, true);
    for (int row = 0; row < topLevelItemCount(); ++row)
        topLevelItem(row)->setText(1, info(rows_[static_cast<std::size_t>(row)], form));
    filling_ = was_filling;
}

void RulesView::resizeEvent(QResizeEvent* event) {
    QTreeWidget::resizeEvent(event);
    shareWidth();
}

// The rule that keys act on, while they do.
void RulesView::drawRow(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const {
    QTreeWidget::drawRow(painter, option, index);
    if (!hasFocus() || index.row() != currentIndex().row()) return;
    painter->save();
    painter->setPen(theme::of(palette())[theme::Token::accent]);
    painter->drawRect(option.rect.adjusted(0, 0, -1, -1));
    painter->restore();
}

QSize RulesView::sizeHint() const {
    const int rows = std::clamp(static_cast<int>(rows_.size()), 1, 7);
    return {200, rows * 25 + 2};
}

void RulesView::showMenu(const QPoint& at) {
    const int index = indexOfTopLevelItem(itemAt(at));
    if (index < 0) return;
    const RuleRow row = rows_[static_cast<std::size_t>(index)];
    QMenu menu(this);
    menu.addAction(tr("Select its layers"), this, [this, row] { Q_EMIT selectWanted(row); });
    if (row.kind != RuleRow::Kind::defaults) {
        menu.addAction(tr("Change pattern"), this, [this, index] { editItem(topLevelItem(index), 0); });
        if (row.kind == RuleRow::Kind::rule) {
            menu.addAction(tr("Move up"), this, [this, row] { Q_EMIT moved(row, -1); });
            menu.addAction(tr("Move down (later rules win)"), this, [this, row] { Q_EMIT moved(row, 1); });
        }
        menu.addSeparator();
        menu.addAction(tr("Remove"), this, [this, row] { Q_EMIT removed(row); });
    }
    menu.exec(viewport()->mapToGlobal(at));
}

} // namespace graticule
