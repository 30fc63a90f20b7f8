// The session's long work: each verb as a job, chained as the engine's plan says what needs what.
#include <QtCore/QFileInfo>
#include <QtCore/QPointer>
#include <algorithm>

#include "app/jobs/throttle.h"
#include "app/session/kept_reports.h"
#include "app/session/recipe_edit.h"
#include "app/session/run_names.h"
#include "app/session/session.h"
#include "core/base/cancel_point.h"
#include "core/engine/export.h"
#include "core/engine/kept_statistics.h"
#include "core/engine/resources.h"
#include "core/engine/study_lengths.h"
#include "core/method/method.h"
#include "core/runtime/settle_execution.h"
#include "widgets/models/number_text.h"

namespace graticule {

namespace {
constexpr std::chrono::milliseconds between_partials{100};

double average_input_bits(const LayerChoices& choices) {
    double sum = 0;
    std::size_t count = 0;
    for (const auto& choice : choices) {
        const auto& input = choice ? choice->scheme.input : std::optional<TensorScheme>();
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

Session::Statistics Session::statisticsOf(const CalibrationSpec& spec) {
    const QString folder = runs_.journal().beside("statistics");
    return [this, spec, model = model(), tokenizer = opened_.tokenizer, caches = caches_, keeps = !folder.isEmpty(),
            kept = kept_statistics(folder.toStdString())](JobContext& ctx, const StatsCallback& offer) -> Calibrated {
        bool there = false;
        const auto made_before = [&](const ActivationStats& asked) {
            auto found = find_statistics(kept, *model, asked, ctx);
            there = found != nullptr;
            return found;
        };
        const auto stats = graticule::calibrate(*model, *tokenizer, spec, ctx, offer, made_before);
        if (there) ctx.log("the statistics of this calibration were there from before");
        if (there || !keeps) return Calibrated{stats, there};
        const auto keep = [kept, model, stats] {
            try {
                return keep_statistics(kept, *model, *stats) ? QString() : tr("they are too large");
            } catch (const Error& error) {
                return QString::fromStdString(error.info().text());
            }
        };
        caches->ask<QString>(keep, this, [this](const QString& why) {
            kept_answer_.reset();
            if (!why.isEmpty()) Q_EMIT logged(tr("Statistics were not kept: %1").arg(why));
        });
        return Calibrated{stats, false};
    };
}

std::optional<JobId> Session::calibrateInto(const std::shared_ptr<Calibrated>& calibrated, const CalibrationSpec& spec,
                                            const QString& tag, const Execution& execution) {
    if (!opened_.tokenizer) {
        Q_EMIT failed(tr("Calibrate"),
                      tr("The model has no tokenizer: %1").arg(QString::fromStdString(opened_.tokenizer_problem)));
        return std::nullopt;
    }
    const double tokens = static_cast<double>(spec.samples * spec.length);
    const bool shown = spec == recipe().calibration;  // else of a run of before
    const auto ended = std::make_shared<bool>(false); // a snapshot may still be on its way when the result is there
    const Throttle<std::shared_ptr<const ActivationStats>> snapshots(
        &jobs_, between_partials * 3,
        [this, ended, shown, model = model()](const std::shared_ptr<const ActivationStats>& stats) {
            if (!*ended && shown && model == this->model()) takeStats(stats, false);
        });
    JobRequest asked = request(tag, tr("Calibrate, %1 × %2 tokens").arg(spec.samples).arg(spec.length), {}, tokens);
    asked.execution = execution;
    const JobId id = jobs_.submit<ActivationStats>(
        std::move(asked),
        [calibrated, statistics = statisticsOf(spec), offer = snapshots.handle()](JobContext& ctx) {
            *calibrated = statistics(ctx, offer);
            return calibrated->stats;
        },
        [this, ended, shown, model = model()](std::shared_ptr<const ActivationStats> stats) {
            *ended = true;
            if (shown && model == this->model()) takeStats(std::move(stats), true);
        },
        [this, ended, calibrated, model = model(), report = reporter()](const JobView& job) {
            *ended = true;
            if (job.state == JobState::done && calibrated->from_before) jobs_.note(job.id, tr("read from the cache"));
            if (calibrating_ && calibrating_->job == job.id) calibrating_.reset();
            const bool back = job.state != JobState::done && model == this->model() && !stats_complete_;
            if (back && complete_stats_)
                takeStats(complete_stats_, true);
            else if (back && job.state == JobState::failed) // what a file cut short went into, say
                dropStats();
            report(job);
        });
    calibrating_ = Calibrating{id, spec, to_text(execution), calibrated};
    return id;
}

Session::AtHand Session::statsAtHand(const CalibrationSpec& spec, const std::string& execution) const {
    if (complete_stats_ && complete_stats_->spec == spec && complete_stats_->provenance.execution == execution)
        return AtHand::there;
    return calibrating_ && calibrating_->spec == spec && calibrating_->execution == execution ? AtHand::under_way
                                                                                              : AtHand::no;
}

bool Session::joinStats(const Subject& subject, Chain& chain, std::vector<JobId>& after) const {
    const AtHand found = statsAtHand(subject.recipe.calibration, to_text(subject.execution));
    if (found == AtHand::there) chain.calibrated->stats = complete_stats_;
    if (found == AtHand::under_way) {
        chain.calibrated = calibrating_->calibrated;
        after = {calibrating_->job};
    }
    return found != AtHand::no;
}

bool Session::quantizedIs(const Recipe& recipe, bool calibrated, const Execution& execution) const {
    return quantized_ && quantized_->recipe == recipe &&
           (!calibrated || quantized_->provenance.execution == to_text(execution));
}

std::optional<Session::CalibrationUse> Session::calibrationOf(Calibrate when) const {
    using From = CalibrationUse::From;
    if (!model() || !resolution_.resolved) return std::nullopt;
    const ResolvedRecipe& resolved = *resolution_.resolved;
    const CalibrationSpec& spec = recipe().calibration;
    const bool there = !device_elsewhere_.empty(), needed = resolved.needs_calibration();
    const auto used = [&](From from) { return std::optional(CalibrationUse{spec, from}); };
    if (there && when == Calibrate::where_needed) return needed ? used(From::made_there) : std::nullopt;
    const Execution execution = settled();
    const AtHand at_hand = statsAtHand(spec, to_text(execution));
    PlanHave have;
    have.statistics = at_hand != AtHand::no;
    have.quantized = quantizedIs(recipe(), needed, execution);
    const std::vector<Step> steps = plan_of({Step::evaluate, &resolved, when == Calibrate::always}, have);
    if (std::ranges::find(steps, Step::calibrate) != steps.end()) {
        const bool kept = kept_answer_ && kept_answer_->second && kept_answer_->first == keptQuestion();
        return used(kept ? From::kept : From::made_here);
    }
    if (there) return std::nullopt; // which takes nothing of here
    if (have.quantized) return needed ? used(From::weights) : std::nullopt;
    if (at_hand == AtHand::no) return std::nullopt;
    return used(at_hand == AtHand::there ? From::screen : From::job);
}

Session::KeptQuestion Session::keptQuestion() const {
    const CalibrationSpec& spec = recipe().calibration;
    const QDateTime written =
        spec.text.empty() ? QDateTime() : QFileInfo(QString::fromStdString(spec.text)).lastModified();
    return {spec, written, device_, to_text(settled())};
}

// The text is read and tokenized for it: somebody's own may be large.
void Session::lookWhetherKept(QObject* receiver, std::function<void()> then) {
    const auto use = calibrationOf();
    if (!use || use->from != CalibrationUse::From::made_here || !opened_.tokenizer) return;
    const KeptQuestion question = keptQuestion();
    if (kept_answer_ && kept_answer_->first == question) return;
    if (looking_) looking_->cancel.request();
    looking_ = std::make_shared<JobContext>();
    connect(receiver, &QObject::destroyed, this, [looking = looking_] { looking->cancel.request(); });
    const auto look = [kept = kept_statistics(runs_.journal().beside("statistics").toStdString()), model = model(),
                       tokenizer = opened_.tokenizer, spec = question.spec, device = device_, execution = settled(),
                       looking = looking_] {
        const CancelScope scope(*looking);
        looking->check_cancelled(); // another one is asked by now
        return has_statistics(kept, *model, *statistics_asked(*tokenizer, spec, open_device(device), execution));
    };
    caches_->ask<bool>(
        look, this,
        [this, model = model(), question, pointer = QPointer(receiver), then = std::move(then)](const bool& kept) {
            if (model != this->model()) return;
            kept_answer_ = {question, kept};
            if (pointer) then();
        });
}

JobId Session::calibrate(const CalibrationSpec& spec) {
    Recipe changed = recipe();
    changed.calibration = spec;
    setRecipe(std::move(changed), tr("calibration %1 × %2").arg(spec.samples).arg(spec.length));
    return calibrateInto(std::make_shared<Calibrated>(), spec, QStringLiteral("calibrate"), settled())
        .value_or(JobId{});
}

void Session::showReports() {
    takeReports(quantized_ ? *reports_of(*quantized_) : std::vector<LayerReport>(),
                quantized_ ? quantized_->recipe.calibration : CalibrationSpec());
}

void Session::takeReports(std::vector<LayerReport> reports, const CalibrationSpec& calibration) {
    reports_ = std::make_shared<const std::vector<LayerReport>>(std::move(reports));
    reports_calibration_ = calibration;
    Q_EMIT reportsChanged();
}

std::shared_ptr<const LayerReport> Session::measured(LayerId layer, const SchemeChoice& choice) const {
    const CalibrationSpec& calibration = recipe().calibration;
    const std::string line = to_line(without_defaults(choice));
    std::shared_ptr<const LayerReport> unseen; // measured without its outputs
    const auto serves = [&](const LayerReport* report) {
        return report && report->output_mse && (!unseen || unseen->weight_mse == report->weight_mse);
    };
    const auto keep_unseen = [&](const auto& reports, const LayerReport* report) {
        if (report && !report->output_mse && !unseen && !stats_complete_) unseen = {reports, report};
    };
    if (reports_calibration_ == calibration) { // perhaps of a quantization under way, in no order
        const auto found = std::ranges::find_if(
            *reports_, [&](const LayerReport& report) { return report.layer == layer && report.scheme_line == line; });
        const LayerReport* report = found == reports_->end() ? nullptr : &*found;
        if (serves(report)) return {reports_, report};
        keep_unseen(reports_, report);
    }
    // The newest; where that was made without a calibration, what was measured of the same codes before.
    for (auto run = runs_.all().rbegin(); run != runs_.all().rend(); ++run) {
        if (!run->reports || run->recipe.calibration != calibration) continue;
        const LayerReport* report = find_report(*run->reports, layer, line);
        if (serves(report)) return {run->reports, report};
        keep_unseen(run->reports, report);
    }
    return unseen;
}

namespace {
constexpr std::int64_t evaluated_tokens = 16'384; // at each length: enough windows to tell lengths apart

LengthStudySpec lengths_spec(const Recipe& recipe, const Model& model) {
    LengthStudySpec spec{.text = recipe.calibration.text};
    std::erase_if(spec.lengths, [&](std::int64_t length) { return length > model.config().max_positions; });
    return spec;
}
} // namespace

Session::LengthsOffer Session::lengthsOffer() const {
    const QString line = QString::fromStdString(summary_line(recipe()));
    if (!resolution_.resolved) return {line, QString::fromStdString(resolution_.diagnostics.text())};
    const LengthStudySpec spec = lengths_spec(recipe(), *model());
    QStringList lengths;
    for (const std::int64_t length : spec.lengths) lengths << thousands_text(length);
    const auto count = std::ssize(spec.lengths);
    const CalibrationSpec& own = recipe().calibration;
    const bool same = own.pick == CalibrationSpec::Pick::first && own.samples * own.length == spec.tokens;
    const QString instead =
        same ? QString()
             : tr(" instead of the recipe's %1, so that every length sees the same tokens").arg(samples_text(own));
    const QString what = tr("%1: calibrated on %2 tokens of %3%8, cut to %4; each evaluated at these lengths, and full "
                            "precision: %5 quantizations, %6 evaluations of up to %7 tokens of the built-in text")
                             .arg(line, thousands_text(spec.tokens),
                                  spec.text.empty() ? tr("the built-in text") : QString::fromStdString(spec.text),
                                  lengths.join(QStringLiteral(", ")), thousands_text(count),
                                  thousands_text(count * (count + 1)), thousands_text(evaluated_tokens), instead);
    if (!resolution_.resolved->needs_calibration())
        return {what, tr("Nothing in %1 depends on a calibration: it comes out the same at every length. Choose a "
                         "method that is calibrated, such as GPTQ or SmoothQuant")
                          .arg(line)};
    return {what, {}};
}

void Session::studyLengths(std::int64_t target, bool measure) {
    if (!model()) return;
    const QString title = tr("Measure calibration lengths");
    if (const QString refusal = measure ? lengthsOffer().refusal : QString(); !refusal.isEmpty()) {
        Q_EMIT failed(title, refusal);
        return;
    }
    const LengthStudySpec spec = lengths_spec(recipe(), *model());
    const double tokens = static_cast<double>(spec.tokens) * static_cast<double>(spec.lengths.size());
    jobs_.submit<CalibrationLengths>(
        request(QStringLiteral("lengths"),
                measure ? title + QStringLiteral(", ") + QString::fromStdString(summary_line(recipe()))
                        : tr("Compare calibration lengths"),
                {}, measure ? 0 : tokens),
        [spec, target, measure, opened = opened_, recipe = recipe()](JobContext& ctx) {
            LengthStudySpec whole = spec;
            if (measure)
                whole.matrix =
                    LengthStudySpec::Matrix{recipe, load_text({}, BuiltInText::evaluation), {}, evaluated_tokens};
            Workbench work;
            work.adopt(opened);
            const auto study = study_lengths(work, whole, ctx);
            return std::make_shared<const CalibrationLengths>(
                CalibrationLengths{recipe, *study, advise_length(*study, target)});
        },
        [this, model = model()](std::shared_ptr<const CalibrationLengths> lengths) {
            if (model != this->model()) return;
            lengths_ = std::move(lengths);
            const LengthAdvice& advice = lengths_->advice;
            Q_EMIT logged(tr("Calibrate at %1 tokens for sequences of %2: %3")
                              .arg(advice.length)
                              .arg(advice.target)
                              .arg(QString::fromStdString(advice.reason)));
            keepDecisions();
            Q_EMIT decisionsChanged();
        },
        reporter());
}

void Session::measureSpeed(const SpeedSpec& spec) {
    if (!model()) return;
    const auto take = [this, model = model()](std::shared_ptr<const SpeedStudy> study) {
        if (model != this->model()) return;
        speed_study_ = std::move(study);
        Q_EMIT speedChanged();
    };
    const Throttle<SpeedStudy> partial(&jobs_, between_partials, [take](const SpeedStudy& so_far) {
        take(std::make_shared<const SpeedStudy>(so_far));
    });
    jobs_.submit<SpeedStudy>(
        request(QStringLiteral("speed"), tr("Measure speed"), {}, 0),
        [spec, opened = opened_, offer = partial.handle(), what_ifs = &what_ifs_](JobContext& ctx) {
            const WhatIfService::Quiet quiet(*what_ifs); // they would take the processors from what is timed
            Workbench work;
            work.adopt(opened);
            return measure_speed(work, spec, ctx, offer);
        },
        take, reporter());
}

namespace {
/// What one of several runs brings into the pass in which they are quantized together.
struct QuantizationPart {
    ResolvedRecipe resolved;
    std::function<std::shared_ptr<const ActivationStats>()> stats; ///< there when the pass begins
    std::function<void(const std::vector<LayerReport>&)> offer;
    std::function<void(std::shared_ptr<const QuantizedModel>)> take;
};

void quantize_parts(const std::shared_ptr<const Model>& model, const std::filesystem::path& journal,
                    std::span<JobRunner::Share> shares, JobContext& ctx) {
    std::vector<QuantizationSide> sides;
    std::vector<const QuantizationPart*> parts;
    for (const JobRunner::Share& share : shares) {
        parts.push_back(static_cast<const QuantizationPart*>(share.part.get()));
        sides.push_back({parts.back()->resolved, parts.back()->stats(), &share.cancel});
    }
    std::vector<std::vector<LayerReport>> reports(sides.size());
    const auto tell = [&](std::size_t side, const LayerReport& report) {
        reports[side].push_back(report);
        parts[side]->offer(reports[side]);
    };
    const auto quantized = quantize_together(model, sides, ctx, tell, journal);
    for (std::size_t i = 0; i < shares.size(); ++i) {
        parts[i]->take(quantized[i]);
        shares[i].result = quantized[i];
    }
}
} // namespace

// Recipes of runs that wait at the same moment are quantized in one pass over the blocks.
JobId Session::quantizeInto(const Subject& subject, const ChainPtr& chain, std::vector<JobId> after,
                            const QString& tag) {
    const auto ended = std::make_shared<bool>(false);
    const Throttle<std::vector<LayerReport>> partial(
        &jobs_, between_partials,
        [this, ended, model = model(), of_before = subject.of_before,
         calibration = subject.recipe.calibration](const std::vector<LayerReport>& so_far) {
            if (*ended || of_before || model != this->model()) return;
            takeReports(so_far, calibration);
        });
    const auto part = std::make_shared<const QuantizationPart>(QuantizationPart{
        *subject.resolved, [chain] { return chain->calibrated->stats; }, partial.handle(),
        [chain](std::shared_ptr<const QuantizedModel> quantized) { chain->quantized = std::move(quantized); }});
    JobRequest asked =
        request(tag, tr("Quantize %1").arg(QString::fromStdString(summary_line(subject.recipe))), std::move(after), 0);
    asked.execution = subject.execution;
    if (tag.isEmpty())
        asked.together = QStringLiteral("quantize model %1").arg(reinterpret_cast<quintptr>(model().get()));
    return jobs_.submitTogether<QuantizedModel>(
        std::move(asked), part,
        [model = model(), journal = runs_.journal().quantizationFile().toStdString()](
            std::span<JobRunner::Share> shares, JobContext& ctx) { quantize_parts(model, journal, shares, ctx); },
        [this, ended, model = model(), of_before = subject.of_before,
         quantized_recipe = subject.recipe](std::shared_ptr<const QuantizedModel> quantized) {
            *ended = true;
            if (of_before || model != this->model()) return;
            quantized_ = std::move(quantized);
            // From now on "current" is what was just made; edits after it are the candidate.
            setReference(quantized_recipe);
            showReports();
            wantWhatIfs(); // for what is not measured now
            Q_EMIT recipeChanged();
        },
        [this, ended, model = model(), quantized_recipe = subject.recipe, alone = !tag.isEmpty(),
         report = reporter()](const JobView& job) {
            *ended = true;
            if (job.state != JobState::done && model == this->model()) showReports(); // not the part that was made
            report(job);
            std::function<void()> say;
            if (alone && job.state != JobState::done)
                say = [this, quantized_recipe] {
                    if (const auto kept = keptOf(quantized_recipe))
                        Q_EMIT logged(tr("%1: quantizing again goes on behind them").arg(kept_text(*kept)));
                };
            runs_.lookAtKept(std::move(say));
        });
}

std::optional<KeptLinears> Session::keptOf(const Recipe& recipe) const {
    if (!model()) return std::nullopt;
    try {
        const auto kept = kept_linears(runs_.keptBlocks(), *model(), recipe, settled());
        return kept && kept->linears > 0 ? kept : std::nullopt;
    } catch (const Error&) { // the model's files have changed: its jobs will say so
        return std::nullopt;
    }
}

std::optional<JobId> Session::quantize() {
    if (!recipeReady(tr("Quantize"))) return std::nullopt;
    return queueSteps(subjectOfNow(), Step::quantize, Calibrate::where_needed, {});
}

Run Session::newRun(const EvaluationChoice& choice, const Execution& execution) const {
    Run run;
    run.full_precision = true;
    run.choice = choice;
    run.execution = execution;
    run.bytes = stored_bytes(*model());
    run.recipe.name = unquantized_name(*model());
    run.weight_bits = {stored_bits_per_weight(*model()), stored_bits_per_weight(*model())};
    run.name = QString::fromStdString(run.recipe.name);
    return run;
}

Run Session::newRun(const Recipe& recipe, const ResolvedRecipe& resolved, const EvaluationChoice& choice,
                    const QString& served_as) const {
    Run run;
    run.choice = choice;
    run.execution = settled();
    run.recipe = recipe;
    run.name = QString::fromStdString(summary_line(recipe));
    run.setSize(resolved.size());
    LayerChoices choices = choices_of(resolved);
    if (!served_as.isEmpty()) {
        const Target& target = target_named(served_as.toStdString());
        choices = served_choices(*model(), choices, check_served(*model(), choices, target), target);
        run.served_as = served_as;
        run.name += QStringLiteral(" as ") + served_as;
    }
    run.input_bits = average_input_bits(choices);
    return run;
}

namespace {
/// What one of several runs brings into the pass in which they are evaluated together.
struct EvaluationPart {
    std::function<std::shared_ptr<const QuantizedModel>()> quantized; ///< there when the pass begins
    std::string name;
    std::shared_ptr<const Evaluation> resume;
    std::function<void(Evaluation)> offer;
};

void evaluate_parts(const OpenedModel& opened, const Corpus& corpus, const EvaluationSpec& spec,
                    std::span<JobRunner::Share> shares, JobContext& ctx) {
    std::vector<EvaluationSide> sides;
    std::vector<const EvaluationPart*> parts;
    for (const JobRunner::Share& share : shares) {
        parts.push_back(static_cast<const EvaluationPart*>(share.part.get()));
        sides.push_back({parts.back()->quantized(), parts.back()->name, parts.back()->resume, &share.cancel});
    }
    const auto evaluations =
        evaluate_together(opened.model, sides, *opened.tokenizer, corpus, spec, ctx,
                          [&](std::size_t side, const Evaluation& so_far) { parts[side]->offer(so_far); });
    for (std::size_t i = 0; i < shares.size(); ++i)
        if (evaluations[i]->complete) shares[i].result = evaluations[i];
}
} // namespace

// Runs of one protocol that wait at the same moment pass the model's blocks together. One that goes on where it was
// stopped does so alone: the others would have it begin again.
JobId Session::evaluateInto(const Run& run, const ChainPtr& chain, std::vector<JobId> after) {
    const Throttle<Evaluation> windows(&jobs_, between_partials, [this, id = run.id, chain](const Evaluation& so_far) {
        const Run* here = runs_.find(id);
        const bool known = here && here->reports;
        runs_.receive(id, so_far, chain->quantized); // there before it began
        if (here && !known && here->reports) Q_EMIT reportsChanged();
    });
    const bool resumes = run.resumable();
    const auto part = std::make_shared<const EvaluationPart>(
        EvaluationPart{[chain, model = model(), full = run.full_precision, served_as = run.served_as.toStdString()] {
                           std::shared_ptr<const QuantizedModel> evaluated = full ? nullptr : chain->quantized;
                           if (!evaluated || served_as.empty()) return evaluated;
                           const Target& target = target_named(served_as);
                           return as_served(*evaluated, check_served(*model, choices_of(*evaluated), target), target);
                       },
                       run.name.toStdString(), resumes ? std::make_shared<const Evaluation>(*run.evaluation) : nullptr,
                       windows.handle()});
    EvaluationSpec spec;
    spec.window = run.choice.window;
    spec.max_windows = run.choice.windows;
    const double tokens = static_cast<double>(run.choice.window * run.choice.windows);
    JobRequest asked = request({}, tr("Evaluate %1").arg(run.name), std::move(after), tokens);
    asked.execution = run.execution; // as it was asked for
    if (!resumes)
        asked.together = QStringLiteral("evaluate %1 tokens, %2 windows, model %3, %4")
                             .arg(run.choice.window)
                             .arg(run.choice.windows)
                             .arg(reinterpret_cast<quintptr>(model().get()))
                             .arg(run.choice.text);
    return jobs_.submitTogether<Evaluation>(
        std::move(asked), part,
        [spec, opened = opened_, text = run.choice.text.toStdString()](std::span<JobRunner::Share> shares,
                                                                       JobContext& ctx) {
            evaluate_parts(opened, load_text(text, BuiltInText::evaluation), spec, shares, ctx);
        },
        [this, id = run.id, chain](std::shared_ptr<const Evaluation> evaluation) {
            runs_.finish(id, *evaluation, chain->quantized); // the engine thread is through with the chain
        },
        reporter());
}

void Session::evaluate(const EvaluationChoice& choice, Calibrate when, const QString& served_as) {
    if (!recipeReady(tr("Evaluate"))) return;
    if (!opened_.tokenizer) {
        Q_EMIT failed(tr("Evaluate"),
                      tr("The model has no tokenizer: %1").arg(QString::fromStdString(opened_.tokenizer_problem)));
        return;
    }
    try {
        if (!device_elsewhere_.empty()) return evaluateElsewhere(choice, when, served_as);
        queueSteps(subjectOfNow(), Step::evaluate, when, newRun(recipe(), *resolution_.resolved, choice, served_as));
    } catch (const Error& error) { // of a target that refuses the recipe
        Q_EMIT failed(tr("Evaluate"), QString::fromStdString(error.info().text()));
    }
}

QString Session::machineMissing(const Run& run) const {
    const QString host = run.madeOn();
    const bool there = host.isEmpty() || (machine_ && machine_->host() == host && !device_elsewhere_.empty());
    return there ? QString() : host;
}

void Session::continueRun(int id) {
    const Run* run = runs_.find(id);
    if (!run || run->alive() || run->in_another_window) return;
    const QString title = tr("Continue %1").arg(run->name);
    if (!opened_.tokenizer)
        return Q_EMIT failed(
            title, tr("The model has no tokenizer: %1").arg(QString::fromStdString(opened_.tokenizer_problem)));
    if (const QString host = machineMissing(*run); !host.isEmpty())
        return Q_EMIT failed(title, tr("It ran on %1, of which no device evaluates now: connect to that machine first, "
                                       "by “elsewhere …” in the list of devices, or choose its device in that list")
                                        .arg(host));
    if (!run->madeOn().isEmpty()) { // its windows are of that machine
        queueElsewhere(*run);
        runs_.keep();
        return Q_EMIT runsChanged();
    }
    if (run->full_precision) {
        queueRun(*run, std::make_shared<Chain>(), {});
        runs_.keep();
        return Q_EMIT runsChanged();
    }
    const Resolution resolution = resolve(run->recipe, *model());
    if (!resolution.resolved) return Q_EMIT failed(title, QString::fromStdString(resolution.diagnostics.text()));
    queueSteps({run->recipe, resolution.resolved, run->execution, true}, Step::evaluate, Calibrate::where_needed, *run);
}

// Jobs for the steps of the plan, each after those whose results it takes.
std::optional<JobId> Session::queueSteps(const Subject& subject, Step goal, Calibrate when, std::optional<Run> run) {
    const auto chain = std::make_shared<Chain>();
    std::vector<JobId> after; // of the calibration, which may serve other runs as well ...
    std::vector<JobId> own;   // ... and of this run alone, which go when it is removed
    PlanHave have;
    have.statistics = joinStats(subject, *chain, after);
    have.quantized = run && quantizedIs(subject.recipe, subject.resolved->needs_calibration(), subject.execution);
    have.unquantized_evaluation = run && runs_.unquantized(run->protocol());
    if (have.quantized) chain->quantized = quantized_;
    for (const Step step : plan_of({goal, &*subject.resolved, when == Calibrate::always}, have)) {
        switch (step) {
        case Step::evaluate_unquantized:
            queueRun(newRun(run->choice, run->execution), std::make_shared<Chain>(), {});
            break;
        case Step::calibrate: {
            const auto job = calibrateInto(chain->calibrated, subject.recipe.calibration, {}, subject.execution);
            if (!job) return std::nullopt;
            after = {*job};
            break;
        }
        case Step::quantize: // a run is never replaced by the next; a quantization alone is
            if (after.empty() && !chain->calibrated->stats)
                Q_EMIT logged(tr("%1 is quantized without calibration: nothing is known of its layers' outputs. "
                                 "Calibrate first to have their errors measured.")
                                  .arg(QString::fromStdString(summary_line(subject.recipe))));
            own.push_back(quantizeInto(subject, chain, after, run ? QString() : QStringLiteral("quantize")));
            break;
        case Step::evaluate:
            queueRun(*run, chain, own);
            break;
        }
    }
    Q_EMIT runsChanged(); // the window keeps its draft
    if (run) runs_.keep();
    return own.empty() ? std::nullopt : std::optional(own.back());
}

void Session::queueRun(Run run, const ChainPtr& chain, std::vector<JobId> own) {
    const Run* stopped = runs_.stopped(run); // goes on where it stopped, perhaps before it began
    const int id = stopped ? stopped->id : runs_.add(std::move(run));
    runs_.show(id);
    own.push_back(evaluateInto(*runs_.find(id), chain, own));
    runs_.setJobs(id, own);
}

} // namespace graticule
