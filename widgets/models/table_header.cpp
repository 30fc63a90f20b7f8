#include "widgets/models/table_header.h"

#include <QtGui/QGuiApplication>
#include <QtGui/QHoverEvent>
#include <QtGui/QPainter>
#include <QtWidgets/QTableView>
#include <algorithm>

#include "widgets/theme/theme.h"

namespace graticule {

using theme::Token;

namespace {
constexpr int padding = 6, arrow_room = 12;

void draw_arrow(QPainter& painter, QPointF middle, bool up, const QColor& colour) {
    const double tip = up ? -2.5 : 2.5;
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setPen(Qt::NoPen);
    painter.setBrush(colour);
    painter.drawPolygon(QPolygonF(
        {{middle.x() - 3.5, middle.y() - tip}, {middle.x() + 3.5, middle.y() - tip}, {middle.x(), middle.y() + tip}}));
}
} // namespace

TableHeader::TableHeader(QWidget* parent)
    : QHeaderView(Qt::Horizontal, parent) {
    setSectionsClickable(true);
    setHighlightSections(false);
    setAttribute(Qt::WA_Hover);
    setFixedHeight(28);
}

void TableHeader::install(QTableView& view) { view.setHorizontalHeader(new TableHeader(&view)); }

void TableHeader::paintSection(QPainter* painter, const QRect& rect, int section) const {
    const theme::Theme& look = theme::of(palette());
    painter->save();
    painter->fillRect(rect, look[Token::panel]);
    painter->setPen(look[Token::border]);
    painter->drawLine(rect.bottomLeft(), rect.bottomRight());
    const bool sorted = isSortIndicatorShown() && sortIndicatorSection() == section;
    const auto alignment = Qt::Alignment(model()->headerData(section, orientation(), Qt::TextAlignmentRole).toInt());
    painter->setFont(theme::ui_font(12));
    const QFontMetrics metrics(painter->font());
    const QRect inside = rect.adjusted(padding, 0, -padding - (sorted ? arrow_room : 0), 0);
    QStringList lines = model()->headerData(section, orientation(), Qt::DisplayRole).toString().split(u'\n');
    for (QString& line : lines) line = metrics.elidedText(line, Qt::ElideRight, inside.width());
    const QString text = lines.join(u'\n');
    const QColor colour = look[sorted || section == hovered_ ? Token::text : Token::secondary];
    painter->setPen(colour);
    painter->drawText(inside, int(alignment | Qt::AlignVCenter) | (lines.size() > 1 ? 0 : Qt::TextSingleLine), text);
    if (sorted) {
        const int end = alignment & Qt::AlignRight ? inside.right() : inside.left() + metrics.horizontalAdvance(text);
        draw_arrow(*painter, {end + 8.0, rect.center().y() + 0.5}, sortIndicatorOrder() == Qt::AscendingOrder, colour);
    }
    painter->restore();
}

namespace {
int words_width(const QHeaderView& header, int section) {
    const QFontMetrics metrics(theme::ui_font(12));
    int width = 0;
    for (const QString& line : header.model()->headerData(section, header.orientation()).toString().split(u'\n'))
        width = std::max(width, metrics.horizontalAdvance(line));
    return width + 2 * padding + 1;
}
} // namespace

int TableHeader::needed(const QHeaderView& header, int section) {
    const bool sorted = header.isSortIndicatorShown() && header.sortIndicatorSection() == section;
    return std::max(words_width(header, section) + (sorted ? arrow_room + 1 : 0), header.minimumSectionSize());
}

bool TableHeader::isDrawn(const QHeaderView& header) {
    return QGuiApplication::mouseButtons() != Qt::NoButton && header.underMouse();
}

QSize TableHeader::sectionSizeFromContents(int section) const {
    return {words_width(*this, section) + arrow_room + 1, 28};
}

bool TableHeader::viewportEvent(QEvent* event) {
    const int before = hovered_;
    if (event->type() == QEvent::HoverMove || event->type() == QEvent::HoverEnter)
        hovered_ = logicalIndexAt(static_cast<QHoverEvent*>(event)->position().toPoint());
    if (event->type() == QEvent::HoverLeave) hovered_ = -1;
    if (before != hovered_) viewport()->update();
    return QHeaderView::viewportEvent(event);
}

} // namespace graticule
