#include "widgets/panels/find_bar.h"

#include <QtGui/QKeyEvent>
#include <QtGui/QTextCursor>
#include <QtGui/QTextDocument>
#include <QtWidgets/QAbstractItemView>
#include <QtWidgets/QHBoxLayout>
#include <QtWidgets/QLabel>
#include <QtWidgets/QLineEdit>
#include <QtWidgets/QPlainTextEdit>
#include <QtWidgets/QTableView>
#include <QtWidgets/QTextEdit>
#include <algorithm>

namespace graticule {

namespace {

bool can_be_searched(const QWidget* widget) {
    return qobject_cast<const QAbstractItemView*>(widget) || qobject_cast<const QPlainTextEdit*>(widget) ||
           qobject_cast<const QTextEdit*>(widget);
}

/// Which of `count` sorted places comes next, given how many lie before where one stands.
std::size_t wrapped(std::size_t before, bool back, std::size_t count) {
    return back ? (before + count - 1) % count : before % count;
}

} // namespace

FindBar::FindBar(QWidget* parent)
    : QFrame(parent)
    , line_(new QLineEdit)
    , answer_(new QLabel) {
    setProperty("role", "card");
    setAutoFillBackground(true);
    line_->setPlaceholderText(tr("find"));
    line_->setAccessibleName(tr("Find in the focused view"));
    line_->setClearButtonEnabled(true);
    line_->setMinimumWidth(160);
    answer_->setProperty("role", "secondary");
    auto* row = new QHBoxLayout(this);
    row->setContentsMargins(6, 4, 10, 4);
    row->addWidget(line_);
    row->addWidget(answer_);
    line_->installEventFilter(this);
    connect(line_, &QLineEdit::textChanged, this, [this] { go(Step::here); });
    hide();
}

bool FindBar::openIn(QWidget* focused) {
    while (focused && !can_be_searched(focused)) focused = focused->isWindow() ? nullptr : focused->parentWidget();
    if (!focused) return false;
    if (view_) view_->removeEventFilter(this);
    view_ = static_cast<QAbstractScrollArea*>(focused);
    view_->installEventFilter(this); // resized
    setParent(view_);
    place();
    show();
    raise();
    line_->setFocus(Qt::ShortcutFocusReason);
    line_->selectAll();
    go(Step::here);
    return true;
}

void FindBar::leave() {
    hide();
    if (!view_) return;
    view_->removeEventFilter(this);
    view_->setFocus(Qt::OtherFocusReason);
    setParent(view_->window()); // which outlives the view
    view_.clear();
}

void FindBar::place() {
    adjustSize();
    const QRect room = view_->viewport()->geometry();
    move(std::max(0, room.right() - width() - 8), room.top() + 6);
}

QString FindBar::answer() const { return answer_->text(); }

bool FindBar::eventFilter(QObject* watched, QEvent* event) {
    if (watched == view_ && event->type() == QEvent::Resize) place();
    if (watched != line_) return false;
    if (event->type() == QEvent::FocusOut) {
        const Qt::FocusReason reason = static_cast<QFocusEvent*>(event)->reason();
        if (reason == Qt::MouseFocusReason || reason == Qt::TabFocusReason || reason == Qt::BacktabFocusReason) hide();
        return false; // something else is being looked at
    }
    if (event->type() != QEvent::KeyPress) return false;
    const auto* key = static_cast<QKeyEvent*>(event);
    switch (key->key()) {
    case Qt::Key_Return:
    case Qt::Key_Enter:
        go(key->modifiers() & Qt::ShiftModifier ? Step::before : Step::next);
        return true;
    case Qt::Key_Escape:
        leave();
        return true;
    default:
        return false;
    }
}

void FindBar::go(Step step) {
    if (!view_) return;
    if (line_->text().isEmpty())
        answer_->clear();
    else if (auto* cells = qobject_cast<QAbstractItemView*>(view_))
        goInCells(*cells, step);
    else
        goInText(step);
    place();
}

void FindBar::say(std::size_t at, std::size_t count) {
    answer_->setText(count == 0 ? tr("nothing") : tr("%1 of %2").arg(at + 1).arg(count));
}

std::vector<QModelIndex> FindBar::cells(const QAbstractItemView& view) const {
    std::vector<QModelIndex> found;
    const QAbstractItemModel* model = view.model();
    const auto* table = qobject_cast<const QTableView*>(&view);
    for (int row = 0; model && row < model->rowCount(); ++row)
        for (int column = 0; column < model->columnCount(); ++column) {
            const QModelIndex cell = model->index(row, column);
            if (!(table && table->isColumnHidden(column)) &&
                cell.data().toString().contains(line_->text(), Qt::CaseInsensitive))
                found.push_back(cell);
        }
    return found;
}

void FindBar::goInCells(QAbstractItemView& view, Step step) {
    const std::vector<QModelIndex> found = cells(view);
    const QModelIndex current = view.currentIndex();
    // A step on leaves the cell behind, every other counts from it.
    const auto from = step == Step::next ? std::upper_bound(found.begin(), found.end(), current)
                                         : std::lower_bound(found.begin(), found.end(), current);
    if (found.empty()) return say(0, 0);
    const std::size_t at = wrapped(static_cast<std::size_t>(from - found.begin()), step == Step::before, found.size());
    view.setCurrentIndex(found[at]);
    view.scrollTo(found[at]);
    say(at, found.size());
}

std::vector<QTextCursor> FindBar::places(const QTextDocument& text) const {
    std::vector<QTextCursor> found;
    for (QTextCursor at = text.find(line_->text(), 0); !at.isNull(); at = text.find(line_->text(), at))
        found.push_back(at);
    return found;
}

void FindBar::goInText(Step step) {
    const auto in = [&](auto& edit) {
        const std::vector<QTextCursor> found = places(*edit.document());
        if (found.empty()) return say(0, 0);
        const int stands = edit.textCursor().selectionStart();
        const auto before = std::ranges::count_if(found, [&](const QTextCursor& place) {
            return step == Step::next ? place.selectionStart() <= stands : place.selectionStart() < stands;
        });
        const std::size_t at = wrapped(static_cast<std::size_t>(before), step == Step::before, found.size());
        edit.setTextCursor(found[at]);
        say(at, found.size());
    };
    if (auto* plain = qobject_cast<QPlainTextEdit*>(view_))
        in(*plain);
    else if (auto* rich = qobject_cast<QTextEdit*>(view_))
        in(*rich);
}

} // namespace graticule
