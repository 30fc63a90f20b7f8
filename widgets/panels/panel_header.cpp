#include "widgets/panels/panel_header.h"

#include <QtWidgets/QHBoxLayout>
#include <QtWidgets/QLabel>
#include <QtWidgets/QMenu>
#include <QtWidgets/QToolButton>

#include "widgets/panels/elided_label.h"

namespace graticule {

namespace {
constexpr int glyph_width = 26;
}

PanelHeader::PanelHeader(const QString& title, QWidget* parent)
    : QFrame(parent)
    , row_(new QHBoxLayout(this))
    , title_(new QLabel(title))
    , subtitle_(new ElidedLabel) {
    setProperty("role", "header");
    setFixedHeight(32);
    row_->setContentsMargins(12, 0, 8, 0);
    row_->setSpacing(6);
    title_->setProperty("role", "title");
    subtitle_->setProperty("role", "secondary");
    row_->addWidget(title_);
    row_->addWidget(subtitle_, 1);
}

void PanelHeader::setTitle(const QString& title) { title_->setText(title); }

void PanelHeader::setSubtitle(const QString& subtitle, const QString& help, const QString& shorter) {
    subtitle_->setText(subtitle);
    subtitle_->setHelp(help);
    subtitle_->setShorter(shorter);
}

QToolButton* PanelHeader::addButton(const QString& text, const QString& tip) {
    auto* button = new QToolButton;
    button->setText(text);
    button->setToolTip(tip);
    button->setAccessibleName(tip);
    button->setAutoRaise(true);
    if (text.size() == 1) button->setFixedWidth(glyph_width);
    row_->addWidget(button);
    return button;
}

QToolButton* PanelHeader::addMenuButton(const QString& text, const QString& tip) {
    QToolButton* button = addButton(text, tip);
    button->setMenu(new QMenu(button));
    button->setPopupMode(QToolButton::InstantPopup);
    return button;
}

void PanelHeader::addWidget(QWidget* widget) { row_->addWidget(widget); }

QSize PanelHeader::minimumSizeHint() const { return {80, 32}; }

} // namespace graticule
