#include "widgets/models/table_text.h"

#include <QtCore/QAbstractItemModel>
#include <QtGui/QAction>
#include <QtGui/QClipboard>
#include <QtGui/QGuiApplication>
#include <QtWidgets/QHeaderView>
#include <QtWidgets/QTableView>
#include <algorithm>
#include <numeric>
#include <vector>

namespace graticule {

namespace {
QString cell_text(const QAbstractItemModel& model, int row, int column) {
    const QModelIndex index = model.index(row, column);
    const QVariant exact = index.data(ExportRole);
    return csv_field((exact.isValid() ? exact : index.data(Qt::DisplayRole)).toString());
}

QString rows_as_csv(const QAbstractItemModel& model, const std::vector<int>& rows, const std::vector<int>& columns) {
    QString text;
    const auto add_line = [&](auto cell) {
        for (std::size_t i = 0; i < columns.size(); ++i)
            text += (i ? QStringLiteral(",") : QString()) + cell(columns[i]);
        text += u'\n';
    };
    add_line([&](int column) { return csv_field(model.headerData(column, Qt::Horizontal).toString()); });
    for (int row : rows) add_line([&](int column) { return cell_text(model, row, column); });
    return text;
}

std::vector<int> counting(int count) {
    std::vector<int> numbers(static_cast<std::size_t>(count));
    std::iota(numbers.begin(), numbers.end(), 0);
    return numbers;
}
} // namespace

QString csv_field(const QString& text) {
    if (!text.contains(u',') && !text.contains(u'"') && !text.contains(u'\n')) return text;
    QString quoted = text;
    quoted.replace(u'"', QStringLiteral("\"\""));
    return u'"' + quoted + u'"';
}

QString csv_of(const QAbstractItemModel& model) {
    return rows_as_csv(model, counting(model.rowCount()), counting(model.columnCount()));
}

QString csv_of(const QTableView& view) {
    std::vector<int> columns;
    for (int visual = 0; visual < view.horizontalHeader()->count(); ++visual) {
        const int logical = view.horizontalHeader()->logicalIndex(visual);
        if (!view.isColumnHidden(logical)) columns.push_back(logical);
    }
    std::vector<int> rows;
    if (view.selectionModel())
        for (const QModelIndex& index : view.selectionModel()->selectedRows()) rows.push_back(index.row());
    std::sort(rows.begin(), rows.end());
    if (rows.size() < 2) rows = counting(view.model()->rowCount());
    return rows_as_csv(*view.model(), rows, columns);
}

void enable_csv_copy(QTableView& view) {
    auto* copy = new QAction(QObject::tr("Copy as CSV"), &view);
    copy->setShortcut(QKeySequence::Copy);
    copy->setShortcutContext(Qt::WidgetShortcut);
    QObject::connect(copy, &QAction::triggered, &view,
                     [&view] { QGuiApplication::clipboard()->setText(csv_of(view)); });
    view.addAction(copy);
    view.setContextMenuPolicy(Qt::ActionsContextMenu);
}

} // namespace graticule
