// Columns as wide as what stands in them, in a table that may be wider than its view: numbers are whole, and none is cut
// at the edge.
#pragma once

#include <QtCore/QObject>
#include <vector>

#include "widgets/models/cell_text.h"

class QTableView;

namespace graticule {

class FittedColumns final : public QObject {
public:
    /// Belongs to `table`, whose delegate draws 12 px Inter with the usual padding. A width that somebody draws ends it.
    explicit FittedColumns(QTableView& table);
    /// When rows, headings or the columns that are shown have changed. Where all columns have room there is
    /// some air between them; else those that fit share it, so that the next begins behind the edge, to be scrolled to.
    void fit();

protected:
    bool eventFilter(QObject* watched, QEvent* event) override;

private:
    void share();

    QTableView& table_;
    CellText texts_;            // for measuring
    std::vector<int> contents_; // pixels, by section
    bool fitting_ = false, drawn_ = false;
};

} // namespace graticule
