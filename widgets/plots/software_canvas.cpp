#include "widgets/plots/canvas_widget.h"
#include "widgets/plots/painter_qt.h"

#include <QtGui/QPainter>

namespace graticule::plots {
namespace {

class SoftwareCanvas final : public CanvasWidget<QWidget> {
public:
    explicit SoftwareCanvas(QWidget* parent)
        : CanvasWidget(parent) {}

protected:
    void paintEvent(QPaintEvent*) override {
        QPainter painter(this);
        paint(painter, base());
        paint(painter, overlay());
    }
};

} // namespace

PlotCanvas* make_software_canvas(QWidget* parent) { return new SoftwareCanvas(parent); }

} // namespace graticule::plots
