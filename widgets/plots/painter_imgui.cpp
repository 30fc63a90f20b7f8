#include "widgets/plots/painter_imgui.h"

#include "core/base/error.h"
#include "widgets/plots/plot_fonts.h"

#include <QtCore/QByteArray>
#include <QtGui/QFontMetricsF>
#include <QtGui/QImage>
#include <QtGui/QPainter>
#include <algorithm>
#include <cmath>
#include <imgui.h>
#include <imgui_internal.h> // the white pixel of the atlas, for strips of our own
#include <numbers>

namespace graticule::plots {
namespace {

ImVec2 vec(const QPointF& point) { return {float(point.x()), float(point.y())}; }

ImU32 colour_of(const QColor& colour) { return IM_COL32(colour.red(), colour.green(), colour.blue(), colour.alpha()); }

/// A glyph's place in the atlas and the picture that goes there.
struct Glyph {
    int rect = -1;
    QImage image;
};

QImage rasterise(const QFont& font, char16_t character, double ratio, const QRectF& ink) {
    QImage image(int(ink.width()), int(ink.height()), QImage::Format_ARGB32_Premultiplied);
    image.fill(Qt::transparent);
    QPainter painter(&image);
    painter.setRenderHint(QPainter::TextAntialiasing, true);
    painter.translate(-ink.topLeft());
    painter.scale(ratio, ratio);
    painter.setFont(font);
    painter.setPen(Qt::white);
    painter.drawText(QPointF(0, 0), QString(QChar(character)));
    return image;
}

/// Qt's ink rectangle in device pixels, grown to whole ones with a pixel of room for the antialiasing.
QRectF ink_rect(const QFontMetricsF& metrics, char16_t character, double ratio) {
    const QRectF ink = metrics.boundingRect(QString(QChar(character)));
    const double left = std::floor(ink.left() * ratio) - 1, top = std::floor(ink.top() * ratio) - 1;
    const double right = std::ceil(ink.right() * ratio) + 1, bottom = std::ceil(ink.bottom() * ratio) + 1;
    return {left, top, std::max(1.0, right - left), std::max(1.0, bottom - top)};
}

class DrawListPainter {
public:
    DrawListPainter(ImDrawList& list, const GlyphAtlas& glyphs)
        : list_(list)
        , glyphs_(glyphs) {}

    void operator()(const Box& box) const {
        const ImVec2 low = vec(box.rect.topLeft()), high = vec(box.rect.bottomRight());
        if (box.fill.isValid()) list_.AddRectFilled(low, high, colour_of(box.fill), float(box.radius));
        if (box.outline.isValid()) list_.AddRect(low, high, colour_of(box.outline), float(box.radius), 0, 1.0f);
    }
    void operator()(const Stroke& stroke) const {
        if (stroke.dashed)
            dashes({stroke.from, stroke.to}, colour_of(stroke.colour), stroke.width);
        else
            // ImGui shifts lines by half a pixel towards larger coordinates; ours already name the middle of the
            // stroke.
            list_.AddLine(vec(stroke.from - half_), vec(stroke.to - half_), colour_of(stroke.colour),
                          float(stroke.width));
    }
    void operator()(const Polyline& line) const {
        GRATICULE_ASSERT(line.points.size() <= most_polyline_points, "the layout splits longer polylines");
        if (line.dashed) return dashes(line.points, colour_of(line.colour), line.width);
        std::vector<ImVec2> points;
        points.reserve(line.points.size());
        for (const QPointF& point : line.points) points.push_back(vec(point));
        list_.AddPolyline(points.data(), int(points.size()), colour_of(line.colour), 0, float(line.width));
    }
    void operator()(const Ribbon& ribbon) const {
        const std::size_t count = std::min(ribbon.upper.size(), ribbon.lower.size());
        GRATICULE_ASSERT(count <= most_polyline_points, "the layout splits longer ribbons");
        if (count < 2) return;
        // One strip with shared corners: antialiased quads would show seams between neighbours, and need twice the
        // vertices.
        list_.PrimReserve(int(count - 1) * 6, int(count) * 2);
        const auto first = ImDrawIdx(list_._VtxCurrentIdx);
        const ImVec2 white = list_._Data->TexUvWhitePixel;
        const ImU32 colour = colour_of(ribbon.fill);
        for (std::size_t i = 0; i < count; ++i) {
            list_.PrimWriteVtx(vec(ribbon.upper[i]), white, colour);
            list_.PrimWriteVtx(vec(ribbon.lower[i]), white, colour);
        }
        for (std::size_t i = 0; i + 1 < count; ++i)
            for (const int corner : {0, 2, 3, 0, 3, 1})
                list_.PrimWriteIdx(ImDrawIdx(first + 2 * i + std::size_t(corner)));
    }
    void operator()(const Disc& disc) const {
        if (disc.fill.isValid()) list_.AddCircleFilled(vec(disc.centre), float(disc.radius), colour_of(disc.fill));
        if (disc.outline.isValid())
            list_.AddCircle(vec(disc.centre), float(disc.radius), colour_of(disc.outline), 0, 1.5f);
    }
    void operator()(const Text& text) const {
        ImFont* font = glyphs_.font(text.style);
        if (!font || text.text.isEmpty()) return;
        const double size = plot_font(text.style).pixelSize();
        const double width = text.across == Across::left ? 0 : text_width(text.style, text.text);
        const double shift = text.across == Across::right ? -width : text.across == Across::centre ? -width / 2 : 0;
        const QByteArray bytes = text.text.toUtf8();
        const int first = list_.VtxBuffer.Size;
        // Glyphs are stored relative to the baseline, so the text's own y is the baseline.
        const QPointF start = text.upward
                                  ? QPointF(std::round(text.at.x()) + std::round(shift), std::round(text.at.y()))
                                  : QPointF(std::round(text.at.x() + shift), std::round(text.at.y()));
        // Not AddText: it drops glyphs outside the clip rectangle, and text to be turned lies there until it is turned.
        constexpr float far_away = 1e5f;
        font->RenderText(&list_, float(size), vec(start), colour_of(text.colour),
                         ImVec4(-far_away, -far_away, far_away, far_away), bytes.constData(),
                         bytes.constData() + bytes.size());
        if (!text.upward) return;
        const float x0 = std::round(float(text.at.x())), y0 = std::round(float(text.at.y()));
        for (int i = first; i < list_.VtxBuffer.Size; ++i) {
            ImVec2& at = list_.VtxBuffer[i].pos;
            at = {x0 + (at.y - y0), y0 - (at.x - x0)};
        }
    }

private:
    void dashes(const std::vector<QPointF>& points, ImU32 colour, double width) const {
        constexpr double on = 4, period = 7;
        double phase = 0;
        for (std::size_t i = 0; i + 1 < points.size(); ++i) {
            const QPointF d = points[i + 1] - points[i];
            const double length = std::hypot(d.x(), d.y());
            if (length <= 0) continue;
            for (double at = -phase; at < length; at += period) {
                const double from = std::max(0.0, at), to = std::min(length, at + on);
                if (to > from)
                    list_.AddLine(vec(points[i] + d * (from / length) - half_),
                                  vec(points[i] + d * (to / length) - half_), colour, float(width));
            }
            phase = std::fmod(phase + length, period);
        }
    }

    ImDrawList& list_;
    const GlyphAtlas& glyphs_;
    QPointF half_{0.5, 0.5};
};

} // namespace

bool GlyphAtlas::need(const std::vector<Primitive>& primitives) {
    const auto before = characters_.size();
    if (characters_.isEmpty()) {
        for (char16_t c = 0x20; c < 0x7f; ++c) characters_.insert(c);
        for (const char16_t c : u"·×±½−–—…≤≥Δ∞→←↑↓°²³µσ≈") characters_.insert(c);
        characters_.remove(0);
    }
    for (const Primitive& primitive : primitives)
        if (const Text* text = std::get_if<Text>(&primitive))
            for (const QChar c : text->text)
                if (!c.isSurrogate() && c.unicode() >= 0x20) characters_.insert(c.unicode());
    return characters_.size() != before;
}

void GlyphAtlas::build(ImFontAtlas& atlas, double device_pixel_ratio) {
    atlas.Clear();
    // Neither mouse cursors nor ImGui's own thick lines are wanted from the texture; lines are drawn as polygons.
    atlas.Flags |= ImFontAtlasFlags_NoMouseCursors | ImFontAtlasFlags_NoBakedLines;
    std::vector<Glyph> glyphs;
    for (std::size_t style = 0; style < fonts_.size(); ++style) {
        const QFont font = plot_font(TextStyle(style));
        const QFontMetricsF metrics(font);
        ImFontConfig config;
        config.SizePixels = float(font.pixelSize() * device_pixel_ratio);
        // The built-in font only carries the record: each of its glyphs is replaced by one of ours, drawn by Qt.
        ImFont* target = fonts_[style] = atlas.AddFontDefault(&config);
        for (const char16_t character : characters_) {
            const QRectF ink = ink_rect(metrics, character, device_pixel_ratio);
            Glyph glyph;
            glyph.image = rasterise(font, character, device_pixel_ratio, ink);
            const float advance = float(metrics.horizontalAdvance(QChar(character)) * device_pixel_ratio);
            glyph.rect = atlas.AddCustomRectFontGlyph(target, ImWchar(character), int(ink.width()), int(ink.height()),
                                                      advance, ImVec2(float(ink.left()), float(ink.top())));
            glyphs.push_back(std::move(glyph));
        }
    }
    unsigned char* pixels = nullptr;
    int width = 0, height = 0;
    atlas.GetTexDataAsRGBA32(&pixels, &width, &height);
    for (const Glyph& glyph : glyphs) {
        const ImFontAtlasCustomRect* rect = atlas.GetCustomRectByIndex(glyph.rect);
        if (!rect || !rect->IsPacked()) continue;
        for (int y = 0; y < rect->Height; ++y) {
            const auto* source = reinterpret_cast<const QRgb*>(glyph.image.constScanLine(y));
            auto* target = reinterpret_cast<ImU32*>(pixels) + (rect->Y + y) * width + rect->X;
            for (int x = 0; x < rect->Width; ++x) target[x] = IM_COL32(255, 255, 255, qAlpha(source[x]));
        }
    }
}

void paint(ImDrawList& list, const GlyphAtlas& glyphs, const std::vector<Primitive>& primitives) {
    const DrawListPainter visitor(list, glyphs);
    for (const Primitive& primitive : primitives) std::visit(visitor, primitive);
}

} // namespace graticule::plots
