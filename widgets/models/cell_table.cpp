#include "widgets/models/cell_table.h"

#include <QtGui/QPaintEvent>
#include <QtGui/QPainter>

#include "widgets/models/table_header.h"
#include "widgets/theme/theme.h"

namespace graticule {

CellTable::CellTable(QWidget* parent)
    : QTableView(parent) {
    TableHeader::install(*this);
    setShowGrid(false);
    setTabKeyNavigation(false);
    // A style sheet takes an area's own ground away: every scrolled line would be painted again, with all that is
    // behind.
    viewport()->setAttribute(Qt::WA_OpaquePaintEvent);
}

void CellTable::paintEvent(QPaintEvent* event) {
    QPainter painter(viewport());
    const QColor ground = theme::of(palette())[theme::Token::panel];
    for (const QRect& part : event->region()) painter.fillRect(part, ground);
    painter.end();
    QTableView::paintEvent(event);
}

} // namespace graticule
