// The runs of the open model: the table's rows with their baseline, the journal that keeps them, and those
// of a session file that are on their way. Lives on the GUI thread. Of what a run is made, the session knows; here is
// where it is found, kept, compared and brought back.
#pragma once

#include <QtCore/QDateTime>
#include <QtCore/QElapsedTimer>
#include <QtCore/QObject>
#include <QtCore/QTimer>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "app/jobs/job_runner.h"
#include "app/session/keeper.h"
#include "app/session/run_journal.h"
#include "app/session/run_names.h"
#include "core/model/model.h"

namespace graticule {

class RunList final : public QObject {
    Q_OBJECT
public:
    /// `jobs` reads the journal beside the window; both outlive the list.
    RunList(JobRunner& jobs, RunJournal journal, QObject* parent);
    ~RunList() override; ///< all that is to be kept is on the disk then

    [[nodiscard]] const std::vector<Run>& all() const { return runs_; }
    [[nodiscard]] const RunJournal& journal() const { return journal_; }
    /// All that is kept of the session goes through it.
    [[nodiscard]] Keeper& keeper() { return *keeper_; }
    [[nodiscard]] std::shared_ptr<Keeper> sharedKeeper() const { return keeper_; } ///< for jobs, which may outlive it
    [[nodiscard]] const Run* find(int id) const;
    /// What differences of runs of this protocol refer to (id; 0: none yet): the one chosen last that has not been
    /// cancelled, else the unquantized model under the protocol, else the first that finished.
    [[nodiscard]] int baselineOf(const RunProtocol& protocol) const;
    [[nodiscard]] int baseline() const { return baselineOf(protocol_); } ///< under protocol()
    /// That of the newest run, of the baseline chosen last or of what show() was called for: what plots of many runs
    /// show.
    [[nodiscard]] const RunProtocol& protocol() const { return protocol_; }
    void show(int id); ///< the runs of its protocol
    /// Names that tell each run from all others: what differs between runs of one name (calibration, rules, device) is
    /// added. Same order as all().
    [[nodiscard]] std::vector<RunName> names() const;
    /// Of two finished runs; absent: one of them is not.
    [[nodiscard]] std::optional<Comparison> comparison(int a, int b) const;
    /// The unquantized model under this protocol: finished, or on its way there.
    [[nodiscard]] const Run* unquantized(const RunProtocol& protocol) const;

    /// Forgets the runs of the model before, which is the caller's to tell, and queues a job that brings back those of
    /// this model. cameBack() when they are here.
    void setModel(std::shared_ptr<const Model> model);
    /// Puts it at the end with an id and a colour of its own; `changed` is the caller's to wait for.
    int add(Run run);
    /// One of before, from wherever it was kept: once, as far as any of the two has come that are one. Its id.
    int bringBack(Run run);
    /// One of the same recipe and protocol that was stopped, or cancelled before it began: it goes on instead of a
    /// second one. Null: none.
    [[nodiscard]] const Run* stopped(const Run& like) const;
    void setSize(int id, const ModelSize& size);   ///< as it was measured
    void setJobs(int id, std::vector<JobId> jobs); ///< and it waits for them
    /// `quantized`: what is evaluated, whose measured figures are kept from now on; null: the unquantized model.
    void receive(int id, const Evaluation& so_far, const std::shared_ptr<const QuantizedModel>& quantized = nullptr);
    void finish(int id, const Evaluation& whole, std::shared_ptr<const QuantizedModel> quantized);
    /// What its recipe gave again, in a run of before. What of the figures that are known of it is another now, as a
    /// line for the log; empty: all are the same.
    [[nodiscard]] QString quantizedAgain(int id, std::shared_ptr<const QuantizedModel> quantized);
    void setBaseline(int id); ///< of the runs under its protocol
    void keep();              ///< all that there is, begun or not; done by itself whenever one ends
    /// Those that are alive will be cut off by what comes next: a stop of theirs is nobody's wish to be rid of them.
    void markCutOff();
    /// What another window has written since; at once where there is nothing new.
    void readAgain();
    /// Those that were cut off are no more than stopped ones.
    void leaveCutOff();
    /// Looks at what is kept of quantizations: another one when one has ended. keptChanged() where it is, then `then`.
    void lookAtKept(std::function<void()> then = {});
    [[nodiscard]] const KeptBlocks& keptBlocks() const { return kept_blocks_; } ///< when it was looked at last
    void remove(int id);                                                        ///< and cancels its jobs
    void poll(); ///< takes job states over into the runs; called by the window's timer

    /// Calls when the model's hash is there, or cannot be: a job that asks for it then does not hold up the engine.
    void whenHashed(std::function<void()> call);

    /// As a session file holds them.
    struct Saved {
        std::vector<Run> runs;    ///< finished ones
        std::vector<Run> stopped; ///< as far as they had come; on their way, too
        int baseline = -1;        ///< index in `runs`
    };
    /// Takes over the runs of a session file once the model's hash says that they are its own; those that are here
    /// already are not doubled. restored() when all is here.
    void restore(Saved saved);
    [[nodiscard]] Saved toSave() const; ///< with those of restore() that are still under way

Q_SIGNALS:
    void changed();
    void cameBack();
    void keptChanged(); ///< of runs that were stopped, or keptBlocks()
    void restored();
    void logged(const QString& line);

private:
    [[nodiscard]] Run* findMutable(int id);
    [[nodiscard]] QString modelFile() const; ///< the open model's own path
    [[nodiscard]] int nextColour() const;
    int append(Run run);
    void keepSoon();   ///< at once where it was not done a moment ago
    void showNewest(); ///< finished one
    void bringAllBack(const std::vector<Run>& kept);
    void readJournal();
    void queueJournal();
    void queuePending();
    void callHashWaiters();
    void takePending(const std::string& model_hash);

    JobRunner& jobs_;
    /// Gives the runs of this model's hash their layers' figures, as they were kept, and those that were stopped before
    /// their first window what is kept of their quantization. In a job or the keeper's thread.
    static void addKept(const RunJournal& journal, const Model& model, const std::string& hash, std::vector<Run>& runs,
                        const std::function<void(const std::string&)>& tell);
    void takeReports(Run& run, const QuantizedModel& quantized); ///< and keeps them
    void keepReports(const Run& run);

    RunJournal journal_;
    std::shared_ptr<Keeper> keeper_ = std::make_shared<Keeper>(); ///< a job that reads the journal waits for it
    QElapsedTimer since_kept_;
    QTimer keep_soon_; ///< of keepSoon()
    std::shared_ptr<const Model> model_;
    std::vector<Run> runs_;
    KeptBlocks kept_blocks_;
    Saved pending_;                                   // what restore() was given and is not here yet
    std::pair<QDateTime, qint64> seen_;               // the journal's file when it was read last
    std::vector<std::function<void()>> hash_waiters_; // of the open model
    int last_run_ = 0;
    std::vector<int> chosen_; // baselines, the newest last: where one goes, the one before comes back
    RunProtocol protocol_;    // protocol()
};

} // namespace graticule
