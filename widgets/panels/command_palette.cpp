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

#include "widgets/theme/theme.h"

namespace graticule {

namespace {
constexpr int shortcut_role = Qt::UserRole + 1;
constexpr int at_role = Qt::UserRole;

class ItemDelegate final : public QStyledItemDelegate {
public:
    using QStyledItemDelegate::QStyledItemDelegate;
    void paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override {
        constexpr int edge = 12;
        const QString shortcut = index.data(shortcut_role).toString();
        QStyleOptionViewItem title = option;
        initStyleOption(&title, index);
        const int room = title.rect.width() - title.fontMetrics.horizontalAdvance(shortcut) - 3 * edge;
        title.text = title.fontMetrics.elidedText(title.text, Qt::ElideMiddle, room);
        title.widget->style()->drawControl(QStyle::CE_ItemViewItem, &title, painter, title.widget);
        painter->save();
        painter->setPen(theme::of(option.palette)[theme::Token::secondary]);
        painter->drawText(option.rect.adjusted(0, 0, -edge, 0), Qt::AlignRight | Qt::AlignVCenter, shortcut);
        painter->restore();
    }
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
    resize(560, 380);
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
    for (std::size_t i = 0; i < items_.size() && list_->count() < 200; ++i) {
        if (only >= 0 && static_cast<int>(items_[i].kind) != only) continue;
        if (!matches(query, items_[i].title)) continue;
        auto* item = new QListWidgetItem(items_[i].title, list_);
        item->setToolTip(items_[i].title);
        item->setData(at_role, static_cast<int>(i));
        item->setData(shortcut_role, items_[i].shortcut);
    }
    list_->setCurrentRow(0);
    list_->setVisible(list_->count() > 0);
    nothing_->setVisible(list_->count() == 0);
}

void CommandPalette::choose() {
    QListWidgetItem* item = list_->currentItem();
    if (!item) return;
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
