#include "widgets/panels/command_palette.h"

#include <QtCore/QTimer>
#include <QtGui/QKeyEvent>
#include <QtGui/QPainter>
#include <QtWidgets/QApplication>
#include <QtWidgets/QLabel>
#include <QtWidgets/QLineEdit>
#include <QtWidgets/QListWidget>
#include <QtWidgets/QStyle>
#include <QtWidgets/QStyledItemDelegate>
#include <QtWidgets/QVBoxLayout>
#include <algorithm>
#include <array>
#include <utility>

#include "widgets/theme/theme.h"

namespace graticule {

namespace {
constexpr int shortcut_role = Qt::UserRole + 1, about_role = Qt::UserRole + 2;
constexpr int at_role = Qt::UserRole;
constexpr std::size_t most_shown = 200;

class ItemDelegate final : public QStyledItemDelegate {
public:
    using QStyledItemDelegate::QStyledItemDelegate;

    QSize sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const override {
        QSize size = QStyledItemDelegate::sizeHint(option, index);
        if (!about(index).isEmpty()) size.rheight() += option.fontMetrics.height();
        return size;
    }

    void paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override {
        constexpr int edge = 12, before = 8;
        const QString shortcut = index.data(shortcut_role).toString(), below = about(index);
        QStyleOptionViewItem ground = option;
        initStyleOption(&ground, index);
        const QString title = std::exchange(ground.text, QString());
        ground.widget->style()->drawControl(QStyle::CE_ItemViewItem, &ground, painter, ground.widget);
        painter->save();
        const theme::Theme& look = theme::of(option.palette);
        const QFontMetrics metrics(option.font);
        QRect line = option.rect.adjusted(before, 0, -edge, 0);
        if (!below.isEmpty()) line.setHeight(line.height() / 2 + 2);
        const int keys = metrics.horizontalAdvance(shortcut);
        painter->setPen(look[theme::Token::secondary]);
        painter->drawText(line, Qt::AlignRight | Qt::AlignVCenter, shortcut);
        if (!below.isEmpty()) {
            const QRect second(line.left(), line.bottom() - 2, line.width(), option.rect.bottom() - line.bottom());
            painter->drawText(second, Qt::AlignLeft | Qt::AlignVCenter,
                              metrics.elidedText(below, Qt::ElideRight, second.width()));
        }
        painter->setPen(look[(index.flags() & Qt::ItemIsEnabled) != 0 ? theme::Token::text : theme::Token::secondary]);
        painter->drawText(line, Qt::AlignLeft | Qt::AlignVCenter,
                          metrics.elidedText(title, Qt::ElideMiddle, line.width() - keys - edge));
        painter->restore();
    }

private:
    static QString about(const QModelIndex& index) { return index.data(about_role).toString(); }
};
} // namespace

CommandPalette::CommandPalette(std::vector<PaletteItem> items, QWidget* parent)
    : QDialog(parent, Qt::Dialog | Qt::FramelessWindowHint)
    , items_(std::move(items))
    , line_(new QLineEdit)
    , list_(new QListWidget)
    , nothing_(new QLabel(tr("Nothing is called that"))) {
    setAttribute(Qt::WA_DeleteOnClose);
    setObjectName(QStringLiteral("palette"));
    setWindowTitle(tr("Search"));
    line_->setPlaceholderText(tr("search everything;  > commands   l layers   r runs   ? help"));
    line_->setAccessibleName(tr("Search commands, layers and runs"));
    line_->installEventFilter(this);
    list_->setItemDelegate(new ItemDelegate(list_));
    list_->setFocusPolicy(Qt::NoFocus);
    list_->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff); // what is cut is in the tip
    list_->setAccessibleName(tr("Matches"));
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(10, 10, 10, 10);
    column->addWidget(line_);
    nothing_->setProperty("role", "secondary");
    nothing_->setAlignment(Qt::AlignCenter);
    column->addWidget(list_, 1);
    column->addWidget(nothing_, 1);
    resize(std::min(theme::scaled(640), parent ? parent->width() - 40 : 640), theme::scaled(460));
    if (parent) move(parent->mapToGlobal(QPoint((parent->width() - width()) / 2, 70)));
    connect(line_, &QLineEdit::textChanged, this, &CommandPalette::filter);
    connect(line_, &QLineEdit::returnPressed, this, &CommandPalette::choose);
    connect(list_, &QListWidget::itemClicked, this, &CommandPalette::choose);
    filter({});
    line_->setFocus();
}

bool CommandPalette::matches(const QString& query, const QString& title) {
    for (const QString& word : query.split(u' ', Qt::SkipEmptyParts))
        if (!title.contains(word, Qt::CaseInsensitive)) return false;
    return true;
}

std::vector<std::size_t> CommandPalette::found(const QString& query, const std::vector<PaletteItem>& items) {
    constexpr std::size_t impossible = 3;
    std::array<std::vector<std::size_t>, impossible + 1> ranks;
    for (std::size_t i = 0; i < items.size(); ++i) {
        const PaletteItem& item = items[i];
        const QString said = item.title + u' ' + item.about, all = said + u' ' + item.words;
        if (!matches(query, all)) continue;
        const std::size_t rank = matches(query, item.title) ? 0 : matches(query, said) ? 1 : 2;
        ranks[item.not_now.isEmpty() ? rank : impossible].push_back(i);
    }
    std::vector<std::size_t> order;
    for (const auto& rank : ranks) order.insert(order.end(), rank.begin(), rank.end());
    return order;
}

void CommandPalette::filter(const QString& text) {
    QString query = text.trimmed();
    int only = -1;
    const std::pair<QString, PaletteItem::Kind> prefixes[] = {{QStringLiteral(">"), PaletteItem::Kind::command},
                                                              {QStringLiteral("l "), PaletteItem::Kind::layer},
                                                              {QStringLiteral("r "), PaletteItem::Kind::run},
                                                              {QStringLiteral("?"), PaletteItem::Kind::help}};
    for (const auto& [prefix, kind] : prefixes)
        if (text.startsWith(prefix)) {
            only = static_cast<int>(kind);
            query = text.mid(prefix.size()).trimmed();
        }
    list_->clear();
    for (const std::size_t i : found(query, items_)) {
        const PaletteItem& of = items_[i];
        if (only >= 0 && static_cast<int>(of.kind) != only) continue;
        auto* item = new QListWidgetItem(of.title, list_);
        item->setToolTip(of.about.isEmpty() ? of.title : of.title + u'\n' + of.about);
        item->setData(at_role, static_cast<int>(i));
        item->setData(shortcut_role, of.not_now.isEmpty() ? of.shortcut : of.not_now);
        if (!of.not_now.isEmpty()) item->setFlags(item->flags() & ~Qt::ItemIsEnabled);
        item->setData(about_role, of.about);
        item->setData(Qt::AccessibleDescriptionRole, of.about);
        if (std::cmp_greater_equal(list_->count(), most_shown)) break;
    }
    list_->setCurrentRow(0);
    list_->setVisible(list_->count() > 0);
    nothing_->setVisible(list_->count() == 0);
}

void CommandPalette::choose() {
    QListWidgetItem* item = list_->currentItem();
    if (!item || (item->flags() & Qt::ItemIsEnabled) == 0) return;
    const auto go = items_[static_cast<std::size_t>(item->data(at_role).toInt())].go;
    accept();
    QTimer::singleShot(0, qApp, go); // after this dialog is gone: the command may open another
}

bool CommandPalette::eventFilter(QObject* watched, QEvent* event) {
    if (watched == line_ && event->type() == QEvent::KeyPress) {
        const int key = static_cast<QKeyEvent*>(event)->key();
        if (key == Qt::Key_Down || key == Qt::Key_Up || key == Qt::Key_PageDown || key == Qt::Key_PageUp) {
            QApplication::sendEvent(list_, event);
            return true;
        }
    }
    return QDialog::eventFilter(watched, event);
}

} // namespace graticule
