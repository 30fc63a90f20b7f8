#include "widgets/models/cell_text.h"

#include <QtCore/QRect>
#include <QtCore/QRegularExpression>
#include <QtGui/QPainter>
#include <algorithm>
#include <cmath>

#include "widgets/models/cut_middle.h"

namespace graticule {

namespace {
constexpr int most_texts = 4096; // of one font: a screen of 3840 x 2160 shows about a thousand cells
}

CellText::Face::Face(const QFont& of)
    : font(of)
    , metrics(of)
    , raw(QRawFont::fromFont(of))
    , texts(most_texts) {
    for (const quint32 figure : raw.glyphIndexesForString(QStringLiteral("0123456789")))
        digit = std::max(digit, raw.advancesForGlyphIndexes({figure}).value(0).x());
}

CellText::Face& CellText::face(const QFont& font) {
    for (const auto& face : faces_)
        if (face->font == font) return *face;
    faces_.push_back(std::make_unique<Face>(font));
    return *faces_.back();
}

const QStaticText& CellText::laidOut(Face& face, const QString& text) {
    if (const QStaticText* known = face.texts.object(text)) return *known;
    auto* made = new QStaticText(text);
    made->setTextFormat(Qt::PlainText);
    made->prepare({}, face.font);
    face.texts.insert(text, made);
    return *made;
}

namespace {
bool is_number(const QString& text) {
    const qsizetype digit = text.startsWith(u'+') || text.startsWith(u'\u2212') || text.startsWith(u'-') ? 1 : 0;
    return text.size() > digit && text[digit].isDigit();
}

/// A number is never cut: without room first its interval goes, an ellipsis saying so where that has some, then all of
/// it. The tip has both.
template <class Width>
QString number_in(const QString& text, int room, const Width& width) {
    if (width(text) <= room) return text;
    static const QRegularExpression beginning(QStringLiteral(" ?[\\[\u00B1]"));
    const qsizetype interval = text.indexOf(beginning);
    const QString alone = interval > 0 ? text.left(interval).trimmed() : text, dots(QChar(u'\u2026'));
    if (const QString more = alone + u' ' + dots; interval > 0 && width(more) <= room) return more;
    return width(alone) <= room ? alone : dots;
}
} // namespace

const QStaticText& CellText::cut(Face& face, const QString& text, int room) {
    const QString key = text + QChar(0) + QString::number(room); // no cell shows such a text
    if (const QStaticText* known = face.texts.object(key)) return *known;
    const auto width = [&](const QString& part) { return face.metrics.horizontalAdvance(part); };
    auto* made = new QStaticText(is_number(text) ? number_in(text, room, width) : cut_middle(text, room, width));
    made->setTextFormat(Qt::PlainText);
    made->prepare({}, face.font);
    face.texts.insert(key, made);
    return *made;
}

CellText::Glyph CellText::glyph(Face& face, QChar letter) {
    if (const auto known = face.glyphs.constFind(letter); known != face.glyphs.constEnd()) return *known;
    Glyph made;
    made.index = face.raw.glyphIndexesForString(letter).value(0);
    made.advance = face.raw.advancesForGlyphIndexes({made.index}).value(0).x();
    if (letter >= u'0' && letter <= u'9') {
        made.left = (face.digit - made.advance) / 2;
        made.advance = face.digit;
    }
    return face.glyphs.insert(letter, made).value();
}

std::optional<CellText::Figures> CellText::figures(Face& face, const QString& text) {
    constexpr qsizetype longest = 40; // beyond, it is no number
    if (text.size() > longest) return std::nullopt;
    Figures found;
    QList<quint32> indexes;
    QList<QPointF> places;
    for (const QChar letter : text) {
        const Glyph drawn = glyph(face, letter);
        if (drawn.index == 0) return std::nullopt;
        indexes << drawn.index;
        places << QPointF(found.width + drawn.left, 0);
        found.width += drawn.advance;
    }
    found.glyphs.setRawFont(face.raw);
    found.glyphs.setGlyphIndexes(indexes);
    found.glyphs.setPositions(places);
    return found;
}

void CellText::draw(QPainter& painter, const QRect& rect, int alignment, const QString& text, const QFont& font,
                    const QColor& colour) {
    if (text.isEmpty() || rect.width() <= 0) return;
    Face& used = face(font);
    painter.setPen(colour);
    const double top = rect.top() + std::round((rect.height() - used.metrics.height()) / 2.0);
    const bool right = alignment & Qt::AlignRight;
    if (right)
        if (const auto number = figures(used, text); number && number->width <= rect.width())
            return painter.drawGlyphRun({rect.right() + 1 - number->width, top + used.metrics.ascent()},
                                        number->glyphs);
    const QStaticText* shown = &laidOut(used, text);
    if (shown->size().width() > rect.width()) shown = &cut(used, text, rect.width());
    const double spare = rect.width() - shown->size().width();
    painter.setFont(used.font);
    const double before = right ? spare : alignment & Qt::AlignHCenter ? spare / 2 : 0;
    painter.drawStaticText(QPointF(std::round(rect.left() + before), top), *shown);
}

int CellText::width(const QString& text, const QFont& font, int alignment) {
    if (text.isEmpty()) return 0;
    Face& used = face(font);
    if (alignment & Qt::AlignRight)
        if (const auto number = figures(used, text)) return static_cast<int>(std::ceil(number->width));
    return static_cast<int>(std::ceil(laidOut(used, text).size().width()));
}

} // namespace graticule
