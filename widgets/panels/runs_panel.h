// The runs and what each lost against the baseline. Two selected runs can be compared layer by layer.
#pragma once

#include <QtWidgets/QWidget>
#include <set>
#include <vector>

#include "widgets/models/cell_text.h"
#include "widgets/models/run_table_model.h"
#include "widgets/panels/run_box.h"

class QTableView;
class QToolButton;

namespace graticule {

class PanelHeader;

class RunsPanel final : public QWidget {
    Q_OBJECT
public:
    explicit RunsPanel(QWidget* parent = nullptr);
    [[nodiscard]] PanelHeader* header() const { return header_; }
    void setRows(std::vector<RunRow> rows);
    [[nodiscard]] std::vector<int> selectedRuns() const; ///< ids, in the order of the table
    void selectRuns(const std::vector<int>& ids);
    void compareSelected(); ///< two runs or more, or one with the baseline
    [[nodiscard]] QTableView* table() const { return table_; }

Q_SIGNALS:
    void baselineChosen(int run);
    void compareWanted(int a, int b, const std::vector<int>& others);
    void recipeWanted(int run);      ///< load its recipe
    void commandLineWanted(int run); ///< copy it
    void removeWanted(int run);
    void exportWanted(int run);
    void continueWanted(int run); ///< one that was stopped
    void selectionChanged(const std::vector<int>& runs);

protected:
    bool eventFilter(QObject* watched, QEvent* event) override;
    void changeEvent(QEvent* event) override;

private:
    void shareWidth();
    [[nodiscard]] int needed(int column, bool telling = false); ///< pixels; not less than its heading takes
    void buildTable();
    void updateBaselines();
    void showMenu(const QPoint& at);

    PanelHeader* header_;
    RunBox* baseline_;
    QToolButton* compare_;
    QTableView* table_;
    RunTableModel* model_;
    CellText texts_;                   // for measuring
    std::set<int> ids_;                ///< of the runs that were there last
    std::vector<RunChoice> baselines_; // as the box has them
};

} // namespace graticule
