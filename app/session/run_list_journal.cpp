// Runs of before: kept when one ends and now and then on its way, shown again when the same model or a session file is
// opened.
#include <QtCore/QDateTime>
#include <QtCore/QFileInfo>
#include <QtCore/QTimer>
#include <algorithm>
#include <utility>

#include "app/session/kept_reports.h"
#include "app/session/run_list.h"

namespace graticule {

void RunList::keep() {
    if (!model_) return;
    since_kept_.start();
    const QString file = modelFile();
    keeper_->keep(
        file,
        [this, journal = journal_, file, runs = runs_] { // the list goes only when the keeper has finished
            const QString aside = journal.keep(file, runs);
            if (aside.isEmpty()) return;
            const auto tell = [this, aside] {
                Q_EMIT logged(tr("The file of earlier runs could not be read; it is now %1").arg(aside));
            };
            QMetaObject::invokeMethod(this, tell, Qt::QueuedConnection);
        },
        this,
        [this](const QString& why) { // the runs are still here; only a kill would lose them
            Q_EMIT logged(tr("Runs were not kept: %1").arg(why));
        });
}

void RunList::readJournal() {
    // The model may be the one that was open before, whose runs are still being written.
    if (keeper_->idle() && !QFileInfo::exists(journal_.file(modelFile()))) return;
    whenHashed([this] { queueJournal(); }); // the hash says whether it is the same model
}

std::shared_ptr<const std::vector<Run>> RunList::withReports(const RunJournal& journal, const Model& model,
                                                             std::vector<Run> runs, JobContext& ctx) {
    const std::string hash = model.hash(ctx);
    const RecordFolder kept = kept_reports(journal);
    for (Run& run : runs)
        if (run.evaluation->provenance.model_hash == hash) find_reports(kept, model, run, ctx.log);
    return std::make_shared<const std::vector<Run>>(std::move(runs));
}

void RunList::keepReports(const Run& run) {
    keeper_->ask<QString>(
        [kept = kept_reports(journal_), run] {
            try {
                keep_reports(kept, run);
                return QString();
            } catch (const Error& error) {
                return QString::fromStdString(error.info().text());
            }
        },
        this,
        [this](const QString& why) {
            if (!why.isEmpty()) Q_EMIT logged(tr("Figures of layers were not kept: %1").arg(why));
        });
}

void RunList::whenHashed(std::function<void()> call) {
    model_->start_hashing();
    hash_waiters_.push_back(std::move(call));
    callHashWaiters();
}

void RunList::callHashWaiters() {
    if (hash_waiters_.empty()) return;
    try {
        if (!model_->known_hash()) return QTimer::singleShot(100, this, &RunList::callHashWaiters);
    } catch (const Error&) { // the jobs that ask for it will say so
    }
    for (const auto& call : std::exchange(hash_waiters_, {})) call();
}

void RunList::queueJournal() {
    // An untitled job: as a rule it is done before any new run ends.
    jobs_.submit<std::vector<Run>>(
        {},
        [journal = journal_, keeper = keeper_, path = modelFile(), model = model_](JobContext& ctx) {
            const std::string hash = model->hash(ctx);
            keeper->finish();
            return withReports(journal, *model, journal.read(path, hash), ctx);
        },
        [this, model = model_](std::shared_ptr<const std::vector<Run>> kept) {
            if (model != model_) return;
            const std::size_t before = runs_.size();
            for (const Run& run : *kept) bringBack(run); // perhaps one that ended while the hash was computed
            const auto back = static_cast<int>(runs_.size() - before);
            if (back == 0) return;
            Q_EMIT logged(tr("%n run(s) of %1 are back", nullptr, back)
                              .arg(QFileInfo(journal_.file(modelFile())).lastModified().toString(Qt::ISODate)));
            Q_EMIT changed();
        },
        [this, model = model_](const JobView& job) {
            if (job.state == JobState::done || model != model_) return;
            Q_EMIT logged(job.state == JobState::failed
                              ? tr("Earlier runs were not read: %1").arg(QString::fromStdString(job.error.text()))
                              : tr("Reading earlier runs was cancelled; they are still kept"));
        });
}

// After the journal's runs.
void RunList::restore(std::vector<Run> runs, int baseline) {
    pending_ = {std::move(runs), baseline};
    if (pending_.runs.empty()) return Q_EMIT restored();
    whenHashed([this] { queuePending(); });
}

void RunList::queuePending() {
    jobs_.submit<std::vector<Run>>(
        {},
        [journal = journal_, model = model_, runs = pending_.runs](JobContext& ctx) {
            return withReports(journal, *model, runs, ctx);
        },
        [this, model = model_](std::shared_ptr<const std::vector<Run>> runs) {
            if (model == model_) takePending(*runs, *model->known_hash());
        },
        [this, model = model_](const JobView& job) {
            if (job.state == JobState::done || model != model_) return;
            Q_EMIT logged(tr("Runs of the session were not taken over: %1. Saving the session keeps them; opening it "
                             "again shows them.")
                              .arg(job.state == JobState::failed ? QString::fromStdString(job.error.text())
                                                                 : tr("reading the model was cancelled")));
        });
}

void RunList::takePending(const std::vector<Run>& runs, const std::string& model_hash) {
    int others = 0, chosen = 0;
    for (std::size_t i = 0; i < runs.size(); ++i) {
        const Run& run = runs[i];
        if (run.evaluation->provenance.model_hash != model_hash) {
            ++others;
            continue;
        }
        const int id = bringBack(run);
        if (static_cast<int>(i) == pending_.baseline) chosen = id;
    }
    pending_ = {};
    if (chosen != 0) setBaseline(chosen);
    if (others > 0)
        Q_EMIT logged(
            tr("%n run(s) of the session left out: the model at that path is another one now", nullptr, others));
    keep();
    Q_EMIT changed();
    Q_EMIT restored();
}

RunList::Finished RunList::finished() const {
    Finished all;
    for (const Run& run : runs_) {
        if (!run.finished()) continue;
        if (run.id == baseline()) all.baseline = static_cast<int>(all.runs.size());
        all.runs.push_back(run);
    }
    for (std::size_t i = 0; i < pending_.runs.size(); ++i) {
        const Run& run = pending_.runs[i];
        auto there = find_result(all.runs, run);
        if (there == all.runs.end()) there = all.runs.insert(there, run);
        if (static_cast<int>(i) == pending_.baseline) all.baseline = static_cast<int>(there - all.runs.begin());
    }
    return all;
}

} // namespace graticule
