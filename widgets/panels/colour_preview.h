// The window as people with a colour deficiency see it.
#pragma once

#include <QtGui/QImage>
#include <QtWidgets/QDialog>

#include "widgets/theme/colour_vision.h"

class QLabel;

namespace graticule {

class ColourPreview final : public QDialog {
    Q_OBJECT
public:
    ColourPreview(const QImage& window, QWidget* parent);

private:
    void show(theme::ColourVision vision);
    QImage window_;
    QLabel* picture_;
};

} // namespace graticule
