#include "widgets/panels/jobs_panel.h"

#include <QtCore/QTime>
#include <QtWidgets/QListView>
#include <QtWidgets/QPlainTextEdit>
#include <QtWidgets/QTabWidget>
#include <QtWidgets/QVBoxLayout>
#include <algorithm>

#include "widgets/models/empty_hint.h"
#include "widgets/models/table_delegates.h"

namespace graticule {

JobsPanel::JobsPanel(QWidget* parent)
    : QWidget(parent)
    , tabs_(new QTabWidget)
    , list_(new QListView)
    , model_(new JobListModel(this))
    , log_(new QPlainTextEdit) {
    auto* delegate = new JobDelegate(list_);
    list_->setModel(model_);
    new EmptyHint(*list_, tr("What runs, waits and is done is listed here"));
    list_->setItemDelegate(delegate);
    list_->setAccessibleName(tr("Jobs"));
    list_->setSelectionMode(QAbstractItemView::SingleSelection);
    list_->setVerticalScrollMode(QAbstractItemView::ScrollPerPixel);
    list_->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    list_->setToolTip(tr("Del cancels the selected job"));
    log_->setReadOnly(true);
    log_->setTabChangesFocus(true);
    log_->setProperty("mono", true);
    log_->setAccessibleName(tr("Log"));
    log_->setMaximumBlockCount(20'000);
    log_->setFrameShape(QFrame::NoFrame);
    tabs_->setDocumentMode(true);
    tabs_->addTab(list_, tr("Jobs"));
    tabs_->addTab(log_, tr("Log"));
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, 0, 0, 0);
    column->addWidget(tabs_);
    connect(delegate, &JobDelegate::cancelClicked, this, &JobsPanel::cancelWanted);
    auto* cancel = new QAction(tr("Cancel job"), list_);
    cancel->setShortcut(QKeySequence::Delete);
    cancel->setShortcutContext(Qt::WidgetShortcut);
    connect(cancel, &QAction::triggered, this, [this] {
        if (list_->currentIndex().isValid())
            Q_EMIT cancelWanted(list_->currentIndex().data(JobListModel::JobRole).toInt());
    });
    list_->addAction(cancel);
    list_->setContextMenuPolicy(Qt::ActionsContextMenu);
}

void JobsPanel::setRows(std::vector<JobRow> rows) {
    // Running on top, then what waits, then the finished, newest first.
    const auto rank = [](const JobRow& row) {
        return row.state == JobState::running ? 0 : row.state == JobState::waiting ? 1 : 2;
    };
    std::stable_sort(rows.begin(), rows.end(), [&](const JobRow& a, const JobRow& b) {
        if (rank(a) != rank(b)) return rank(a) < rank(b);
        return rank(a) == 2 ? a.id > b.id : a.id < b.id;
    });
    std::vector<int> before, after;
    for (const JobRow& row : model_->rows()) before.push_back(row.id * 8 + static_cast<int>(row.state));
    for (const JobRow& row : rows) after.push_back(row.id * 8 + static_cast<int>(row.state));
    model_->setRows(std::move(rows));
    if (before != after) list_->doItemsLayout(); // the running line is taller
}

void JobsPanel::addLogLine(const QString& line) {
    log_->appendPlainText(QTime::currentTime().toString(QStringLiteral("HH:mm:ss  ")) + line);
}

QString JobsPanel::logText() const { return log_->toPlainText(); }

void JobsPanel::showLog() { tabs_->setCurrentWidget(log_); }
void JobsPanel::showJobs() { tabs_->setCurrentWidget(list_); }

} // namespace graticule
