#include "widgets/panels/colour_preview.h"

#include <QtWidgets/QComboBox>
#include <QtWidgets/QHBoxLayout>
#include <QtWidgets/QLabel>
#include <QtWidgets/QScrollArea>
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
    auto* area = new QScrollArea;
    area->setWidget(picture_);
    area->setWidgetResizable(true);
    auto* column = new QVBoxLayout(this);
    column->addLayout(row);
    column->addWidget(area, 1);
    connect(choice, &QComboBox::currentIndexChanged, this,
            [this, choice] { show(static_cast<ColourVision>(choice->currentData().toInt())); });
    show(kinds[0].first);
    resize(1000, 700);
}

void ColourPreview::show(ColourVision vision) {
    picture_->setPixmap(QPixmap::fromImage(theme::seen_with(vision, window_)));
}

} // namespace graticule
