// The session's long work: each verb as a job, chained so that what one needs is done before it.
#include <algorithm>

#include "app/jobs/throttle.h"
#include "app/session/recipe_edit.h"
#include "app/session/session.h"
#include "core/engine/resources.h"
#include "core/engine/study_lengths.h"
#include "core/runtime/settle_execution.h"

namespace graticule {

namespace {
constexpr std::chrono::milliseconds between_partials{100};

double average_input_bits(const ResolvedRecipe& resolved) {
    double sum = 0;
    std::size_t count = 0;
    for (const auto& plan : resolved.plans()) {
        const auto& input = plan ? plan->choice.scheme.input : std::optional<TensorScheme>();
        sum += input ? input->format->bits : 16;
        ++count;
    }
    return count ? sum / static_cast<double>(count) : 16;
}
} // namespace

bool Session::recipeReady(const QString& what) {
    if (!model()) return false;
    if (resolution_.resolved) return true;
    Q_EMIT failed(what, QString::fromStdString(resolution_.diagnostics.text()));
    return false;
}

std::optional<JobId> Session::calibrateInto(const std::shared_ptr<Calibrated>& calibrated, const CalibrationSpec& spec,
                                            const QString& tag) {
    if (!opened_.tokenizer) {
        Q_EMIT failed(tr("Calibrate"),
                      tr("The model has no tokenizer: %1").arg(QString::fromStdString(opened_.tokenizer_problem)));
        return std::nullopt;
    }
    const double tokens = static_cast<double>(spec.samples * spec.length);
    const auto ended = std::make_shared<bool>(false); // a snapshot may still be on its way when the result is there
    const Throttle<std::shared_ptr<const ActivationStats>> snapshots(
        &jobs_, between_partials * 3,
        [this, ended, model = model()](const std::shared_ptr<const ActivationStats>& stats) {
            if (!*ended && model == this->model()) takeStats(stats, false);
        });
    const JobId id = jobs_.submit<ActivationStats>(
        request(tag, tr("Calibrate, %1 × %2 tokens").arg(spec.samples).arg(spec.length), {}, tokens),
        [calibrated, spec, model = model(), tokenizer = opened_.tokenizer,
         offer = snapshots.handle()](JobContext& ctx) {
            calibrated->stats = graticule::calibrate(*model, *tokenizer, spec, ctx, offer);
            return calibrated->stats;
        },
        [this, ended, model = model()](std::shared_ptr<const ActivationStats> stats) {
            *ended = true;
            if (model == this->model()) takeStats(std::move(stats), true);
        },
        [this, ended, model = model(), report = reporter()](const JobView& job) {
            *ended = true;
            if (calibrating_ && calibrating_->job == job.id) calibrating_.reset();
            const bool back = job.state != JobState::done && model == this->model() && !stats_complete_;
            if (back && complete_stats_) takeStats(complete_stats_, true);
            report(job);
        });
    calibrating_ = Calibrating{id, spec, calibrated};
    return id;
}

std::optional<std::vector<JobId>> Session::provideStats(Chain& chain, Calibrate when) {
    const CalibrationSpec& spec = recipe().calibration;
    const std::vector<JobId> nothing;
    if (complete_stats_ && complete_stats_->spec == spec) {
        chain.calibrated->stats = complete_stats_;
        return nothing;
    }
    if (calibrating_ && calibrating_->spec == spec) {
        chain.calibrated = calibrating_->calibrated;
        return std::vector{calibrating_->job};
    }
    if (when == Calibrate::where_needed && !resolution_.resolved->needs_calibration()) return nothing;
    if (const auto job = calibrateInto(chain.calibrated, spec, {})) return std::vector{*job};
    return std::nullopt;
}

JobId Session::calibrate(const CalibrationSpec& spec) {
    Recipe changed = recipe();
    changed.calibration = spec;
    setRecipe(std::move(changed), tr("calibration %1 × %2").arg(spec.samples).arg(spec.length));
    return calibrateInto(std::make_shared<Calibrated>(), spec, QStringLiteral("calibrate")).value_or(JobId{});
}

void Session::showReports() {
    reports_.clear();
    if (quantized_)
        for (const auto& linear : quantized_->linears)
            if (linear) reports_.push_back(linear->report);
    Q_EMIT reportsChanged();
}

void Session::studyLengths(std::int64_t target) {
    const LengthStudySpec spec{.text = recipe().calibration.text};
    jobs_.submit<LengthStudy>(
        request(QStringLiteral("lengths"), tr("Compare calibration lengths"), {},
                static_cast<double>(spec.tokens) * static_cast<double>(spec.lengths.size())),
        [spec, opened = opened_](JobContext& ctx) {
            Workspace work;
            work.adopt(opened);
            return study_lengths(work, spec, ctx);
        },
        [this, target, model = model()](std::shared_ptr<const LengthStudy> study) {
            if (model != this->model()) return;
            length_advice_ = advise_length(*study, target);
            length_study_ = std::move(study);
            Q_EMIT logged(tr("Calibrate at %1 tokens for sequences of %2: %3")
                              .arg(length_advice_->length)
                              .arg(target)
                              .arg(QString::fromStdString(length_advice_->reason)));
            Q_EMIT statsChanged();
        },
        reporter());
}

JobId Session::quantizeInto(const ChainPtr& chain, std::vector<JobId> after, const QString& tag) {
    const auto reports = std::make_shared<std::vector<LayerReport>>(); // grows on the engine thread
    const auto ended = std::make_shared<bool>(false);
    const Throttle<std::vector<LayerReport>> partial(
        &jobs_, between_partials, [this, ended, model = model()](const std::vector<LayerReport>& so_far) {
            if (*ended || model != this->model()) return;
            reports_ = so_far;
            Q_EMIT reportsChanged();
        });
    return jobs_.submit<QuantizedModel>(
        request(tag, tr("Quantize %1").arg(QString::fromStdString(summary_line(recipe()))), std::move(after), 0),
        [chain, model = model(), resolved = *resolution_.resolved, reports, offer = partial.handle()](JobContext& ctx) {
            chain->quantized =
                graticule::quantize(model, chain->calibrated->stats, resolved, ctx, [&](const LayerReport& report) {
                    reports->push_back(report);
                    offer(*reports);
                });
            return chain->quantized;
        },
        [this, ended, model = model(), quantized_recipe = recipe()](std::shared_ptr<const QuantizedModel> quantized) {
            *ended = true;
            if (model != this->model()) return;
            quantized_ = std::move(quantized);
            // From now on "current" is what was just made; edits after it are the candidate.
            setReference(quantized_recipe);
            wantWhatIfs();
            showReports();
            Q_EMIT recipeChanged();
        },
        [this, ended, model = model(), report = reporter()](const JobView& job) {
            *ended = true;
            if (job.state != JobState::done && model == this->model()) showReports(); // not the part that was made
            report(job);
        });
}

std::optional<JobId> Session::quantize() {
    if (!recipeReady(tr("Quantize"))) return std::nullopt;
    const auto chain = std::make_shared<Chain>();
    auto after = provideStats(*chain, Calibrate::where_needed);
    if (!after) return std::nullopt;
    return quantizeInto(chain, std::move(*after), QStringLiteral("quantize"));
}

Run& Session::addRun(bool full_precision, const EvaluationChoice& choice) {
    Run run;
    run.id = ++last_run_;
    run.full_precision = full_precision;
    run.choice = choice;
    run.execution = settle_execution(execution_, device_, *model());
    run.bytes = stored_bytes(*model());
    if (full_precision) {
        run.recipe.name = unquantized_name(*model());
        run.name = QString::fromStdString(run.recipe.name);
    } else {
        run.recipe = recipe();
        run.name = QString::fromStdString(summary_line(recipe()));
        run.weight_bits = resolution_.resolved->bits_per_weight();
        run.input_bits = average_input_bits(*resolution_.resolved);
        run.bytes = resolution_.resolved->estimated_bytes();
        run.colour = nextColour();
    }
    runs_.push_back(std::move(run));
    return runs_.back();
}

const Run* Session::fullPrecisionRun(const EvaluationChoice& choice) const {
    const Execution execution = settle_execution(execution_, device_, *model());
    const auto found = std::find_if(runs_.begin(), runs_.end(), [&](const Run& run) {
        const bool alive =
            run.state != JobState::failed && run.state != JobState::cancelled && run.state != JobState::skipped;
        return run.full_precision && run.choice == choice && run.execution == execution && alive;
    });
    return found == runs_.end() ? nullptr : &*found;
}

JobId Session::evaluateInto(Run& run, const ChainPtr& chain, std::vector<JobId> after) {
    const int id = run.id;
    const auto receive = [this, id, chain](const Evaluation& evaluation, bool complete) {
        Run* target = findRun(id);
        if (!target || (target->state == JobState::done && !complete)) return; // removed, or a late partial
        target->evaluation = evaluation;
        target->evaluation->complete = complete;
        const auto there = static_cast<double>(std::max<std::int64_t>(1, evaluation.protocol.windows_used));
        target->share_done = std::min(1.0, static_cast<double>(evaluation.window_losses.size()) / there);
        if (complete) {
            target->state = JobState::done;
            target->quantized = chain->quantized; // the engine thread is through with the chain
            if (baseline_ == 0) baseline_ = id;
            keepRuns();
        }
        Q_EMIT runsChanged();
    };
    const Throttle<Evaluation> windows(&jobs_, between_partials,
                                       [receive](const Evaluation& so_far) { receive(so_far, false); });
    EvaluationSpec spec{run.choice.window, run.choice.windows, run.name.toStdString()};
    const double tokens = static_cast<double>(run.choice.window * run.choice.windows);
    return jobs_.submit<Evaluation>(
        request({}, tr("Evaluate %1").arg(run.name), std::move(after), tokens),
        [chain, spec, model = model(), tokenizer = opened_.tokenizer, full = run.full_precision,
         text = run.choice.text.toStdString(), offer = windows.handle()](JobContext& ctx) {
            return graticule::evaluate(model, full ? nullptr : chain->quantized, *tokenizer,
                                       load_text(text, BuiltInText::evaluation), spec, ctx, offer);
        },
        [receive](std::shared_ptr<const Evaluation> evaluation) { receive(*evaluation, true); }, reporter());
}

void Session::evaluate(const EvaluationChoice& choice, Calibrate when) {
    if (!recipeReady(tr("Evaluate"))) return;
    if (!opened_.tokenizer) {
        Q_EMIT failed(tr("Evaluate"),
                      tr("The model has no tokenizer: %1").arg(QString::fromStdString(opened_.tokenizer_problem)));
        return;
    }
    if (!fullPrecisionRun(choice)) {
        Run& baseline = addRun(true, choice);
        baseline.jobs = {evaluateInto(baseline, std::make_shared<Chain>(), {})};
        // Differences refer to full precision under the same protocol unless somebody chose another baseline.
        const Run* before = run(baseline_);
        if (!before || before->full_precision) baseline_ = baseline.id;
    }
    const auto& plans = resolution_.resolved->plans();
    const bool anything = std::any_of(plans.begin(), plans.end(),
                                      [](const auto& plan) { return plan && plan->choice != SchemeChoice{}; });
    if (anything) {
        const auto chain = std::make_shared<Chain>();
        std::vector<JobId> jobs; // the run's own, which go when it is removed; a calibration may serve others as well
        if (quantized_ && quantized_->recipe == recipe()) {
            chain->quantized = quantized_;
        } else {
            auto after = provideStats(*chain, when);
            if (!after) return;
            jobs.push_back(quantizeInto(chain, std::move(*after), {})); // untagged: a run is never replaced by the next
        }
        Run& run = addRun(false, choice);
        jobs.push_back(evaluateInto(run, chain, jobs));
        run.jobs = jobs;
    }
    Q_EMIT runsChanged();
}

} // namespace graticule
