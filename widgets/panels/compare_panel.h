// Two runs side by side: the paired difference in words, and every layer with its difference, worst first.
#pragma once

#include <QtCore/QStringList>
#include <QtWidgets/QWidget>
#include <vector>

#include "core/result/evaluation.h"
#include "core/result/layer_report.h"

class QComboBox;
class QLabel;
class QTableView;

namespace graticule {

class CompareTableModel;

struct RunChoice {
    int id = 0;
    QString name;
};

struct ComparedRuns {
    Comparison comparison;
    Evaluation a, b;
    std::vector<LayerReport> reports_a, reports_b; ///< empty: full precision
    QStringList recipes; ///< the lines that only one of the recipes has: "− ..." of A, "+ ..." of B
};

class ComparePanel final : public QWidget {
    Q_OBJECT
public:
    explicit ComparePanel(QWidget* parent = nullptr);
    void setRuns(const std::vector<RunChoice>& runs, int a, int b);
    void setComparison(const ComparedRuns& compared);
    void clearComparison(const QString& why);

Q_SIGNALS:
    void pairChosen(int a, int b);
    void baselineWanted(int run);

private:
    void sendPair();

    QComboBox *a_, *b_;
    QLabel *headline_, *detail_, *notes_, *recipes_;
    QTableView* table_;
    CompareTableModel* model_;
};

} // namespace graticule
