// Jobs with progress and a cross that cancels, beside them the log, and what somebody wrote down.
#pragma once

#include <QtWidgets/QWidget>
#include <functional>
#include <vector>

#include "widgets/models/job_list_model.h"

class QKeySequence;
class QListView;
class QModelIndex;
class QPlainTextEdit;
class QTabWidget;

namespace graticule {

class JobsPanel final : public QWidget {
    Q_OBJECT
public:
    explicit JobsPanel(QWidget* parent = nullptr);
    void setRows(std::vector<JobRow> rows);
    void addLogLine(const QString& line);
    [[nodiscard]] QString logText() const;
    void setNotes(const QString& text); ///< tells nobody
    [[nodiscard]] QString notes() const;
    void showLog();
    void showJobs();

Q_SIGNALS:
    void cancelWanted(int job);
    void holdWanted(int job, bool held);
    void moveWanted(int job, int before); ///< before 0: last
    void notesEdited();

private:
    void addKey(const QString& text, const QKeySequence& keys, std::function<void(const QModelIndex&)> act);

    QTabWidget* tabs_;
    QListView* list_;
    JobListModel* model_;
    QPlainTextEdit *log_, *notes_;
};

} // namespace graticule
