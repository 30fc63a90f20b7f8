#include "widgets/models/job_list_model.h"

#include <QtCore/QStringList>
#include <algorithm>

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
        return row.tokens_per_second > 0
                   ? tr("done, %1 · %2 tok/s").arg(duration_text(row.seconds), count_text(row.tokens_per_second))
                   : tr("done, %1").arg(duration_text(row.seconds));
    case JobState::running:
        break;
    }
    if (row.stopping) return tr("stopping …");
    QStringList parts;
    if (row.total > 0)
        parts << tr("%1 of %2").arg(thousands_text(row.done), thousands_text(row.total));
    else if (!row.stage.isEmpty())
        parts << row.stage;
    if (row.tokens_per_second > 0) parts << tr("%1 tok/s").arg(count_text(row.tokens_per_second));
    if (row.memory > 0) parts << bytes_text(row.memory);
    if (row.seconds_left) parts << tr("%1 left").arg(duration_text(*row.seconds_left));
    return parts.join(QStringLiteral(" · "));
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
        return row.total > 0 ? static_cast<double>(row.done) / static_cast<double>(row.total) : 0.0;
    case CanCancelRole:
        return live && !row.stopping;
    case Qt::ToolTipRole:
        if (!row.error.isEmpty()) return row.error;
        return row.memory > 0 ? tr("%1\nmemory of the program: %2 now, %3 at most since it began")
                                    .arg(row.stage, bytes_text(row.memory), bytes_text(row.memory_peak))
                              : row.stage;
    case Qt::AccessibleTextRole:
        return row.title + QStringLiteral(": ") + detail(row);
    default:
        return {};
    }
}

} // namespace graticule
