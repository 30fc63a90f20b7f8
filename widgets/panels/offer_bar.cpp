#include "widgets/panels/offer_bar.h"

#include <QtWidgets/QHBoxLayout>
#include <QtWidgets/QLabel>
#include <QtWidgets/QPushButton>

#include "widgets/theme/theme.h"

namespace graticule {

OfferBar::OfferBar(QWidget* parent)
    : QFrame(parent)
    , text_(new QLabel)
    , yes_(new QPushButton)
    , besides_(new QPushButton)
    , no_(new QPushButton) {
    setProperty("role", "card");
    setAccessibleName(tr("Offer"));
    text_->setWordWrap(true);
    yes_->setProperty("primary", true);
    row_ = new QBoxLayout(QBoxLayout::LeftToRight, this);
    row_->setContentsMargins(12, 6, 8, 6);
    row_->addWidget(text_, 1);
    auto* buttons = new QHBoxLayout;
    buttons->addStretch();
    buttons->addWidget(yes_);
    buttons->addWidget(besides_);
    buttons->addWidget(no_);
    row_->addLayout(buttons);
    connect(yes_, &QPushButton::clicked, this, [this] {
        hide();
        Q_EMIT taken();
    });
    connect(no_, &QPushButton::clicked, this, [this] {
        hide();
        Q_EMIT refused();
    });
    connect(besides_, &QPushButton::clicked, this, &OfferBar::besides);
    hide();
}

void OfferBar::offer(const QString& text, const QString& yes, const QString& no, const QString& besides) {
    text_->setText(text);
    yes_->setText(yes);
    yes_->show();
    no_->setText(no);
    besides_->setText(besides);
    besides_->setVisible(!besides.isEmpty());
    fit();
    setAccessibleDescription(text);
    show();
}

// Beside its buttons the text must not become a column of single words.
void OfferBar::fit() {
    int buttons = 0;
    for (const QPushButton* button : {yes_, besides_, no_})
        if (!button->isHidden()) buttons += button->sizeHint().width();
    row_->setDirection(width() - buttons < theme::scaled(360) ? QBoxLayout::TopToBottom : QBoxLayout::LeftToRight);
}

void OfferBar::resizeEvent(QResizeEvent* event) {
    QFrame::resizeEvent(event);
    fit();
}

void OfferBar::wait(const QString& text) {
    text_->setText(text);
    yes_->hide();
    besides_->hide();
    setAccessibleDescription(text);
    show();
}

bool OfferBar::waiting() const { return yes_->isHidden(); }

QString OfferBar::text() const { return text_->text(); }

} // namespace graticule
