#include "widgets/panels/figure_table.h"

#include <QtWidgets/QHeaderView>
#include <algorithm>

#include "widgets/models/table_header.h"
#include "widgets/models/table_text.h"

namespace graticule {

namespace {
constexpr int row_height = 26;
} // namespace

FigureTable::FigureTable(const QString& accessible_name, QWidget* parent)
    : QTableWidget(parent) {
    TableHeader::install(*this);
    setAccessibleName(accessible_name);
    setEditTriggers(QAbstractItemView::NoEditTriggers);
    setFrameShape(QFrame::NoFrame);
    setShowGrid(false);
    setTabKeyNavigation(false); // Tab leaves the table; arrows walk in it
    verticalHeader()->hide();   // rows are named in the first column
    verticalHeader()->setDefaultSectionSize(row_height);
    enable_copy(*this);
}

void FigureTable::setShape(int rows, const std::vector<Column>& columns) {
    clear();
    setRowCount(rows);
    setColumnCount(static_cast<int>(columns.size()));
    for (int column = 0; column < columnCount(); ++column) {
        const Column& of = columns[static_cast<std::size_t>(column)];
        auto* heading = new QTableWidgetItem(of.title);
        heading->setTextAlignment((of.figures ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignVCenter);
        heading->setToolTip(of.tip);
        setHorizontalHeaderItem(column, heading);
    }
    horizontalHeader()->setFixedHeight(headingHeight());
}

QTableWidgetItem* FigureTable::put(int row, int column, const QString& text, const QString& tip) {
    auto* item = new QTableWidgetItem(text);
    item->setTextAlignment(Qt::Alignment(horizontalHeaderItem(column)->textAlignment()));
    item->setToolTip(tip);
    setItem(row, column, item);
    return item;
}

void FigureTable::fit() {
    resizeColumnsToContents();
    horizontalHeader()->setStretchLastSection(last_takes_rest_);
}

void FigureTable::showAllRows() {
    constexpr int scroll_bar = 8; // where the columns have no room
    setMinimumHeight(headingHeight() + rowCount() * row_height + scroll_bar);
}

void FigureTable::changeEvent(QEvent* event) {
    QTableWidget::changeEvent(event);
    if (event->type() == QEvent::StyleChange && columnCount() > 0) fit(); // texts of another size
}

int FigureTable::headingHeight() const {
    qsizetype lines = 1;
    for (int column = 0; column < columnCount(); ++column)
        if (const QTableWidgetItem* heading = horizontalHeaderItem(column))
            lines = std::max(lines, heading->text().count(u'\n') + 1);
    constexpr int padding = 12, line = 16;
    return padding + static_cast<int>(lines) * line;
}

} // namespace graticule
