#include "widgets/panels/colour_preview.h"

#include <QtWidgets/QComboBox>
#include <QtWidgets/QHBoxLayout>
#include <QtWidgets/QLabel>
#include <QtWidgets/QVBoxLayout>

namespace graticule {

using theme::ColourVision;

ColourPreview::ColourPreview(const QImage& window, QWidget* parent)
    : QDialog(parent)
    , window_(window)
    , picture_(new QLabel) {
    setWindowTitle(tr("Colours as others see them"));
    auto* choice = new QComboBox;
    choice->setAccessibleName(tr("Kind of colour vision"));
    const std::pair<ColourVision, QString> kinds[] = {
        {ColourVision::deuteranopia, tr("without green cones (deuteranopia)")},
        {ColourVision::protanopia, tr("without red cones (protanopia)")},
        {ColourVision::tritanopia, tr("without blue cones (tritanopia)")},
        {ColourVision::normal, tr("all three")}};
    for (const auto& [kind, name] : kinds) choice->addItem(name, static_cast<int>(kind));
    auto* row = new QHBoxLayout;
    row->addWidget(new QLabel(tr("This window, seen")));
    row->addWidget(choice);
    row->addStretch(1);
    picture_->setAccessibleName(tr("Picture of the window"));
    picture_->setAlignment(Qt::AlignCenter);
    auto* column = new QVBoxLayout(this);
    column->addLayout(row);
    column->addWidget(picture_, 1);
    connect(choice, &QComboBox::currentIndexChanged, this,
            [this, choice] { show(static_cast<ColourVision>(choice->currentData().toInt())); });
    // The whole window, as large as stands before it.
    const QSize room = parent != nullptr ? parent->size() * 9 / 10 : window_.deviceIndependentSize().toSize();
    const double ratio = window_.devicePixelRatio();
    window_ = window_.scaled(room * ratio, Qt::KeepAspectRatio, Qt::SmoothTransformation);
    window_.setDevicePixelRatio(ratio);
    show(kinds[0].first);
    adjustSize();
}

void ColourPreview::show(ColourVision vision) {
    QImage seen = theme::seen_with(vision, window_);
    seen.setDevicePixelRatio(window_.devicePixelRatio());
    picture_->setPixmap(QPixmap::fromImage(std::move(seen)));
}

} // namespace graticule
