// Jobs as a list: one line each with progress, rate and time left.
#pragma once

#include <QtCore/QAbstractListModel>
#include <optional>
#include <vector>

#include "widgets/models/job_state.h"

namespace graticule {

struct JobRow {
    int id = 0;
    QString title;
    JobState state = JobState::waiting;
    QString stage;                            ///< what it is doing: "Evaluating"
    std::int64_t done = 0, total = 0;         ///< of the stage
    std::optional<double> share;              ///< of all stages; absent: only that of the stage is known
    double seconds = 0;                       ///< running or, at the end, all in all
    std::optional<double> seconds_left;       ///< of what `share` is of
    double tokens_per_second = 0;             ///< 0: not a job over tokens
    std::int64_t memory = 0, memory_peak = 0; ///< bytes of the program on the host while the job runs; 0: not known
    std::int64_t card = 0, card_peak = 0;     ///< the same of a card's memory
    bool stopping = false;
    bool held = false; ///< stands until it is let go
    int place = -1;    ///< among those that wait
    QString note;      ///< of a done one that did not do what its title says: "read from the cache"
    QString error;     ///< why it failed, or stands: whole text for the tooltip and the log
    bool operator==(const JobRow&) const = default;
};

class JobListModel final : public QAbstractListModel {
    Q_OBJECT
public:
    enum Role { JobRole = Qt::UserRole + 1, StateRole, DetailRole, ShareRole, CanCancelRole, HeldRole };

    explicit JobListModel(QObject* parent = nullptr);
    /// Newest first among the finished, the running one on top.
    void setRows(std::vector<JobRow> rows);
    [[nodiscard]] const std::vector<JobRow>& rows() const { return rows_; }

    [[nodiscard]] int rowCount(const QModelIndex& parent = {}) const override;
    [[nodiscard]] QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;

    // Waiting jobs are dragged to another place in the queue; who owns the queue moves them.
    [[nodiscard]] Qt::ItemFlags flags(const QModelIndex& index) const override;
    [[nodiscard]] Qt::DropActions supportedDropActions() const override { return Qt::MoveAction; }
    [[nodiscard]] QStringList mimeTypes() const override;
    [[nodiscard]] QMimeData* mimeData(const QModelIndexList& indexes) const override;
    bool dropMimeData(const QMimeData* data, Qt::DropAction action, int row, int column,
                      const QModelIndex& parent) override;
    /// A waiting job one place nearer to the front of the queue, or farther.
    void moveOne(const QModelIndex& index, bool forward);

Q_SIGNALS:
    void moveWanted(int job, int before); ///< before 0: last

private:
    [[nodiscard]] int waitingAt(int row) const; ///< its id; 0: no such row, or none that waits

    [[nodiscard]] QString detail(const JobRow& row) const;
    [[nodiscard]] static QString tip(const JobRow& row);
    std::vector<JobRow> rows_;
};

} // namespace graticule
