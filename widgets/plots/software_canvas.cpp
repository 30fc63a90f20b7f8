#include "widgets/plots/painter_qt.h"
#include "widgets/plots/plot_canvas.h"

#include <QtGui/QPainter>
#include <QtWidgets/QWidget>
#include <utility>

namespace graticule::plots {
namespace {

class SoftwareCanvas final : public QWidget, public PlotCanvas {
public:
    explicit SoftwareCanvas(QWidget* parent)
        : QWidget(parent) {
        setAttribute(Qt::WA_TransparentForMouseEvents);
    }

    QWidget* widget() override { return this; }
    void show(std::vector<Primitive> base, std::vector<Primitive> overlay) override {
        base_ = std::move(base);
        overlay_ = std::move(overlay);
        update();
    }
    void showOverlay(std::vector<Primitive> overlay) override {
        overlay_ = std::move(overlay);
        update();
    }

protected:
    void paintEvent(QPaintEvent*) override {
        QPainter painter(this);
        paint(painter, base_);
        paint(painter, overlay_);
    }

private:
    using QWidget::show;
    std::vector<Primitive> base_, overlay_;
};

} // namespace

PlotCanvas* make_software_canvas(QWidget* parent) { return new SoftwareCanvas(parent); }

} // namespace graticule::plots
