#include "widgets/models/table_text.h"

#include <QtCore/QAbstractItemModel>
#include <QtCore/QJsonArray>
#include <QtCore/QJsonDocument>
#include <QtCore/QJsonObject>
#include <QtGui/QAction>
#include <QtGui/QClipboard>
#include <QtGui/QGuiApplication>
#include <QtWidgets/QHeaderView>
#include <QtWidgets/QTableView>
#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

namespace graticule {

namespace {
struct Part {
    const QAbstractItemModel& model;
    std::vector<int> rows, columns;
};

QVariant exact_value(const QModelIndex& index) {
    const QVariant exact = index.data(ExportRole);
    return exact.isValid() ? exact : index.data(Qt::DisplayRole);
}

QString heading(const Part& part, int column) { return whole_heading(part.model, column); }

QString as_csv(const Part& part) {
    QString text;
    const auto add_line = [&](auto cell) {
        for (std::size_t i = 0; i < part.columns.size(); ++i)
            text += (i ? QStringLiteral(",") : QString()) + csv_field(cell(part.columns[i]));
        text += u'\n';
    };
    add_line([&](int column) { return heading(part, column); });
    for (const int row : part.rows)
        add_line([&](int column) { return exact_value(part.model.index(row, column)).toString(); });
    return text;
}

QString as_markdown(const Part& part) {
    QString text;
    const auto add_line = [&](auto cell) {
        text += u'|';
        for (const int column : part.columns)
            text +=
                u' ' + cell(column).replace(u'|', QStringLiteral("\\|")).replace(u'\n', u' ') + QStringLiteral(" |");
        text += u'\n';
    };
    add_line([&](int column) { return heading(part, column); });
    text += u'|';
    for (const int column : part.columns) {
        const int alignment = part.model.headerData(column, Qt::Horizontal, Qt::TextAlignmentRole).toInt();
        text += alignment & Qt::AlignRight ? QStringLiteral("---:|") : QStringLiteral("---|");
    }
    text += u'\n';
    for (const int row : part.rows)
        add_line([&](int column) { return part.model.index(row, column).data(Qt::DisplayRole).toString(); });
    return text;
}

QString as_json(const Part& part) {
    QJsonArray lines;
    for (const int row : part.rows) {
        QJsonObject line;
        for (const int column : part.columns) {
            const QVariant value = exact_value(part.model.index(row, column));
            line.insert(heading(part, column), value.isValid() ? QJsonValue::fromVariant(value) : QJsonValue());
        }
        lines.append(line);
    }
    return QString::fromUtf8(QJsonDocument(lines).toJson());
}

std::vector<int> counting(int count) {
    std::vector<int> numbers(static_cast<std::size_t>(count));
    std::iota(numbers.begin(), numbers.end(), 0);
    return numbers;
}

/// `all_columns`: also those that are not shown, by choice or for want of room.
Part part_of(const QTableView& view, bool all_columns) {
    Part part{*view.model(), {}, {}};
    for (int visual = 0; visual < view.horizontalHeader()->count(); ++visual) {
        const int logical = view.horizontalHeader()->logicalIndex(visual);
        if (all_columns || !view.isColumnHidden(logical)) part.columns.push_back(logical);
    }
    if (view.selectionModel())
        for (const QModelIndex& index : view.selectionModel()->selectedRows()) part.rows.push_back(index.row());
    std::sort(part.rows.begin(), part.rows.end());
    if (part.rows.size() < 2) part.rows = counting(view.model()->rowCount());
    return part;
}
} // namespace

QString whole_heading(const QAbstractItemModel& model, int column) {
    const QVariant whole = model.headerData(column, Qt::Horizontal, ExportRole);
    return whole.isValid() ? whole.toString() : model.headerData(column, Qt::Horizontal).toString();
}

QString csv_field(const QString& text) {
    if (!text.contains(u',') && !text.contains(u'"') && !text.contains(u'\n')) return text;
    QString quoted = text;
    quoted.replace(u'"', QStringLiteral("\"\""));
    return u'"' + quoted + u'"';
}

QString csv_of(const QAbstractItemModel& model) {
    return as_csv({model, counting(model.rowCount()), counting(model.columnCount())});
}

QString table_as(TableFormat format, const QTableView& view) {
    const Part part = part_of(view, format != TableFormat::markdown); // which is what one sees
    switch (format) {
    case TableFormat::markdown:
        return as_markdown(part);
    case TableFormat::json:
        return as_json(part);
    case TableFormat::csv:
        break;
    }
    return as_csv(part);
}

void add_copy_actions(QTableView& view, QWidget& menu) {
    const std::pair<TableFormat, QString> formats[] = {{TableFormat::csv, QObject::tr("Copy as CSV")},
                                                       {TableFormat::markdown, QObject::tr("Copy as Markdown")},
                                                       {TableFormat::json, QObject::tr("Copy as JSON")}};
    for (const auto& [format, text] : formats) {
        auto* copy = new QAction(text, &menu);
        QObject::connect(copy, &QAction::triggered, &view,
                         [&view, format = format] { QGuiApplication::clipboard()->setText(table_as(format, view)); });
        menu.addAction(copy);
    }
}

void enable_copy(QTableView& view) {
    add_copy_actions(view, view);
    QAction* csv = view.actions().at(view.actions().size() - 3);
    csv->setShortcut(QKeySequence::Copy);
    csv->setShortcutContext(Qt::WidgetShortcut);
    view.setContextMenuPolicy(Qt::ActionsContextMenu);
}

} // namespace graticule
