// Any table as text: what "copy as CSV", "copy as Markdown" and "copy as JSON" put on the clipboard.
#pragma once

#include <QtCore/QItemSelectionModel>
#include <QtCore/QString>

class QAbstractItemModel;
class QTableView;
class QWidget;

namespace graticule {

/// Role that gives a cell as an exact value for files (a number with a point, not the rounded text on screen), and a
/// heading whole, where the screen has no room for it.
inline constexpr int ExportRole = Qt::UserRole + 100;

/// The heading of a column, whole where the screen has only room for a short form.
[[nodiscard]] QString whole_heading(const QAbstractItemModel& model, int column);

/// CSV and JSON hold exact values; Markdown is for people and holds the text on screen.
enum class TableFormat { csv, markdown, json };

/// The visible columns of `view` in their order on screen: the selected rows, or all rows when none or one is selected.
[[nodiscard]] QString table_as(TableFormat format, const QTableView& view);
/// Every row and column.
[[nodiscard]] QString csv_of(const QAbstractItemModel& model);
[[nodiscard]] QString csv_field(const QString& text);

/// Adds "Copy as CSV / Markdown / JSON" to `menu` (a QMenu, or a view with an actions menu).
void add_copy_actions(QTableView& view, QWidget& menu);
/// Gives `view` a Ctrl+C that copies CSV, and the three formats in its context menu.
void enable_copy(QTableView& view);

} // namespace graticule
