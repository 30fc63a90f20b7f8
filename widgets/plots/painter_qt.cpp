#include "widgets/plots/painter_qt.h"

#include "widgets/plots/plot_fonts.h"

#include <QtCore/QBuffer>
#include <QtGui/QPainter>
#include <QtGui/QPainterPath>
#include <QtSvg/QSvgGenerator>
#include <cmath>

namespace graticule::plots {
namespace {

QPen pen_of(const QColor& colour, double width, bool dashed) {
    QPen pen(colour, width);
    pen.setCapStyle(Qt::FlatCap);
    pen.setJoinStyle(Qt::RoundJoin);
    if (dashed) pen.setDashPattern({4 / std::max(1.0, width), 3 / std::max(1.0, width)});
    return pen;
}

class QtPainter {
public:
    explicit QtPainter(QPainter& painter)
        : painter_(painter) {}

    void operator()(const Box& box) const {
        const bool sharp = box.radius == 0;
        painter_.setRenderHint(QPainter::Antialiasing, !sharp || std::round(box.rect.top()) != box.rect.top());
        painter_.setPen(Qt::NoPen);
        painter_.setBrush(box.fill.isValid() ? QBrush(box.fill) : QBrush(Qt::NoBrush));
        if (box.fill.isValid()) draw(box.rect, box.radius);
        if (!box.outline.isValid()) return;
        painter_.setRenderHint(QPainter::Antialiasing, true);
        painter_.setPen(QPen(box.outline, 1));
        painter_.setBrush(Qt::NoBrush);
        draw(box.rect.adjusted(0.5, 0.5, -0.5, -0.5), box.radius);
    }
    void operator()(const Stroke& stroke) const {
        painter_.setRenderHint(QPainter::Antialiasing, true);
        painter_.setPen(pen_of(stroke.colour, stroke.width, stroke.dashed));
        painter_.drawLine(stroke.from, stroke.to);
    }
    void operator()(const Polyline& line) const {
        painter_.setRenderHint(QPainter::Antialiasing, true);
        painter_.setPen(pen_of(line.colour, line.width, line.dashed));
        painter_.drawPolyline(line.points.data(), int(line.points.size()));
    }
    void operator()(const Ribbon& ribbon) const {
        QPolygonF outline(ribbon.upper.begin(), ribbon.upper.end());
        for (auto point = ribbon.lower.rbegin(); point != ribbon.lower.rend(); ++point) outline << *point;
        painter_.setRenderHint(QPainter::Antialiasing, true);
        painter_.setPen(Qt::NoPen);
        painter_.setBrush(ribbon.fill);
        painter_.drawPolygon(outline);
    }
    void operator()(const Disc& disc) const {
        painter_.setRenderHint(QPainter::Antialiasing, true);
        painter_.setPen(disc.outline.isValid() ? QPen(disc.outline, 1.5) : QPen(Qt::NoPen));
        painter_.setBrush(disc.fill.isValid() ? QBrush(disc.fill) : QBrush(Qt::NoBrush));
        painter_.drawEllipse(disc.centre, disc.radius, disc.radius);
    }
    void operator()(const Text& text) const {
        painter_.setFont(plot_font(text.style));
        painter_.setPen(text.colour);
        const double width = text.across == Across::left ? 0 : text_width(text.style, text.text);
        const double shift = text.across == Across::right ? -width : text.across == Across::centre ? -width / 2 : 0;
        if (!text.upward) {
            painter_.drawText(QPointF(text.at.x() + shift, text.at.y()), text.text);
            return;
        }
        painter_.save();
        painter_.translate(text.at);
        painter_.rotate(-90);
        painter_.drawText(QPointF(shift, 0), text.text);
        painter_.restore();
    }

private:
    void draw(const QRectF& rect, double radius) const {
        if (radius > 0)
            painter_.drawRoundedRect(rect, radius, radius);
        else
            painter_.drawRect(rect);
    }

    QPainter& painter_;
};

} // namespace

void paint(QPainter& painter, const std::vector<Primitive>& primitives) {
    painter.setRenderHint(QPainter::TextAntialiasing, true);
    const QtPainter visitor(painter);
    for (const Primitive& primitive : primitives) std::visit(visitor, primitive);
}

void paint(QPainter& painter, const Picture& picture) { paint(painter, picture.primitives); }

QImage render_image(const PlotScene& scene, const View& view, const theme::Theme& theme, QSizeF size, double scale) {
    QImage image((size * scale).toSize(), QImage::Format_ARGB32_Premultiplied);
    image.setDevicePixelRatio(scale);
    image.fill(theme[theme::Token::panel]);
    QPainter painter(&image);
    paint(painter, lay_out(scene, view, theme, {.size = size, .with_caption = true}));
    return image;
}

QByteArray render_svg(const PlotScene& scene, const View& view, const theme::Theme& theme, QSizeF size) {
    QByteArray bytes;
    QBuffer buffer(&bytes);
    QSvgGenerator generator;
    generator.setOutputDevice(&buffer);
    generator.setSize(size.toSize());
    generator.setViewBox(QRectF(QPointF(0, 0), size));
    generator.setTitle(scene.title);
    generator.setDescription(scene.summary);
    // One logical pixel is one unit; without this, font sizes are taken at 72 dots an inch.
    generator.setResolution(96);
    QPainter painter(&generator);
    paint(painter, lay_out(scene, view, theme, {.size = size, .with_caption = true}));
    painter.end();
    return bytes;
}

} // namespace graticule::plots
