// Runs of before: kept when one ends and now and then on its way, shown again when the same model or a session file is
// opened.
#include <QtCore/QDateTime>
#include <QtCore/QFileInfo>
#include <QtCore/QTimer>
#include <algorithm>
#include <utility>

#include "app/session/run_list.h"

namespace graticule {

void RunList::keep() {
    since_kept_.start();
    const auto failed = [this](const QString& why) { // the runs are still here; only a kill would lose them
        Q_EMIT logged(tr("Runs were not kept: %1").arg(why));
    };
    try {
        if (!journal_taken_) takeUnreadJournal();
    } catch (const Error& error) {
        return failed(QString::fromStdString(error.info().text()));
    }
    std::vector<Run> runs = runs_;
    runs.insert(runs.end(), other_runs_.begin(), other_runs_.end());
    keeper_->keep(
        modelFile(),
        [journal = journal_, file = modelFile(), runs = std::move(runs)] { (void)journal.keep(file, runs); }, this,
        failed);
}

QStringList RunList::keepAgain() {
    keeper_->finish();
    if (model_ && !keeper_->problems().isEmpty()) keep();
    keeper_->finish();
    return keeper_->problems();
}

// Reading it was cancelled or failed, and now it is to be written over: what it holds is carried on, and what nobody
// can read is renamed.
void RunList::takeUnreadJournal() {
    std::vector<Run> there;
    keeper_->finish();
    try {
        there = journal_.read(modelFile());
    } catch (const Error& error) {
        if (error.info().kind != ErrorKind::bad_input) throw; // nothing is wrong with the file itself
        const QString aside = journal_.putAside(modelFile());
        Q_EMIT logged(tr("%1. That file is now %2.")
                          .arg(QString::fromStdString(error.info().text()), QFileInfo(aside).fileName()));
    }
    for (Run& run : there)
        if (find_result(runs_, run) == runs_.end()) other_runs_.push_back(std::move(run));
    journal_taken_ = true;
}

void RunList::readJournal() {
    const QString file = journal_.file(modelFile());
    keeper_->finish(); // the model may be the one that was open before
    if (!QFileInfo::exists(file)) {
        journal_taken_ = true;
        return;
    }
    whenHashed([this] { queueJournal(); }); // the hash says whether it is the same model
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
    struct Kept {
        std::vector<Run> of_model, others;
    };
    // An untitled job: as a rule it is done before any new run ends.
    jobs_.submit<Kept>(
        {},
        [journal = journal_, keeper = keeper_, path = modelFile(), model = model_](JobContext& ctx) {
            Kept kept;
            const std::string hash = model->hash(ctx);
            keeper->finish();
            for (Run& run : journal.read(path))
                (run.evaluation->provenance.model_hash == hash ? kept.of_model : kept.others).push_back(std::move(run));
            return std::make_shared<const Kept>(std::move(kept));
        },
        [this, model = model_](std::shared_ptr<const Kept> kept) {
            if (model != model_) return;
            other_runs_ = kept->others;
            journal_taken_ = true;
            int back = 0;
            for (const Run& run : kept->of_model) {
                if (find_result(runs_, run) != runs_.end()) continue; // it ended while the hash was computed
                if (std::ranges::any_of(runs_, [&](const Run& here) { return continues(here, run); })) continue;
                add(run);
                ++back;
            }
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
    jobs_.submit<std::string>(
        {}, [model = model_](JobContext& ctx) { return std::make_shared<const std::string>(model->hash(ctx)); },
        [this, model = model_](std::shared_ptr<const std::string> hash) {
            if (model == model_) takePending(*hash);
        },
        [this, model = model_](const JobView& job) {
            if (job.state == JobState::done || model != model_) return;
            Q_EMIT logged(tr("Runs of the session were not taken over: %1. Saving the session keeps them; opening it "
                             "again shows them.")
                              .arg(job.state == JobState::failed ? QString::fromStdString(job.error.text())
                                                                 : tr("reading the model was cancelled")));
        });
}

void RunList::takePending(const std::string& model_hash) {
    int others = 0, chosen = 0;
    for (std::size_t i = 0; i < pending_.runs.size(); ++i) {
        const Run& run = pending_.runs[i];
        if (run.evaluation->provenance.model_hash != model_hash) {
            ++others;
            continue;
        }
        const auto there = find_result(runs_, run);
        const int id = there != runs_.end() ? there->id : add(run);
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
