// The layer table with its filter line. Selecting rows is the program's selection of layers.
#pragma once

#include <QtCore/QSet>
#include <QtWidgets/QWidget>
#include <functional>
#include <vector>

#include "core/base/ids.h"
#include "widgets/models/cell_text.h"
#include "widgets/models/layer_row.h"

class QLabel;
class QLineEdit;
class QTableView;
class QTimer;
class QToolButton;

namespace graticule {

class EmptyHint;
class LayerFilterProxy;
class LayerTableModel;
class PanelHeader;

class LayersPanel final : public QWidget {
    Q_OBJECT
public:
    explicit LayersPanel(QWidget* parent = nullptr);
    [[nodiscard]] PanelHeader* header() const { return header_; }

    void setRows(std::vector<LayerRow> rows);
    void setSelection(const std::vector<LayerId>& layers); ///< emits nothing
    void focusFilter();
    void setFilterText(const QString& text);
    [[nodiscard]] QString filterText() const;
    void sortBy(int column, Qt::SortOrder order);
    /// By SQNR, unless somebody has chosen an order already.
    void sortWorstFirst();
    /// Whether somebody has selected rows by hand.
    [[nodiscard]] bool selectionChosen() const { return selection_chosen_; }
    [[nodiscard]] std::vector<LayerId> matching() const;
    [[nodiscard]] std::vector<LayerId> inSight() const; ///< of the rows that can be seen now, from the top
    [[nodiscard]] QTableView* table() const { return table_; }
    void showColumn(int column); ///< a LayerTableModel::Column, also where there is little room
    void resetColumns();         ///< as if nobody had drawn a width or ticked a column

Q_SIGNALS:
    void selectionChanged(const std::vector<graticule::LayerId>& layers);
    void explainWanted(graticule::LayerId layer, int column); ///< the computation behind the current cell's figure
    void sightChanged(); ///< other rows can be seen than before; a little after the last move
    /// The filter as a rule: a pattern that means the same, or empty and the layers it matches.
    void ruleWanted(const QString& pattern, const std::vector<graticule::LayerId>& layers);

protected:
    bool eventFilter(QObject* watched, QEvent* event) override;
    void changeEvent(QEvent* event) override;

private:
    void buildAnswer();
    void buildTable();
    void fitColumns();
    [[nodiscard]] int schemeWidth(qsizetype form); ///< pixels that the schemes take in that form
    void chooseSchemeWords();
    void showTickedColumns();
    void showWhatIsKnown();
    void sightMayChange();
    void keepInSight(const std::function<void()>& reorder); ///< the row that plots show, where it can be seen now
    [[nodiscard]] QModelIndex shown() const;                ///< that row; invalid: none, or filtered away
    void scrollTo(const QModelIndex& row);
    void filterChanged();
    void updateTitles();
    void sendSelection();

    PanelHeader* header_;
    QLineEdit* filter_;
    QWidget* answer_ = nullptr;
    QLabel* matches_;
    QToolButton* make_rule_;
    QTableView* table_;
    EmptyHint* hint_ = nullptr;
    LayerTableModel* model_;
    LayerFilterProxy* proxy_;
    CellText texts_;                // for measuring
    std::vector<LayerId> selected_; // also those that the filter hides; the one that plots show first
    QSet<int> known_;               // columns that are shown since there is something in them
    QSet<int> wanted_;              // columns that somebody ticked: they stay without room as well
    QTimer* sight_soon_ = nullptr;
    bool sort_chosen_ = false, selection_chosen_ = false;
    bool widths_chosen_ = false, fitting_ = false;
    bool quiet_ = false; // while the selection is set from outside
};

} // namespace graticule
