// What both canvases are beside their way of painting: a widget that keeps the primitives it was given.
#pragma once

#include "widgets/plots/plot_canvas.h"

#include <QtWidgets/QWidget>
#include <utility>

namespace graticule::plots {

template <class Widget>
class CanvasWidget : public Widget, public PlotCanvas {
public:
    QWidget* widget() override { return this; }
    void show(std::vector<Primitive> base, std::vector<Primitive> overlay) override {
        base_ = std::move(base);
        changed_ = true;
        showOverlay(std::move(overlay));
    }
    void showOverlay(std::vector<Primitive> overlay) override {
        overlay_ = std::move(overlay);
        this->update();
    }

protected:
    explicit CanvasWidget(QWidget* parent)
        : Widget(parent) {
        this->setAttribute(Qt::WA_TransparentForMouseEvents); // the surface below handles them
    }
    /// Whether the base is another than when this was last asked.
    [[nodiscard]] bool takeChanged() { return std::exchange(changed_, false); }
    [[nodiscard]] const std::vector<Primitive>& base() const { return base_; }
    [[nodiscard]] const std::vector<Primitive>& overlay() const { return overlay_; }

private:
    using QWidget::show;
    std::vector<Primitive> base_, overlay_;
    bool changed_ = true;
};

} // namespace graticule::plots
