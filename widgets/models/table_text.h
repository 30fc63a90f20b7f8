// Any table as text: what "copy as CSV" puts on the clipboard and "save as CSV" writes.
#pragma once

#include <QtCore/QItemSelectionModel>
#include <QtCore/QString>

class QAbstractItemModel;
class QTableView;

namespace graticule {

/// Role that gives a cell as an exact value for files (a number with a point, not the rounded text on screen).
inline constexpr int ExportRole = Qt::UserRole + 100;

/// The visible columns of `view` in their order on screen: the selected rows, or all rows when none or one is selected.
[[nodiscard]] QString csv_of(const QTableView& view);
/// Every row and column.
[[nodiscard]] QString csv_of(const QAbstractItemModel& model);
[[nodiscard]] QString csv_field(const QString& text);

/// Gives `view` a Ctrl+C that copies CSV and a "Copy as CSV" action in its context menu.
void enable_csv_copy(QTableView& view);

} // namespace graticule
