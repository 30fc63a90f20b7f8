#include "widgets/panels/offer_bar.h"

#include <QtWidgets/QHBoxLayout>
#include <QtWidgets/QLabel>
#include <QtWidgets/QListWidget>
#include <QtWidgets/QPushButton>
#include <algorithm>

#include "widgets/theme/theme.h"

namespace graticule {

namespace {
constexpr int most_lines = 4; // in sight: the plots below need the room
}

OfferBar::OfferBar(QWidget* parent)
    : QFrame(parent)
    , text_(new QLabel)
    , list_(new QListWidget)
    , yes_(new QPushButton)
    , besides_(new QPushButton)
    , no_(new QPushButton)
    , later_(new QPushButton) {
    setProperty("role", "card");
    setAccessibleName(tr("Offer"));
    text_->setWordWrap(true);
    yes_->setProperty("primary", true);
    list_->setAccessibleName(tr("Offered"));
    list_->setTextElideMode(Qt::ElideRight);
    list_->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    list_->setUniformItemSizes(true);
    row_ = new QBoxLayout(QBoxLayout::LeftToRight, this);
    row_->setContentsMargins(12, 6, 8, 6);
    row_->addWidget(text_, 1);
    row_->addWidget(list_);
    auto* buttons = new QHBoxLayout;
    buttons->addStretch();
    for (QPushButton* button : {yes_, besides_, no_, later_}) buttons->addWidget(button);
    row_->addLayout(buttons);
    const auto answered = [this](auto signal) {
        return [this, signal] {
            hide();
            Q_EMIT(this->*signal)();
        };
    };
    connect(yes_, &QPushButton::clicked, this, answered(&OfferBar::taken));
    connect(list_, &QListWidget::itemActivated, this, answered(&OfferBar::taken));
    connect(no_, &QPushButton::clicked, this, answered(&OfferBar::refused));
    connect(later_, &QPushButton::clicked, this, answered(&OfferBar::putOff));
    connect(besides_, &QPushButton::clicked, this, &OfferBar::besides);
    connect(list_, &QListWidget::currentRowChanged, this, [this](int row) {
        if (row < 0 || row >= std::ssize(pieces_)) return;
        const Piece& piece = pieces_[static_cast<std::size_t>(row)];
        yes_->setText(piece.yes);
        no_->setText(piece.no);
        fit();
    });
    hide();
}

void OfferBar::offer(const QString& text, const QString& yes, const QString& no, const QString& besides) {
    forget();
    put(text, {{}, yes, no}, besides, {});
}

void OfferBar::offerOneOf(const QString& text, std::vector<Piece> pieces, const QString& besides,
                          const QString& later) {
    const int row = std::clamp(list_->currentRow(), 0, static_cast<int>(pieces.size()) - 1);
    pieces_.clear(); // of the list as it is emptied none is chosen
    list_->clear();
    for (const Piece& piece : pieces) {
        auto* item = new QListWidgetItem(piece.line, list_);
        item->setToolTip(piece.line); // whole, where the line has no room
    }
    pieces_ = std::move(pieces);
    list_->setCurrentRow(row);
    const int lines = std::min(list_->count(), most_lines);
    list_->setFixedHeight(lines * std::max(1, list_->sizeHintForRow(0)) + 2 * list_->frameWidth());
    list_->show();
    put(text, pieces_[static_cast<std::size_t>(row)], besides, later);
}

void OfferBar::put(const QString& text, const Piece& piece, const QString& besides, const QString& later) {
    text_->setText(text);
    yes_->setText(piece.yes);
    yes_->show();
    no_->setText(piece.no);
    besides_->setText(besides);
    besides_->setVisible(!besides.isEmpty());
    later_->setText(later);
    later_->setVisible(!later.isEmpty());
    fit();
    setAccessibleDescription(this->text());
    show();
}

void OfferBar::forget() {
    pieces_.clear();
    list_->clear();
    list_->hide();
}

void OfferBar::withdraw() {
    forget();
    hide();
}

std::size_t OfferBar::chosen() const { return static_cast<std::size_t>(std::max(0, list_->currentRow())); }

// Beside its buttons the text must not become a column of single words, and a list needs the whole width.
void OfferBar::fit() {
    int buttons = 0;
    for (const QPushButton* button : {yes_, besides_, no_, later_})
        if (!button->isHidden()) buttons += button->sizeHint().width();
    const bool below = !list_->isHidden() || width() - buttons < theme::scaled(360);
    row_->setDirection(below ? QBoxLayout::TopToBottom : QBoxLayout::LeftToRight);
}

void OfferBar::resizeEvent(QResizeEvent* event) {
    QFrame::resizeEvent(event);
    fit();
}

void OfferBar::wait(const QString& text) {
    forget();
    text_->setText(text);
    for (QPushButton* button : {yes_, besides_, later_}) button->hide();
    setAccessibleDescription(text);
    show();
}

bool OfferBar::waiting() const { return yes_->isHidden(); }

QString OfferBar::text() const {
    QStringList lines{text_->text()};
    for (const Piece& piece : pieces_) lines << piece.line;
    return lines.join(u'\n');
}

} // namespace graticule
