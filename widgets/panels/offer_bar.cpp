#include "widgets/panels/offer_bar.h"

#include <QtWidgets/QHBoxLayout>
#include <QtWidgets/QLabel>
#include <QtWidgets/QPushButton>

namespace graticule {

OfferBar::OfferBar(QWidget* parent)
    : QFrame(parent)
    , text_(new QLabel)
    , yes_(new QPushButton)
    , no_(new QPushButton) {
    setProperty("role", "card");
    setAccessibleName(tr("Offer"));
    text_->setWordWrap(true);
    yes_->setProperty("primary", true);
    auto* row = new QHBoxLayout(this);
    row->setContentsMargins(12, 6, 8, 6);
    row->addWidget(text_, 1);
    row->addWidget(yes_);
    row->addWidget(no_);
    connect(yes_, &QPushButton::clicked, this, [this] {
        hide();
        Q_EMIT taken();
    });
    connect(no_, &QPushButton::clicked, this, [this] {
        hide();
        Q_EMIT refused();
    });
    hide();
}

void OfferBar::offer(const QString& text, const QString& yes, const QString& no) {
    text_->setText(text);
    yes_->setText(yes);
    yes_->show();
    no_->setText(no);
    setAccessibleDescription(text);
    show();
}

void OfferBar::wait(const QString& text) {
    text_->setText(text);
    yes_->hide();
    setAccessibleDescription(text);
    show();
}

bool OfferBar::waiting() const { return yes_->isHidden(); }

QString OfferBar::text() const { return text_->text(); }

} // namespace graticule
