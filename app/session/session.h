// The window's single source of truth: the model that is open, what calibration saw, the recipe with its history, the
// selection and the runs. Lives on the GUI thread; long work goes to the engine thread and comes back as a new value,
// never as a change of an old one. A job that fails or is cancelled leaves everything as it was.
#pragma once

#include <QtCore/QDateTime>
#include <QtCore/QObject>
#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "app/jobs/job_runner.h"
#include "app/remote/worker_connection.h"
#include "app/session/decision_journal.h"
#include "app/session/keeper.h"
#include "app/session/recipe_history.h"
#include "app/session/run_list.h"
#include "app/session/studies.h"
#include "app/session/what_if_service.h"
#include "core/engine/continue_prompt.h"
#include "core/engine/engine.h"
#include "core/engine/measure_speed.h"
#include "core/engine/plan.h"
#include "core/engine/resolve.h"
#include "core/recipe/layer_rules.h"
#include "core/result/recipe_search.h"
#include "core/result/sensitivity.h"
#include "core/runtime/device.h"
#include "widgets/panels/task_panel.h"

namespace graticule {

/// A study that is shown while it grows; one that is stopped leaves the one before.
template <class Study>
struct Growing {
    std::shared_ptr<const Study> finished, under_way;
    [[nodiscard]] const std::shared_ptr<const Study>& shown() const { return under_way ? under_way : finished; }
};

/// A prompt continued by the model as it is and under a recipe.
struct PromptStudy {
    std::string prompt;
    Recipe recipe;
    Execution execution;                      ///< of the recipe's side; full precision has its type
    std::vector<Continuation> sides;          ///< full precision, the recipe
    std::optional<std::size_t> first_parting; ///< token of both
    std::vector<std::size_t> same;            ///< bytes of each side's text before that token
};

/// Another machine that evaluates.
struct Machine {
    QString command; ///< starts a worker there: "ssh gpu-host graticule-cli worker"
    QString model;   ///< where the model that is open lies there
    bool operator==(const Machine&) const = default;
};
struct ReachedMachine {
    Machine where;
    WorkerHello hello;
    [[nodiscard]] QString host() const { return QString::fromStdString(hello.host); }
};

struct ExportTarget;
struct ReportInput;
struct SessionFile;

class Session final : public QObject {
    Q_OBJECT
public:
    /// `journal`: where finished runs survive a kill; without a folder they do not.
    explicit Session(QObject* parent = nullptr, RunJournal journal = RunJournal());
    ~Session() override;

    // --- state
    [[nodiscard]] const std::shared_ptr<const Model>& model() const { return opened_.model; }
    [[nodiscard]] const OpenedModel& opened() const { return opened_; }
    [[nodiscard]] const QString& modelPath() const { return model_path_; } ///< as it was asked for
    [[nodiscard]] JobId openedBy() const { return opened_by_; }            ///< what open() gave
    [[nodiscard]] const std::shared_ptr<const ActivationStats>& stats() const {
        return stats_;
    } ///< newest, perhaps partial
    [[nodiscard]] bool statsComplete() const { return stats_complete_; }
    /// Newest that is whole: what-ifs are from it. Null: none is.
    [[nodiscard]] const std::shared_ptr<const ActivationStats>& completeStats() const { return complete_stats_; }
    /// How much the calibration length matters, and the one advised, of whatever recipe it was (CalibrationLengths::
    /// is_of); null until studyLengths() is done.
    [[nodiscard]] const std::shared_ptr<const CalibrationLengths>& calibrationLengths() const { return lengths_; }
    /// The same; null also where it is not of the current recipe.
    [[nodiscard]] const CalibrationLengths* lengthsOfNow() const {
        return lengths_ && lengths_->is_of(recipe()) ? lengths_.get() : nullptr;
    }
    struct LengthsOffer {
        QString what;    ///< recipe, lengths, texts and how many evaluations
        QString refusal; ///< why nothing would be measured; as a rule empty
    };
    /// What studyLengths() with `measure` would measure; a model is open.
    [[nodiscard]] LengthsOffer lengthsOffer() const;
    /// How fast the model runs on the device that it was measured on, perhaps not all settings yet; null: not measured.
    [[nodiscard]] const std::shared_ptr<const SpeedStudy>& speedStudy() const { return speed_study_; }
    /// Which linears suffer from the recipe's schemes, and from 8 bits in their place; null: not predicted yet.
    [[nodiscard]] const std::shared_ptr<const Sensitivity>& sensitivity() const { return sensitivity_.finished; }
    [[nodiscard]] const Growing<Sensitivity>& sensitivityStudy() const { return sensitivity_; }
    /// What is known of the layer under `choice`; null: nothing.
    [[nodiscard]] const LayerSensitivity* sensitivityOf(LayerId layer, const SchemeChoice& choice) const;
    /// Of this model, in the order in which they were done.
    [[nodiscard]] const std::vector<std::shared_ptr<const RecipeSearch>>& searches() const { return searches_; }
    [[nodiscard]] const Growing<DivergenceStudy>& divergence() const { return divergence_; }
    [[nodiscard]] const Growing<TaskStudy>& task() const { return task_; }
    [[nodiscard]] const std::shared_ptr<const PromptStudy>& promptStudy() const { return prompt_study_; }
    [[nodiscard]] const std::vector<OutlierReport>& outliers() const { return outliers_; } ///< index = SiteId
    [[nodiscard]] const RecipeHistory& history() const { return history_; }
    [[nodiscard]] const Recipe& recipe() const { return history_.current(); }
    [[nodiscard]] const Recipe& reference() const {
        return reference_;
    } ///< "current" in what-if: the recipe last quantized
    [[nodiscard]] const Resolution& resolution() const { return resolution_; }
    [[nodiscard]] const LayerRules& recipeRules() const { return recipe_rules_; } ///< of recipe(), compiled
    [[nodiscard]] const LayerRules& referenceRules() const { return reference_rules_; }
    /// What the layer is quantized with under one of the two.
    [[nodiscard]] SchemeChoice choiceFor(LayerId layer, const LayerRules& rules) const;
    [[nodiscard]] const std::vector<LayerId>& selection() const { return selection_; }
    [[nodiscard]] std::optional<LayerId> primary() const; ///< the selected layer that plots show
    /// Those of these names that the open model has.
    [[nodiscard]] std::vector<LayerId> layersNamed(const QStringList& names) const;
    [[nodiscard]] RunList& runList() { return runs_; }
    [[nodiscard]] const RunList& runList() const { return runs_; }
    [[nodiscard]] const std::vector<Run>& runs() const { return runs_.all(); }
    [[nodiscard]] const Run* run(int id) const { return runs_.find(id); }
    [[nodiscard]] int baseline() const { return runs_.baseline(); }                     ///< run id; 0: none yet
    [[nodiscard]] const std::vector<LayerReport>& reports() const { return *reports_; } ///< of the newest quantization
    /// What a run measured for the layer under this choice and the recipe's calibration, newest first; null: none did,
    /// or none whose inputs were watched although calibration has been done since.
    [[nodiscard]] std::shared_ptr<const LayerReport> measured(LayerId layer, const SchemeChoice& choice) const;
    [[nodiscard]] const std::vector<DeviceRow>& devices() const { return devices_; }
    [[nodiscard]] const std::string& device() const { return device_; } ///< in use: "cpu", "cuda:0"
    /// What answered last, for the model that is open; absent: none did.
    [[nodiscard]] const std::optional<ReachedMachine>& machine() const { return machine_; }
    /// Of its devices the one that evaluates; empty: device() does. All else is done on device().
    [[nodiscard]] const std::string& deviceElsewhere() const { return device_elsewhere_; }
    [[nodiscard]] const Execution& execution() const { return execution_; } ///< as asked for, perhaps automatic
    [[nodiscard]] JobRunner& jobs() { return jobs_; }
    [[nodiscard]] const JobRunner& jobs() const { return jobs_; }
    [[nodiscard]] const WhatIfService& whatIfs() const { return what_ifs_; }

    static constexpr const char* open_tag = "open"; ///< of the jobs of open(): nothing is lost with one

    /// Statistics that a recipe does without still tell what it costs each layer.
    enum class Calibrate { where_needed, always };

    /// Where evaluating the recipe has its calibration from.
    struct CalibrationUse {
        CalibrationSpec spec;
        enum class From {
            screen,
            job,        ///< that is under way
            weights,    ///< which are quantized by it already
            kept,       ///< done before and read again, as far as lookWhetherKept() knows
            made_here,  ///< before anything else
            made_there, ///< by the machine that evaluates, for itself
        } from = From::screen;
        /// It is a step of its own, which begins.
        [[nodiscard]] bool ahead() const {
            return from == From::kept || from == From::made_here || from == From::made_there;
        }
    };
    /// Absent: it does without.
    [[nodiscard]] std::optional<CalibrationUse> calibrationOf(Calibrate when = Calibrate::where_needed) const;
    /// Calls `then`, if `receiver` is there then, when it is known whether the calibration that would be made here was
    /// done before; not where that is known already. The look-up ends with the receiver.
    void lookWhetherKept(QObject* receiver, std::function<void()> then);

    // --- intents
    JobId open(const QString& path);
    void select(std::vector<LayerId> layers);
    /// Layers whose rows somebody sees: their what-ifs come before those of all others.
    void setInSight(std::vector<LayerId> layers);
    /// Layers whose plots stay in sight whatever is selected: their what-ifs are whole ones, as the primary one's.
    void setPinned(std::vector<LayerId> layers);
    void selectWhere(const std::function<bool(const Linear&)>& wanted);
    void setDevice(const std::string& device); ///< which evaluates as well from now on
    /// Asks the machine what it has; its first card evaluates from then on, or its CPU. devicesChanged() or failed().
    /// `then`: runs that go on once it is reached.
    void reachMachine(const Machine& machine, std::vector<int> then = {});
    void setDeviceElsewhere(const std::string& device); ///< one of machine()'s; empty: evaluations come back here
    /// Stops all jobs but those of that tag, for who leaves: what other machines compute goes on there.
    void leaveJobs(const QString& spared_tag = {});
    void setExecution(const Execution& execution);

    void setRecipe(Recipe recipe, const QString& name, const QString& group = {});
    /// The recipe as text, comments and all; throws Error{bad_input} naming the line, and nothing changes.
    void setRecipeText(const QString& text);
    void editSelected(const std::function<void(SchemeChoice&)>& edit, const QString& name, const QString& group);
    /// Linears that read the primary one's input and have another transform: an input can be scaled once only.
    [[nodiscard]] std::vector<LayerId> otherTransforms() const;
    /// Gives those the primary one's.
    void shareTransform();
    void addRule(const QString& pattern, const std::vector<LayerId>& layers);
    void undo();
    void redo();
    void goToStep(std::size_t step);
    void setReferenceToCurrent();

    JobId calibrate(const CalibrationSpec& spec);
    /// Compares calibration lengths for sequences of `target` tokens; `measure`: by the recipe's perplexities too, as
    /// the command line's `slac --recipe`; failed() where lengthsOffer() refuses. decisionsChanged() when it is done.
    void studyLengths(std::int64_t target, bool measure = false);
    /// Times the model's passes, as the command line's `speed` does. speedChanged() after every setting.
    void measureSpeed(const SpeedSpec& spec = {});
    // session_decisions.cpp: each is the command of that name; decisionsChanged() when it is done.
    /// Of every scheme that the recipe has, and of 8 bits; the worst `measured` linears of each are measured as well.
    void predictSensitivity(const EvaluationChoice& choice, std::int64_t measured = 0);
    void searchRecipe(const SizeBudget& budget, const EvaluationChoice& choice);
    void measureDivergence(const EvaluationChoice& choice);
    void answerTask(const TaskAsked& asked);
    void continuePrompt(const QString& prompt, std::int64_t tokens);
    /// Queues the calibration where the recipe needs one that is not there, and the quantization; empty when the recipe
    /// cannot work.
    std::optional<JobId> quantize();
    /// Queues what is missing and the evaluation of the recipe, with the full-precision baseline first. `served_as`: a
    /// Target::name whose rounding of the inputs is evaluated instead of the recipe's.
    void evaluate(const EvaluationChoice& choice, Calibrate when = Calibrate::where_needed,
                  const QString& served_as = {});
    /// The other machine whose figures the run's are, where it cannot go on as things are: that one is not reached, or
    /// none of its devices evaluates. Empty: it can.
    [[nodiscard]] QString machineMissing(const Run& run) const;
    /// A run that was stopped, or not begun before the program ended, under its own recipe, protocol and arithmetic: it
    /// goes on behind its last window to the same figures. With what is missing for it, as evaluate().
    void continueRun(int id);
    using QuantizedPtr = std::shared_ptr<const QuantizedModel>;
    /// Calls `then` with the weights of a run (0: of the newest quantization): at once where they are in memory. Those
    /// of a run of before the model was opened are not; it is quantized again from its recipe, calibration and seed,
    /// under its own arithmetic: the same bytes on the same device. Where that cannot be, failed() says why.
    void withWeights(int run, const std::function<void(QuantizedPtr)>& then);
    /// With its weights. `move_aside`: a folder that holds something else is kept under another name instead of
    /// refused.
    void exportRun(int run, const QString& exporter, const QString& folder, bool move_aside = false);
    /// Throws Error{usage} when a file to be saved is one that the model or the calibration is read from.
    void mayWrite(const QString& path) const;
    [[nodiscard]] std::optional<Comparison> comparison(int a, int b) const { return runs_.comparison(a, b); }
    /// What the reports of a run are made of; absent: it is not finished, its weights are not in memory (withWeights),
    /// or the unquantized model was not evaluated under its protocol.
    [[nodiscard]] std::optional<ReportInput> reportOf(int run) const;
    /// What is kept of quantizing the recipe, as one computes now: quantize() goes on behind it. Absent: nothing.
    [[nodiscard]] std::optional<KeptLinears> keptOf(const Recipe& recipe) const;
    [[nodiscard]] const QuantizedModel* newestQuantized() const { return quantized_.get(); }

    /// What a session file holds, but for the screen; with the runs of restore() that are still under way.
    [[nodiscard]] SessionFile toFile() const;
    /// Takes it over; its model is open. Runs that are here already are not doubled. restored() when all is here.
    void restore(const SessionFile& file);
    /// The same without its runs: the recipe with its history, the selection, the calibration.
    void takeWork(const SessionFile& file);

    void poll() { runs_.poll(); } ///< called by the window's timer

Q_SIGNALS:
    void modelLeaving(); ///< another takes its place next; all of it is still there
    void modelChanged();
    void restored();
    void openFailed(const QString& path, const QString& why);
    void modelDamaged(const QString& why); ///< its files are no longer what was opened
    void statsChanged();
    void speedChanged();
    void decisionsChanged(); ///< of Decisions, or a prompt that was continued
    void studyGrew();        ///< one of those that are under way
    void recipeChanged();
    void selectionChanged();
    void runsChanged();
    void reportsChanged();
    void whatIfChanged(graticule::LayerId layer);
    void devicesChanged();                                  ///< what there is, which is in use, or how it computes
    void failed(const QString& title, const QString& text); ///< a job, with its context
    void exported(const QString& folder, const QString& summary);
    void logged(const QString& line);

private:
    /// What jobs hand on to those after them; touched on the engine thread only, once a job that does so is queued.
    struct Calibrated {
        std::shared_ptr<const ActivationStats> stats;
        bool from_before = false; ///< read, not computed
    };
    struct Chain {
        std::shared_ptr<Calibrated> calibrated = std::make_shared<Calibrated>(); ///< several chains may share one
        std::shared_ptr<const QuantizedModel> quantized;
    };
    using ChainPtr = std::shared_ptr<Chain>;
    struct Calibrating { ///< a calibration that is queued or runs
        JobId job{};
        CalibrationSpec spec;
        std::string execution;
        std::shared_ptr<Calibrated> calibrated;
    };
    /// What is worked on: as a rule the recipe of now, as one computes now.
    struct Subject {
        Recipe recipe;
        std::optional<ResolvedRecipe> resolved; ///< there where anything is quantized
        Execution execution;                    ///< settled
        bool of_before = false;                 ///< of a run that goes on: what is current in the window stays
    };

    void takeModel(OpenedModel opened, const QString& path);
    void takeStats(std::shared_ptr<const ActivationStats> stats, bool complete);
    void dropStats(); ///< those on the screen are of a calibration that failed, and there are none of before
    void takeRecipe(const SessionFile& file);
    void takeCalibration(const SessionFile& file);
    void setReference(const Recipe& recipe);
    void recipeWasChanged();
    void wantWhatIfs();
    void findDevices();
    [[nodiscard]] JobRequest request(const QString& tag, const QString& title, std::vector<JobId> after,
                                     double tokens) const;
    [[nodiscard]] std::function<void(const JobView&)> reporter();
    /// What a job computes, or reads where the same was computed before; in that job's thread.
    using Statistics = std::function<Calibrated(JobContext&, const StatsCallback&)>;
    [[nodiscard]] Statistics statisticsOf(const CalibrationSpec& spec);
    /// `tag` empty: never replaced by a later job.
    std::optional<JobId> calibrateInto(const std::shared_ptr<Calibrated>& calibrated, const CalibrationSpec& spec,
                                       const QString& tag, const Execution& execution);
    /// Gives `chain` the statistics at hand or those of a calibration under way, and says what to wait for. False:
    /// there are neither for the subject's calibration and arithmetic.
    bool joinStats(const Subject& subject, Chain& chain, std::vector<JobId>& after) const;
    /// What lookWhetherKept() looks up.
    struct KeptQuestion {
        CalibrationSpec spec;
        QDateTime text_written; ///< its file; null: the built-in one
        std::string device, execution;
        bool operator==(const KeptQuestion&) const = default;
    };
    [[nodiscard]] KeptQuestion keptQuestion() const; ///< of now; the model is open
    enum class AtHand { no, under_way, there };
    [[nodiscard]] AtHand statsAtHand(const CalibrationSpec& spec, const std::string& execution) const;
    /// The newest quantization is of that recipe, computed so.
    [[nodiscard]] bool quantizedIs(const Recipe& recipe, bool calibrated, const Execution& execution) const;
    [[nodiscard]] Subject subjectOfNow() const; ///< the model is open
    [[nodiscard]] Execution settled() const;    ///< execution() on the device in use
    /// `run` empty: nothing is evaluated.
    std::optional<JobId> queueSteps(const Subject& subject, Step goal, Calibrate when, std::optional<Run> run);
    void queueRun(Run run, const ChainPtr& chain, std::vector<JobId> own);
    void showReports(); ///< of the newest quantization that succeeded
    void takeReports(std::vector<LayerReport> reports, const CalibrationSpec& calibration);
    JobId quantizeInto(const Subject& subject, const ChainPtr& chain, std::vector<JobId> after, const QString& tag);
    JobId evaluateInto(const Run& run, const ChainPtr& chain, std::vector<JobId> after);
    [[nodiscard]] Run newRun(const Recipe& recipe, const ResolvedRecipe& resolved, const EvaluationChoice& choice,
                             const QString& served_as) const;
    [[nodiscard]] Run newRun(const EvaluationChoice& choice, const Execution& execution) const; ///< full precision
    // session_elsewhere.cpp
    void evaluateElsewhere(const EvaluationChoice& choice, Calibrate when, const QString& served_as);
    void queueElsewhere(Run run);
    void forgetMachine();
    [[nodiscard]] bool recipeReady(const QString& what);
    /// Runs `work`, whose offers are shown in `place` while it runs; `done` when its result stands there.
    template <class Study>
    void grow(JobRequest request, Growing<Study>& place,
              std::function<std::shared_ptr<const Study>(JobContext&, const std::function<void(Study)>& offer)> work,
              std::function<void()> done = {});
    [[nodiscard]] Decisions decisions() const; ///< that are finished
    void keepDecisions();
    /// What `read` gives, as far as the model's hash says that it is of this model; it is called on the engine thread.
    void takeDecisions(std::function<Decisions()> read);
    /// exported() at its end, with what it found behind what was `said` already.
    void exportQuantized(const QuantizedPtr& quantized, const QString& exporter, const ExportTarget& target);
    void checkExported(const std::shared_ptr<const QuantizedModel>& quantized, const QString& folder,
                       const QString& said);

    WhatIfService what_ifs_; ///< outlives the jobs, one of which keeps it quiet
    JobRunner jobs_;
    std::shared_ptr<Keeper> caches_ = std::make_shared<Keeper>(); ///< large, and never before what somebody made
    DecisionJournal decision_journal_;
    RunList runs_;
    OpenedModel opened_;
    QString model_path_;
    JobId opened_by_{};
    std::shared_ptr<const ActivationStats> stats_;
    std::shared_ptr<const ActivationStats>
        complete_stats_; // the newest whole calibration: what a cancelled one goes back to
    bool stats_complete_ = false;
    std::shared_ptr<const CalibrationLengths> lengths_;
    std::shared_ptr<const SpeedStudy> speed_study_;
    Growing<Sensitivity> sensitivity_;
    std::vector<std::shared_ptr<const RecipeSearch>> searches_;
    Growing<DivergenceStudy> divergence_;
    Growing<TaskStudy> task_;
    std::shared_ptr<const PromptStudy> prompt_study_;
    std::optional<Calibrating> calibrating_;
    std::optional<std::pair<KeptQuestion, bool>> kept_answer_; // of the open model, until something is kept
    std::shared_ptr<JobContext> looking_;                      // of the look-up under way
    std::vector<OutlierReport> outliers_;
    RecipeHistory history_;
    LayerRules recipe_rules_; // follows history_.current()
    Recipe reference_;
    LayerRules reference_rules_; // follows reference_
    Resolution resolution_;
    std::vector<LayerId> selection_, in_sight_, pinned_;
    Decisions pending_decisions_;     // of the session file that was opened, until the model's hash is there
    bool calibration_wanted_ = false; // by the session file that was opened; saved again although it is not there yet
    std::shared_ptr<const QuantizedModel> quantized_; // newest
    std::shared_ptr<const std::vector<LayerReport>> reports_ = std::make_shared<const std::vector<LayerReport>>();
    CalibrationSpec reports_calibration_; // that reports_ were measured with
    std::vector<DeviceRow> devices_;
    std::string device_ = "cpu", device_elsewhere_;
    std::optional<ReachedMachine> machine_;
    /// Of the jobs that are queued: set when they are left rather than stopped.
    std::shared_ptr<std::atomic<bool>> left_ = std::make_shared<std::atomic<bool>>(false);
    Execution execution_;
};

/// Where the window exports to: a refusal says what to tick, not what to type.
[[nodiscard]] ExportTarget export_target(const QString& folder, bool move_aside);

/// What the window starts with: every weight at 4 bits, every input at 8, the scheme whose harm is worth looking at.
[[nodiscard]] Recipe starting_recipe(const Model& model);

} // namespace graticule
