// Tasks with right answers: which file, and what full precision and the recipe make of its items, side by side; the
// items whose answers flipped.
#pragma once

#include <QtWidgets/QFrame>
#include <functional>
#include <map>
#include <vector>

#include "core/result/task_run.h"

class QComboBox;
class QLabel;
class QPushButton;
class QSpinBox;

namespace graticule {

class FigureTable;
class PathEdit;

/// A task that can be asked, as a row of the chooser.
struct TaskEntry {
    QString name, label;
    QString reads;         ///< what a line of its file holds
    bool labels = false;   ///< answers may come in a file of their own
    bool examples = false; ///< solved examples may come first, from another file
};

struct TaskAsked {
    QString task, file;
    QString labels, examples; ///< files; empty: none
    qint64 items = 0;         ///< 0: all
};

/// An item in words, for the list of flips.
struct ItemWords {
    QString place, question, right, before, after; ///< `before`, `after`: what full precision and the recipe chose
};

class TaskPanel final : public QFrame {
    Q_OBJECT
public:
    explicit TaskPanel(const std::vector<TaskEntry>& tasks, QWidget* parent = nullptr);
    struct Shown {
        const TaskRun *baseline = nullptr, *recipe = nullptr;
        QString recipe_name;
        bool under_way = false;
        /// Item of both runs, judged by the scores or, with `norm`, by the scores per byte.
        std::function<ItemWords(std::size_t item, bool norm)> words;
    };
    void setRuns(const Shown& shown);
    void clearRuns(); ///< says how to get some
    [[nodiscard]] FigureTable* figures() const { return figures_; }
    [[nodiscard]] FigureTable* flipped() const { return flipped_; }
    [[nodiscard]] TaskAsked asked() const; ///< as it stands in the form
    void setAsked(const TaskAsked& asked);

Q_SIGNALS:
    void answersWanted(const graticule::TaskAsked& asked);
    void scoringChanged(); ///< the flips are to be told by other scores

private:
    void chooseTask(int at);
    void updateButton();
    void fillFigures(const Shown& shown);
    void fillFlips(const Shown& shown);

    std::vector<TaskEntry> tasks_;
    std::map<QString, TaskAsked> files_; ///< as they were chosen last for each task
    QString chosen_;                     ///< TaskEntry::name
    QLabel *headline_, *note_, *verdict_;
    QComboBox *task_, *scoring_;
    PathEdit *file_, *labels_, *examples_;
    QSpinBox* items_;
    QPushButton* answer_;
    FigureTable *figures_, *flipped_;
};

} // namespace graticule
