// Runs of before: kept when one ends and now and then on its way, shown again when the same model or a session file is
// opened.
#include <QtCore/QDateTime>
#include <QtCore/QFileInfo>
#include <QtCore/QTimer>
#include <algorithm>
#include <iterator>
#include <utility>

#include "app/session/kept_reports.h"
#include "app/session/run_list.h"

namespace graticule {

void RunList::keep() {
    if (!model_) return;
    since_kept_.start();
    keep_soon_.stop();
    const QString file = modelFile();
    for (Run& run : runs_) {
        if (run.evaluation || !run.model_hash.empty()) continue;
        try {
            run.model_hash = model_->known_hash().value_or(std::string());
        } catch (const Error&) { // its jobs will say so
        }
    }
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

void RunList::addKept(const RunJournal& journal, const Model& model, const std::string& hash, std::vector<Run>& runs,
                      const std::function<void(const std::string&)>& tell) {
    const RecordFolder kept = kept_reports(journal);
    const KeptBlocks blocks = kept_blocks(journal.quantizationFile().toStdString());
    for (Run& run : runs) {
        if (run.reports && !are_reports_of(model, *run.reports)) run.reports.reset(); // of a session file
        if (run.hasWindows() && run.modelHash() == hash) find_reports(kept, model, run, tell);
        if (run.quantizesHere()) run.kept = kept_linears(blocks, model, run.recipe, run.execution);
    }
}

void RunList::lookAtKept(std::function<void()> then) {
    const QString file = journal_.quantizationFile();
    if (!model_ || file.isEmpty()) return;
    struct Seen {
        KeptBlocks blocks;
        std::vector<std::pair<int, std::optional<KeptLinears>>> runs;
    };
    std::vector<Run> stopped;
    std::ranges::copy_if(runs_, std::back_inserter(stopped),
                         [](const Run& run) { return !run.alive() && run.quantizesHere(); });
    const auto look = [file, model = model_, stopped] {
        Seen seen{kept_blocks(file.toStdString()), {}};
        for (const Run& run : stopped)
            seen.runs.emplace_back(run.id, kept_linears(seen.blocks, *model, run.recipe, run.execution));
        return seen;
    };
    keeper_->ask<Seen>(look, this, [this, model = model_, then = std::move(then)](const Seen& seen) {
        if (model != model_) return;
        bool other = std::exchange(kept_blocks_, seen.blocks) != seen.blocks;
        for (const auto& [id, kept] : seen.runs) {
            Run* run = findMutable(id);
            if (!run || run->alive() || run->kept == kept) continue;
            run->kept = kept;
            other = true;
        }
        if (other) {
            Q_EMIT changed();
            Q_EMIT keptChanged();
        }
        if (then) then();
    });
}

void RunList::readAgain() {
    const QFileInfo file(model_ ? journal_.file(modelFile()) : QString());
    const std::pair now{file.lastModified(), file.size()};
    if (!model_ || !file.exists() || now == seen_) return;
    std::optional<std::string> hash;
    try {
        hash = model_->known_hash();
    } catch (const Error&) { // what is there now is another model: nobody's runs are its
    }
    if (!hash) return;
    seen_ = now;
    keeper_->ask<std::vector<Run>>(
        [journal = journal_, model = model_, path = modelFile(), hash = *hash] {
            std::vector<Run> runs = journal.read(path, hash);
            addKept(journal, *model, hash, runs, [](const std::string&) {}); // the start has told of it
            return runs;
        },
        this,
        [this, model = model_](const std::vector<Run>& kept) {
            if (model != model_) return;
            bringAllBack(kept);
            Q_EMIT cameBack();
        });
}

void RunList::bringAllBack(const std::vector<Run>& kept) {
    for (const Run& run : kept) {
        Run* here = findMutable(bringBack(run));
        if (here->alive() || !same_result(*here, run)) continue;
        here->window = run.window; // who is at it, the journal knows
        here->in_another_window = run.in_another_window;
    }
    Q_EMIT changed();
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
            auto runs = std::make_shared<std::vector<Run>>(journal.read(path, hash));
            addKept(journal, *model, hash, *runs, ctx.log);
            return runs;
        },
        [this, model = model_](std::shared_ptr<const std::vector<Run>> kept) {
            if (model != model_) return;
            const std::size_t before = runs_.size(); // perhaps one was asked for while the hash was computed
            bringAllBack(*kept);
            const auto back = static_cast<int>(runs_.size() - before);
            if (back == 0) return;
            Q_EMIT logged(tr("%n run(s) of %1 are back", nullptr, back)
                              .arg(QFileInfo(journal_.file(modelFile())).lastModified().toString(Qt::ISODate)));
            if (before == 0) showNewest();
            Q_EMIT changed();
            Q_EMIT cameBack();
        },
        [this, model = model_](const JobView& job) {
            if (job.state == JobState::done || model != model_) return;
            Q_EMIT logged(job.state == JobState::failed
                              ? tr("Earlier runs were not read: %1").arg(QString::fromStdString(job.error.text()))
                              : tr("Reading earlier runs was cancelled; they are still kept"));
        });
}

// After the journal's runs.
void RunList::restore(Saved saved) {
    pending_ = std::move(saved);
    if (pending_.runs.empty() && pending_.stopped.empty()) return Q_EMIT restored();
    whenHashed([this] { queuePending(); });
}

void RunList::queuePending() {
    jobs_.submit<Saved>(
        {},
        [journal = journal_, model = model_, saved = pending_](JobContext& ctx) {
            auto with_reports = std::make_shared<Saved>(saved);
            addKept(journal, *model, model->hash(ctx), with_reports->runs, ctx.log);
            return with_reports;
        },
        [this, model = model_](std::shared_ptr<const Saved> saved) {
            if (model != model_) return;
            pending_.runs = saved->runs; // the baseline may have been chosen since
            takePending(*model->known_hash());
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
    const Saved saved = std::exchange(pending_, {});
    for (std::size_t i = 0; i < saved.runs.size(); ++i) {
        const Run& run = saved.runs[i];
        if (run.modelHash() != model_hash) {
            ++others;
            continue;
        }
        const int id = bringBack(run);
        if (find(id)->reports) keepReports(*find(id));
        if (static_cast<int>(i) == saved.baseline) chosen = id;
    }
    for (const Run& run : saved.stopped) // continuing them goes on where they stopped
        if (run.modelHash() == model_hash)
            bringBack(run);
        else
            ++others;
    if (chosen != 0)
        setBaseline(chosen);
    else
        showNewest();
    if (others > 0)
        Q_EMIT logged(
            tr("%n run(s) of the session left out: the model at that path is another one now", nullptr, others));
    keep();
    Q_EMIT changed();
    Q_EMIT restored();
}

RunList::Saved RunList::toSave() const {
    Saved all;
    for (const Run& run : runs_) {
        if (!run.finished()) {
            all.stopped.push_back(run);
            continue;
        }
        if (run.id == baseline()) all.baseline = static_cast<int>(all.runs.size());
        all.runs.push_back(run);
    }
    for (std::size_t i = 0; i < pending_.runs.size(); ++i) {
        const Run& run = pending_.runs[i];
        auto there = find_result(all.runs, run);
        if (there == all.runs.end()) there = all.runs.insert(there, run);
        if (static_cast<int>(i) == pending_.baseline) all.baseline = static_cast<int>(there - all.runs.begin());
    }
    for (const Run& run : pending_.stopped)
        if (find_result(all.stopped, run) == all.stopped.end()) all.stopped.push_back(run);
    return all;
}

} // namespace graticule
