// Where primitives become pixels. Two of them behind one small face: OpenGL through Dear ImGui, and QPainter.
#pragma once

#include "widgets/plots/primitives.h"

#include <QtCore/QString>
#include <functional>
#include <vector>

class QWidget;

namespace graticule::plots {

class PlotCanvas {
public:
    virtual ~PlotCanvas() = default;
    [[nodiscard]] virtual QWidget* widget() = 0;
    /// Shows `base` and above it `overlay`; paints once, soon.
    virtual void show(std::vector<Primitive> base, std::vector<Primitive> overlay) = 0;
    virtual void showOverlay(std::vector<Primitive> overlay) = 0;
};

/// `failed` is called (once, from a paint event) if the context cannot be made after all.
[[nodiscard]] PlotCanvas* make_gl_canvas(QWidget* parent, std::function<void(QString)> failed);
/// Whether the processor plays the card, as the last opengl_available() that was true found it.
[[nodiscard]] bool opengl_is_software();
[[nodiscard]] PlotCanvas* make_software_canvas(QWidget* parent);

} // namespace graticule::plots
