#include "widgets/models/job_list_model.h"

#include <QtCore/QMimeData>
#include <QtCore/QStringList>
#include <algorithm>
#include <cmath>

#include "widgets/models/number_text.h"

namespace graticule {

JobListModel::JobListModel(QObject* parent)
    : QAbstractListModel(parent) {}

void JobListModel::setRows(std::vector<JobRow> rows) {
    if (rows == rows_) return; // nothing is painted again when nothing has changed
    const bool same = std::equal(rows.begin(), rows.end(), rows_.begin(), rows_.end(),
                                 [](const JobRow& a, const JobRow& b) { return a.id == b.id; });
    if (same) {
        rows_ = std::move(rows);
        if (!rows_.empty()) Q_EMIT dataChanged(index(0), index(rowCount() - 1));
        return;
    }
    beginResetModel();
    rows_ = std::move(rows);
    endResetModel();
}

int JobListModel::rowCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : static_cast<int>(rows_.size());
}

namespace {
/// "Quantize w=int4" while it is "Quantizing": a job of one stage, whose counts and time left are those of the whole.
bool saysItsStage(const JobRow& row) {
    constexpr qsizetype stem = 5;
    return row.stage.isEmpty() || row.title.startsWith(row.stage.first(std::min(stem, row.stage.size())));
}
} // namespace

QString JobListModel::detail(const JobRow& row) const {
    switch (row.state) {
    case JobState::waiting:
        return tr("waiting");
    case JobState::cancelled:
        return tr("cancelled");
    case JobState::failed:
        return tr("failed: %1").arg(row.error.section(u'\n', 0, 0));
    case JobState::skipped:
        return tr("not run");
    case JobState::done:
        if (!row.note.isEmpty()) return tr("%1, %2").arg(row.note, duration_text(row.seconds));
        return row.tokens_per_second > 0
                   ? tr("done, %1 · %2 tok/s").arg(duration_text(row.seconds), count_text(row.tokens_per_second))
                   : tr("done, %1").arg(duration_text(row.seconds));
    case JobState::running:
        break;
    }
    if (row.stopping) return tr("stopping …");
    QStringList parts;
    if (row.held) parts << (row.error.isEmpty() ? tr("paused") : tr("paused: %1").arg(row.error.section(u'\n', 0, 0)));
    if (row.share) parts << tr("%1 %").arg(std::floor(100 * *row.share));
    if (row.total > 0) {
        const QString count = tr("%1 of %2").arg(thousands_text(row.done), thousands_text(row.total));
        parts << (saysItsStage(row) ? count : row.stage.section(u' ', 0, 0).toLower() + u' ' + count);
    } else if (!row.stage.isEmpty()) {
        parts << row.stage;
    }
    if (row.tokens_per_second > 0) parts << tr("%1 tok/s").arg(count_text(row.tokens_per_second));
    if (row.card > 0)
        parts << tr("%1 on the card").arg(bytes_text(row.card));
    else if (row.memory > 0)
        parts << bytes_text(row.memory);
    if (row.seconds_left) // how long later stages take is not known before they begin
        parts << (row.share || saysItsStage(row) ? tr("%1 left") : tr("%1 left of this stage"))
                     .arg(duration_text(*row.seconds_left));
    return parts.join(QStringLiteral(" · "));
}

QString JobListModel::tip(const JobRow& row) {
    QStringList lines{row.stage};
    if (row.memory > 0)
        lines << tr("memory of the program: %1 now, %2 at most since it began")
                     .arg(bytes_text(row.memory), bytes_text(row.memory_peak));
    if (row.card_peak > 0)
        lines << tr("memory of the card: %1 now, %2 at most during this job")
                     .arg(bytes_text(row.card), bytes_text(row.card_peak));
    if (row.state == JobState::running)
        lines << (row.held ? tr("Space lets it go on") : tr("Space pauses it at its next step; Del cancels it"));
    if (row.state == JobState::waiting) lines << tr("Drag it, or Ctrl+Up and Ctrl+Down: its place in the queue");
    lines.removeAll(QString());
    return lines.join(u'\n');
}

int JobListModel::waitingAt(int row) const {
    if (row < 0 || row >= rowCount()) return 0;
    const JobRow& job = rows_[static_cast<std::size_t>(row)];
    return job.state == JobState::waiting ? job.id : 0;
}

Qt::ItemFlags JobListModel::flags(const QModelIndex& index) const {
    if (!index.isValid()) return Qt::ItemIsDropEnabled; // between the lines
    const Qt::ItemFlags flags = QAbstractListModel::flags(index);
    return waitingAt(index.row()) ? flags | Qt::ItemIsDragEnabled : flags;
}

namespace {
const QString dragged_job = QStringLiteral("application/x-graticule-job");
}

QStringList JobListModel::mimeTypes() const { return {dragged_job}; }

QMimeData* JobListModel::mimeData(const QModelIndexList& indexes) const {
    auto* data = new QMimeData;
    if (!indexes.isEmpty()) data->setData(dragged_job, QByteArray::number(indexes.front().data(JobRole).toInt()));
    return data;
}

bool JobListModel::dropMimeData(const QMimeData* data, Qt::DropAction, int row, int, const QModelIndex&) {
    const int job = data->data(dragged_job).toInt();
    if (job == 0) return false;
    // Above the line that runs there is no place, below the last that waits there is one.
    while (row >= 0 && row < rowCount() && rows_[static_cast<std::size_t>(row)].state == JobState::running) ++row;
    Q_EMIT moveWanted(job, waitingAt(row));
    return false; // the rows follow the queue, not the view
}

void JobListModel::moveOne(const QModelIndex& index, bool forward) {
    const int job = waitingAt(index.row());
    if (job == 0) return;
    const int behind = waitingAt(index.row() + 1), before = waitingAt(index.row() - 1);
    if (forward && before) Q_EMIT moveWanted(job, before);
    if (!forward && behind) Q_EMIT moveWanted(job, waitingAt(index.row() + 2));
}

QVariant JobListModel::data(const QModelIndex& index, int role) const {
    if (!checkIndex(index, CheckIndexOption::IndexIsValid)) return {};
    const JobRow& row = rows_[static_cast<std::size_t>(index.row())];
    const bool live = row.state == JobState::running || row.state == JobState::waiting;
    switch (role) {
    case Qt::DisplayRole:
        return row.title;
    case DetailRole:
        return detail(row);
    case StateRole:
        return static_cast<int>(row.state);
    case JobRole:
        return row.id;
    case ShareRole:
        if (row.state != JobState::running) return {};
        if (row.share) return *row.share;
        return row.total > 0 ? static_cast<double>(row.done) / static_cast<double>(row.total) : 0.0;
    case CanCancelRole:
        return live && !row.stopping;
    case Qt::ToolTipRole:
        if (row.error.isEmpty()) return tip(row);
        return row.state == JobState::running ? row.error + u'\n' + tip(row) : row.error;
    case HeldRole:
        if (row.state != JobState::running || row.stopping) return {};
        return row.held;
    case Qt::AccessibleTextRole:
        return row.title + QStringLiteral(": ") + detail(row);
    default:
        return {};
    }
}

} // namespace graticule
