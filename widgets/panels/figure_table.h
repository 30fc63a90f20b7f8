// A small table that a panel fills itself: names at the left, figures at the right, each heading over its column. Looks
// and behaves as the large tables do.
#pragma once

#include <QtWidgets/QTableWidget>
#include <vector>

namespace graticule {

class FigureTable final : public QTableWidget {
    Q_OBJECT
public:
    struct Column {
        QString title; ///< of one line or more
        bool figures = true;
        QString tip = {};
    };

    explicit FigureTable(const QString& accessible_name, QWidget* parent = nullptr);
    /// Empties it.
    void setShape(int rows, const std::vector<Column>& columns);
    QTableWidgetItem* put(int row, int column, const QString& text, const QString& tip = {});
    /// Columns as wide as what is in them; the last one takes the rest, or has no more than is there of it.
    void fit();
    /// False: the last column is as wide as what is in it too, and scrolls where that has no room.
    void setLastTakesRest(bool takes) { last_takes_rest_ = takes; }
    /// Whole, however low the panel: the plot above it gives way.
    void showAllRows();

protected:
    void changeEvent(QEvent* event) override;

private:
    [[nodiscard]] int headingHeight() const;

    bool last_takes_rest_ = true;
};

} // namespace graticule
