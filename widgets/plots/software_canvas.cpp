#include "widgets/plots/canvas_widget.h"
#include "widgets/plots/painter_qt.h"

#include <QtGui/QImage>
#include <QtGui/QPaintEvent>
#include <QtGui/QPainter>

namespace graticule::plots {
namespace {

// The plot is a picture that is drawn when it changes: what moves over it, or beside it, costs a copy.
class SoftwareCanvas final : public CanvasWidget<QWidget> {
public:
    explicit SoftwareCanvas(QWidget* parent)
        : CanvasWidget(parent) {
        setAttribute(Qt::WA_OpaquePaintEvent);
    }

protected:
    void paintEvent(QPaintEvent* event) override {
        const double ratio = devicePixelRatioF();
        const QSize pixels = (QSizeF(size()) * ratio).toSize();
        if (takeChanged() || picture_.size() != pixels) {
            if (picture_.size() != pixels) picture_ = QImage(pixels, QImage::Format_RGB32);
            picture_.setDevicePixelRatio(ratio);
            picture_.fill(palette().color(QPalette::Window));
            QPainter painter(&picture_);
            paint(painter, base());
        }
        QPainter painter(this);
        for (const QRect& part : event->region())
            painter.drawImage(part, picture_, QRectF(QPointF(part.topLeft()) * ratio, QSizeF(part.size()) * ratio));
        paint(painter, overlay());
    }

private:
    QImage picture_;
};

} // namespace

PlotCanvas* make_software_canvas(QWidget* parent) { return new SoftwareCanvas(parent); }

} // namespace graticule::plots
