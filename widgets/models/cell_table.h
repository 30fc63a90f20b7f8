// A table whose delegate paints all of a cell. It paints its ground itself, so that nothing behind it is painted and
// scrolling moves what is there: only the rows that come in are new.
#pragma once

#include <QtWidgets/QTableView>

namespace graticule {

class CellTable final : public QTableView {
    Q_OBJECT
public:
    /// With a TableHeader; no grid, and Tab leaves it while arrows walk in it.
    explicit CellTable(QWidget* parent = nullptr);

protected:
    void paintEvent(QPaintEvent* event) override;
};

} // namespace graticule
