// From a scene to primitives: where the axes lie, how ticks and legends fall, which marks survive at this width. A pure
// function of its arguments (and of the installed fonts), so it is tested without a window and used for screen, PNG and
// SVG alike.
#pragma once

#include "widgets/plots/plot_scene.h"
#include "widgets/plots/primitives.h"

#include <optional>
#include <vector>

namespace graticule::plots {

/// What the reader did to the axes; the default is the whole picture.
struct View {
    std::optional<Span> x;              ///< shared by all panels
    std::vector<std::optional<Span>> y; ///< by panel; missing entries: the whole
    bool logarithmic = false;           ///< for y axes that offer it
    bool operator==(const View&) const = default;
};

/// Where one panel's axes ended up.
struct PanelFrame {
    QRectF plot;
    AxisMap x, y;
};

/// What stands somewhere cut or left out, whole: for a tip.
struct CutText {
    QRectF place;
    QString whole;
};

struct Picture {
    QSizeF size;
    std::vector<Primitive> primitives;
    std::vector<CutText> cut;
    std::vector<PanelFrame> panels; ///< as many as the scene has
};

struct LayoutOptions {
    QSizeF size{640, 400};
    double title_room_right = 0; ///< kept free beside the title, for buttons
    bool with_caption = false;   ///< files carry the caption, the screen does not
};

[[nodiscard]] Picture lay_out(const PlotScene& scene, const View& view, const theme::Theme& theme,
                              const LayoutOptions& options);

[[nodiscard]] QColor resolve(const Ink& ink, const theme::Theme& theme);

/// The scale and span of a panel's axes under a view.
[[nodiscard]] AxisMap x_map(const PlotScene& scene, std::size_t panel, const View& view, double left, double right);
[[nodiscard]] AxisMap y_map(const PlotScene& scene, std::size_t panel, const View& view, double bottom, double top);

} // namespace graticule::plots
