// Pictures into a Dear ImGui draw list, with glyphs that Qt has rasterised, so that both halves of the window have one
// type face. A draw list can be built without a GPU.
#pragma once

#include "widgets/plots/primitives.h"

#include <QtCore/QSet>
#include <array>
#include <vector>

struct ImDrawList;
struct ImFont;
struct ImFontAtlas;

namespace graticule::plots {

/// Glyphs of all text styles in one atlas. Characters met for the first time make it stale: build again before
/// painting.
class GlyphAtlas {
public:
    /// Notes the characters of these texts; true if some are new.
    bool need(const std::vector<Primitive>& primitives);
    /// Rasterises into `atlas` (cleared first) for `device_pixel_ratio`. The texture has to be uploaded again
    /// afterwards.
    void build(ImFontAtlas& atlas, double device_pixel_ratio);
    [[nodiscard]] ImFont* font(TextStyle style) const { return fonts_[std::size_t(style)]; }

private:
    QSet<char16_t> characters_;
    std::array<ImFont*, std::size_t(TextStyle::count)> fonts_{};
};

/// Draws the primitives. Polylines longer than most_polyline_points are an InternalError: the layout has to split them.
void paint(ImDrawList& list, const GlyphAtlas& glyphs, const std::vector<Primitive>& primitives);

} // namespace graticule::plots
