#include "widgets/panels/form_dialog.h"

#include <QtGui/QScreen>
#include <QtGui/QShowEvent>
#include <QtWidgets/QDialogButtonBox>
#include <QtWidgets/QFormLayout>
#include <QtWidgets/QLabel>
#include <QtWidgets/QPushButton>
#include <QtWidgets/QScrollArea>
#include <QtWidgets/QScrollBar>
#include <QtWidgets/QVBoxLayout>

#include "widgets/panels/words_label.h"

namespace graticule {

namespace {
constexpr int least_width = 440, margin = 20;
constexpr int frame_of_window = 48; // title and borders, which the program does not know
} // namespace

FormDialog::FormDialog(const QString& title, const QString& explanation, QWidget* parent)
    : QDialog(parent)
    , outer_(new QVBoxLayout(this))
    , column_(nullptr)
    , scrolled_(new QScrollArea) {
    setWindowTitle(title);
    outer_->setContentsMargins(0, 0, 0, 16);
    outer_->setSpacing(12);
    auto* inside = new QWidget;
    column_ = new QVBoxLayout(inside);
    column_->setContentsMargins(margin, 16, margin, 0);
    column_->setSpacing(12);
    scrolled_->setWidget(inside);
    scrolled_->setWidgetResizable(true);
    scrolled_->setFrameShape(QFrame::NoFrame);
    scrolled_->setFocusPolicy(Qt::NoFocus);
    outer_->addWidget(scrolled_, 1);
    auto* text = words_label("secondary", explanation);
    text->setMinimumWidth(least_width);
    add(text);
}

void FormDialog::add(QWidget* widget) { column_->addWidget(widget); }

QFormLayout* FormDialog::addForm() {
    auto* form = new QFormLayout;
    form->setHorizontalSpacing(16);
    form->setVerticalSpacing(10);
    column_->addLayout(form);
    return form;
}

QPushButton* FormDialog::addButtons(const QString& action) {
    column_->addStretch(1);
    auto* box = new QDialogButtonBox(QDialogButtonBox::Cancel);
    auto* go = box->addButton(action, QDialogButtonBox::AcceptRole);
    go->setProperty("primary", true);
    connect(box, &QDialogButtonBox::accepted, this, &QDialog::accept);
    connect(box, &QDialogButtonBox::rejected, this, &QDialog::reject);
    auto* row = new QHBoxLayout;
    row->setContentsMargins(margin, 0, margin, 0);
    row->addWidget(box);
    outer_->addLayout(row);
    go->setDefault(true); // only now is it in the dialog that keeps count of default buttons
    return go;
}

QSize FormDialog::wished() const {
    const QWidget* inside = scrolled_->widget();
    const int width = inside->sizeHint().width() + scrolled_->verticalScrollBar()->sizeHint().width();
    const int height = inside->hasHeightForWidth() ? inside->heightForWidth(width) : inside->sizeHint().height();
    const int buttons = layout()->sizeHint().height() - scrolled_->sizeHint().height();
    const QSize most = screen()->availableSize() - QSize(0, frame_of_window);
    return QSize(width, height + buttons).boundedTo(most);
}

void FormDialog::grow() {
    if (isVisible()) resize(size().expandedTo(wished()));
}

void FormDialog::showEvent(QShowEvent* event) {
    if (!event->spontaneous()) resize(wished());
    QDialog::showEvent(event);
}

} // namespace graticule
