#include "widgets/models/fitted_columns.h"

#include <QtCore/QEvent>
#include <QtWidgets/QTableView>
#include <algorithm>
#include <utility>

#include "widgets/models/table_header.h"
#include "widgets/theme/theme.h"

namespace graticule {

FittedColumns::FittedColumns(QTableView& table)
    : QObject(&table)
    , table_(table) {
    table.setHorizontalScrollMode(QAbstractItemView::ScrollPerItem); // nor is one cut at the left
    table.installEventFilter(this);
    table.viewport()->installEventFilter(this);
    const QHeaderView* header = table.horizontalHeader();
    connect(header, &QHeaderView::sortIndicatorChanged, this, &FittedColumns::share); // its arrow takes room
    connect(header, &QHeaderView::sectionResized, this,
            [this, header] { drawn_ = drawn_ || (!fitting_ && TableHeader::isDrawn(*header)); });
}

bool FittedColumns::eventFilter(QObject* watched, QEvent* event) {
    if (watched == table_.viewport() && event->type() == QEvent::Resize) share();
    if (watched == &table_ && event->type() == QEvent::StyleChange) fit(); // texts of another size
    return QObject::eventFilter(watched, event);
}

void FittedColumns::fit() {
    constexpr int padding = 12;
    const QAbstractItemModel* model = table_.model();
    if (drawn_ || !model) return;
    const QHeaderView& header = *table_.horizontalHeader();
    const QFont font = theme::ui_font(12);
    contents_.assign(static_cast<std::size_t>(header.count()), 0);
    for (int section = 0; section < header.count(); ++section) {
        if (header.isSectionHidden(section)) continue;
        const int side = model->headerData(section, Qt::Horizontal, Qt::TextAlignmentRole).toInt();
        int& widest = contents_[static_cast<std::size_t>(section)];
        for (int row = 0; row < model->rowCount(); ++row)
            widest = std::max(widest, padding + texts_.width(model->index(row, section).data().toString(), font, side));
    }
    share();
}

void FittedColumns::share() {
    constexpr int most_air = 24;
    QHeaderView& header = *table_.horizontalHeader();
    const int room = table_.viewport()->width();
    if (drawn_ || room <= 0 || std::cmp_not_equal(contents_.size(), header.count())) return;
    struct Column {
        int section, width;
    };
    std::vector<Column> shown; // as they stand
    for (int visual = 0; visual < header.count(); ++visual) {
        const int section = header.logicalIndex(visual);
        if (header.isSectionHidden(section)) continue;
        const int needed = std::max(contents_[static_cast<std::size_t>(section)], TableHeader::needed(header, section));
        shown.push_back({section, std::min(needed, room)});
    }
    std::size_t whole = 0; // how many of them
    int spare = room;
    while (whole < shown.size() && shown[whole].width <= spare) spare -= shown[whole++].width;
    const int most = whole == shown.size() ? theme::scaled(most_air) : room;
    fitting_ = true;
    for (std::size_t i = 0; i < shown.size(); ++i) {
        const int air = i < whole ? std::min(spare / static_cast<int>(whole - i), most) : 0;
        spare -= air;
        header.resizeSection(shown[i].section, shown[i].width + air);
    }
    fitting_ = false;
}

} // namespace graticule
