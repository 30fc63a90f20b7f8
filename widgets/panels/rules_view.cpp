#include "widgets/panels/rules_view.h"

#include <QtWidgets/QHeaderView>
#include <QtWidgets/QMenu>
#include <QtWidgets/QStyledItemDelegate>
#include <algorithm>

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
    shareWidth();
    updateGeometry();
}

// Patterns get the room they need, what is said about them as well; where both do not fit, the longer one gives way
// down to half, cut in the middle.
void RulesView::shareWidth() {
    const auto widest = [this](int column) {
        int width = 40;
        for (int row = 0; row < topLevelItemCount(); ++row)
            width = std::max(width, sizeHintForIndex(indexFromItem(topLevelItem(row), column)).width() + 8);
        return width;
    };
    const int room = viewport()->width();
    const int patterns = std::min(widest(0), std::max(room / 2, room - widest(1)));
    header()->resizeSection(0, patterns);
    header()->resizeSection(1, room - patterns);
}

void RulesView::resizeEvent(QResizeEvent* event) {
    QTreeWidget::resizeEvent(event);
    shareWidth();
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
