// Two runs side by side: the paired difference in words, and every layer with its difference, worst first. More runs
// beside them: one figure of every layer under all.
#pragma once

#include <QtCore/QStringList>
#include <QtWidgets/QWidget>
#include <vector>

#include "core/result/evaluation.h"
#include "core/result/layer_report.h"
#include "widgets/models/compare_many_model.h"
#include "widgets/panels/run_box.h"

class QBoxLayout;
class QComboBox;
class QLabel;
class QTableView;
class QToolButton;

namespace graticule {

class CompareTableModel;
class FittedColumns;

struct ComparedRuns {
    Comparison comparison;
    Evaluation a, b;
    std::vector<LayerReport> reports_a, reports_b;
    QString no_reports_a, no_reports_b; ///< why those are empty: "full precision has none"
    QStringList recipes;                ///< the lines that only one of the recipes has: "− ..." of A, "+ ..." of B
    QStringList current;                ///< lines of the recipe that is edited now
    std::vector<ManyRun> others;        ///< runs beside the two
};

class ComparePanel final : public QWidget {
    Q_OBJECT
public:
    explicit ComparePanel(QWidget* parent = nullptr);
    /// `others`: chosen beside the two.
    void setRuns(const std::vector<RunChoice>& runs, int a, int b, const std::vector<int>& others = {});
    void setComparison(const ComparedRuns& compared);
    void clearComparison(const QString& why);

Q_SIGNALS:
    void pairChosen(int a, int b);
    void baselineWanted(int run);
    void othersChosen(const std::vector<int>& runs); ///< beside A and B
    void lineTaken(const QString& line);             ///< of one of the recipes, into the one that is edited
    void lineDropped(const QString& line);           ///< from it

protected:
    void resizeEvent(QResizeEvent* event) override;

private:
    void sendPair();
    void buildChooser();
    void buildTable();
    void buildFigures();
    void showRecipes(const ComparedRuns& compared);
    void nameRuns(const std::vector<ManyRun>& runs);
    void showFigure();

    RunBox *a_, *b_;
    QBoxLayout* chooser_ = nullptr; // A beside B, or above it
    std::vector<RunChoice> runs_;   // that can be chosen
    std::vector<int> chosen_;       // of them: A, B, others
    QLabel *headline_, *detail_, *notes_, *recipes_;
    QTableView* table_;
    CompareTableModel* model_;
    QToolButton* others_;
    QWidget* figures_ = nullptr; // the row of the three below
    QComboBox *figure_, *mode_;
    QLabel* letters_;
    QTableView* many_table_;
    CompareManyModel* many_;
    FittedColumns *columns_ = nullptr, *columns_of_many_ = nullptr;
    QLabel *no_layers_ = nullptr, *no_layers_of_many_ = nullptr; // in the middle of the two tables
    QStringList lines_;                                          // that links of recipes_ are about
};

} // namespace graticule
