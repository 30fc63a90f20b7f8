// Texts of table cells, one line each. Laying out a text takes longer than all else that a cell needs, and most frames
// show what the one before showed: words are laid out once and kept. Numbers, which change all the time, need no
// layout: their digits stand in cells of one width (tabular figures), so that columns line up.
#pragma once

#include <QtCore/QCache>
#include <QtCore/QHash>
#include <QtCore/QString>
#include <QtGui/QFont>
#include <QtGui/QFontMetrics>
#include <QtGui/QGlyphRun>
#include <QtGui/QRawFont>
#include <QtGui/QStaticText>
#include <memory>
#include <optional>
#include <vector>

class QColor;
class QPainter;
class QRect;

namespace graticule {

class CellText {
public:
    /// `text` in the middle of `rect`'s height, at the side that `alignment` says: numbers stand at the right. Cut in
    /// the middle where it is too long: the telling end of a name is its last part, of a scheme its methods.
    void draw(QPainter& painter, const QRect& rect, int alignment, const QString& text, const QFont& font,
              const QColor& colour);
    /// Logical pixels that draw() needs.
    [[nodiscard]] int width(const QString& text, const QFont& font, int alignment);

private:
    struct Glyph {
        quint32 index = 0; ///< 0: the font has none
        double advance = 0, left = 0;
    };
    struct Figures {
        QGlyphRun glyphs;
        double width = 0;
    };
    struct Face {
        explicit Face(const QFont& of);
        QFont font;
        QFontMetrics metrics;
        QRawFont raw;
        QCache<QString, QStaticText> texts;
        QHash<QChar, Glyph> glyphs;
        double digit = 0; ///< the widest one's advance
    };
    [[nodiscard]] Face& face(const QFont& font);
    [[nodiscard]] static const QStaticText& laidOut(Face& face, const QString& text);
    [[nodiscard]] static const QStaticText& cut(Face& face, const QString& text, int room);
    /// Absent where a letter is not in the font itself.
    [[nodiscard]] static std::optional<Figures> figures(Face& face, const QString& text);
    [[nodiscard]] static Glyph glyph(Face& face, QChar letter);

    std::vector<std::unique_ptr<Face>> faces_; // a table has two or three
};

} // namespace graticule
