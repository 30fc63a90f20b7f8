#include "widgets/panels/jobs_panel.h"

#include <QtCore/QSignalBlocker>
#include <QtCore/QTime>
#include <QtWidgets/QListView>
#include <QtWidgets/QPlainTextEdit>
#include <QtWidgets/QScrollBar>
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
    , log_(new QPlainTextEdit)
    , notes_(new QPlainTextEdit) {
    auto* delegate = new JobDelegate(list_);
    list_->setModel(model_);
    new EmptyHint(*list_, tr("What runs, waits and is done is listed here"));
    list_->setItemDelegate(delegate);
    list_->setAccessibleName(tr("Jobs"));
    list_->setSelectionMode(QAbstractItemView::SingleSelection);
    list_->setVerticalScrollMode(QAbstractItemView::ScrollPerPixel);
    list_->setResizeMode(QListView::Adjust); // titles without room beside their details stand above them
    list_->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    log_->setReadOnly(true);
    log_->setTabChangesFocus(true);
    log_->setProperty("mono", true);
    log_->setAccessibleName(tr("Log"));
    log_->setMaximumBlockCount(20'000);
    log_->setFrameShape(QFrame::NoFrame);
    tabs_->setDocumentMode(true);
    tabs_->addTab(list_, tr("Jobs"));
    tabs_->addTab(log_, tr("Log"));
    tabs_->addTab(notes_, tr("Notes"));
    notes_->setPlaceholderText(tr("What you noticed: it stays with the model's session and its unsaved work"));
    notes_->setTabChangesFocus(true);
    notes_->setAccessibleName(tr("Notes"));
    notes_->setFrameShape(QFrame::NoFrame);
    connect(notes_, &QPlainTextEdit::textChanged, this, &JobsPanel::notesEdited);
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, 0, 0, 0);
    column->addWidget(tabs_);
    connect(delegate, &JobDelegate::cancelClicked, this, &JobsPanel::cancelWanted);
    connect(delegate, &JobDelegate::holdClicked, this, &JobsPanel::holdWanted);
    connect(model_, &JobListModel::moveWanted, this, &JobsPanel::moveWanted);
    list_->setDragDropMode(QAbstractItemView::InternalMove);
    list_->setDragDropOverwriteMode(false);
    const auto id_of = [](const QModelIndex& index) { return index.data(JobListModel::JobRole).toInt(); };
    addKey(tr("Pause or go on"), Qt::Key_Space, [this, id_of](const QModelIndex& index) {
        if (const QVariant held = index.data(JobListModel::HeldRole); held.isValid())
            Q_EMIT holdWanted(id_of(index), !held.toBool());
    });
    addKey(tr("Cancel job"), QKeySequence::Delete,
           [this, id_of](const QModelIndex& index) { Q_EMIT cancelWanted(id_of(index)); });
    addKey(tr("Earlier in the queue"), QKeySequence(Qt::CTRL | Qt::Key_Up),
           [this](const QModelIndex& index) { model_->moveOne(index, true); });
    addKey(tr("Later in the queue"), QKeySequence(Qt::CTRL | Qt::Key_Down),
           [this](const QModelIndex& index) { model_->moveOne(index, false); });
    list_->setContextMenuPolicy(Qt::ActionsContextMenu);
}

void JobsPanel::addKey(const QString& text, const QKeySequence& keys, std::function<void(const QModelIndex&)> act) {
    auto* action = new QAction(text, list_);
    action->setShortcut(keys);
    action->setShortcutContext(Qt::WidgetShortcut);
    connect(action, &QAction::triggered, this, [this, act = std::move(act)] {
        if (list_->currentIndex().isValid()) act(list_->currentIndex());
    });
    list_->addAction(action);
}

void JobsPanel::setRows(std::vector<JobRow> rows) {
    // Running on top, then what waits, then the finished, newest first.
    const auto rank = [](const JobRow& row) {
        return row.state == JobState::running ? 0 : row.state == JobState::waiting ? 1 : 2;
    };
    std::stable_sort(rows.begin(), rows.end(), [&](const JobRow& a, const JobRow& b) {
        if (rank(a) != rank(b)) return rank(a) < rank(b);
        return rank(a) == 2 ? a.id > b.id : a.place < b.place;
    });
    std::vector<int> before, after;
    for (const JobRow& row : model_->rows()) before.push_back(row.id * 8 + static_cast<int>(row.state));
    for (const JobRow& row : rows) after.push_back(row.id * 8 + static_cast<int>(row.state));
    const int current = list_->currentIndex().data(JobListModel::JobRole).toInt();
    const int scrolled = list_->verticalScrollBar()->value(); // progress moves nothing
    model_->setRows(std::move(rows));
    // The line that somebody works on stays the one, wherever it has moved.
    for (int row = 0; row < model_->rowCount() && current != 0; ++row)
        if (const QModelIndex index = model_->index(row); index.data(JobListModel::JobRole).toInt() == current)
            list_->setCurrentIndex(index);
    if (before != after) list_->doItemsLayout(); // the running line is taller
    list_->verticalScrollBar()->setValue(scrolled);
}

void JobsPanel::addLogLine(const QString& line) {
    log_->appendPlainText(QTime::currentTime().toString(QStringLiteral("HH:mm:ss  ")) + line);
}

QString JobsPanel::logText() const { return log_->toPlainText(); }

void JobsPanel::setNotes(const QString& text) {
    const QSignalBlocker quiet(this);
    notes_->setPlainText(text);
}

QString JobsPanel::notes() const { return notes_->toPlainText(); }

void JobsPanel::showLog() { tabs_->setCurrentWidget(log_); }

void JobsPanel::showJobs() {
    tabs_->setCurrentWidget(list_);
    list_->scrollToTop(); // to what was just asked for
}

} // namespace graticule
