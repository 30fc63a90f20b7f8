// The session's work beyond perplexity: which layers suffer, recipes under a budget, where a recipe departs from full
// precision, how both go on from a prompt.
#include <algorithm>

#include "app/jobs/throttle.h"
#include "app/session/advice.h"
#include "app/session/session.h"
#include "core/engine/answer_task.h"
#include "core/engine/measure_sensitivity.h"
#include "core/engine/resources.h"
#include "core/engine/search_recipe.h"
#include "core/method/method.h"

namespace graticule {

namespace {

constexpr std::int64_t fit_window = 256, fit_windows = 16; // as the command line's `search`
constexpr std::chrono::milliseconds between_partials{100};

EvaluationSpec spec_of(const EvaluationChoice& choice) {
    EvaluationSpec spec;
    spec.window = choice.window;
    spec.max_windows = choice.windows;
    return spec;
}

EvaluationSpec fit_spec(const Model& model) {
    EvaluationSpec spec;
    spec.window = model.config().max_positions > 0 ? std::min(fit_window, model.config().max_positions) : fit_window;
    spec.max_windows = fit_windows;
    return spec;
}

/// The schemes that the recipe's layers have, each for all layers, and 8 bits in place of each: what 8 bits buy is told
/// under the inputs that the layer has.
std::vector<Recipe> schemes_of(const ResolvedRecipe& resolved) {
    std::vector<Recipe> schemes;
    const auto add = [&](const SchemeChoice& choice) {
        Recipe recipe;
        recipe.defaults = without_defaults(choice); // as rules name it: plans have every parameter
        recipe.calibration = resolved.recipe().calibration;
        if (std::ranges::find(schemes, recipe) == schemes.end()) schemes.push_back(recipe);
    };
    for (const auto& plan : resolved.plans())
        if (plan) add(plan->choice);
    for (std::size_t i = 0, own = schemes.size(); i < own; ++i) add(with_eight_bits(schemes[i].defaults));
    return schemes;
}

/// Puts a study of the model that is open now into its place, if that model still is when the study comes.
template <class Study>
std::function<void(std::shared_ptr<const Study>)> taken_by(Session& session, std::shared_ptr<const Study>& place) {
    return [&session, &place, model = session.model()](std::shared_ptr<const Study> study) {
        if (model != session.model()) return;
        place = std::move(study);
        Q_EMIT session.decisionsChanged();
    };
}

} // namespace

const LayerSensitivity* Session::sensitivityOf(LayerId layer, const SchemeChoice& choice) const {
    const std::string line = to_line(without_defaults(choice));
    const auto in = [&](const std::shared_ptr<const Sensitivity>& sensitivity) -> const LayerSensitivity* {
        if (!sensitivity) return nullptr;
        for (const SchemeSensitivity& scheme : sensitivity->schemes)
            if (scheme.scheme_line == line)
                for (const LayerSensitivity& one : scheme.layers)
                    if (one.layers.size() == 1 && one.layers.front() == layer) return &one;
        return nullptr;
    };
    return in(sensitivity_.finished);
}

template <class Study>
void Session::grow(
    JobRequest request, Growing<Study>& place,
    std::function<std::shared_ptr<const Study>(JobContext&, const std::function<void(Study)>& offer)> work,
    std::function<void()> done) {
    const auto ended = std::make_shared<bool>(false); // an offer may still be on its way when the result is there
    const Throttle<Study> partial(&jobs_, between_partials,
                                  [this, ended, &place, model = model()](const Study& so_far) {
                                      if (*ended || model != this->model()) return;
                                      place.under_way = std::make_shared<const Study>(so_far);
                                      Q_EMIT studyGrew();
                                  });
    jobs_.submit<Study>(
        std::move(request),
        [work = std::move(work), offer = partial.handle()](JobContext& ctx) { return work(ctx, offer); },
        [this, ended, &place, done = std::move(done), model = model()](std::shared_ptr<const Study> study) {
            *ended = true;
            if (model != this->model()) return;
            place = {std::move(study), nullptr};
            if (done) done();
            Q_EMIT decisionsChanged();
        },
        [this, ended, &place, model = model(), report = reporter()](const JobView& job) {
            const bool over = std::exchange(*ended, true);
            if (!over && model == this->model()) {
                place.under_way.reset();
                Q_EMIT decisionsChanged();
            }
            report(job);
        });
}

void Session::predictSensitivity(const EvaluationChoice& choice, std::int64_t measured) {
    if (!recipeReady(tr("Predict sensitivity"))) return;
    JobRequest asked = request(QStringLiteral("sensitivity"),
                               measured > 0 ? tr("Measure sensitivity") : tr("Predict sensitivity"), {}, 0);
    asked.execution = execution_; // open where nobody asked for a type: predictions have theirs
    grow<Sensitivity>(
        std::move(asked), sensitivity_,
        [recipes = schemes_of(*resolution_.resolved), choice, measured,
         opened = opened_](JobContext& ctx, const std::function<void(Sensitivity)>& offer) {
            Workbench work;
            work.adopt(opened);
            std::vector<std::shared_ptr<const QuantizedModel>> schemes;
            for (const Recipe& recipe : recipes) schemes.push_back(work.quantize(recipe, false, ctx));
            SensitivitySpec spec;
            spec.text = measured > 0 ? spec_of(choice) : fit_spec(*opened.model);
            spec.measured = measured;
            const Corpus text = measured > 0 ? load_text(choice.text.toStdString(), BuiltInText::evaluation)
                                             : load_text({}, BuiltInText::calibration);
            return measure_sensitivity(work.model(), schemes, work.tokenizer(), text, spec, ctx, offer);
        },
        [this] { keepDecisions(); });
}

void Session::searchRecipe(const SizeBudget& budget, const EvaluationChoice& choice) {
    if (!model()) return;
    SearchSpec spec;
    spec.budget = budget;
    spec.held_out = spec_of(choice);
    spec.fit = fit_spec(*model());
    for (const std::string_view line : default_candidates()) {
        Recipe recipe = read_recipe(std::string(line));
        recipe.calibration = this->recipe().calibration;
        if (resolve(recipe, *model()).resolved) spec.candidates.push_back(std::move(recipe));
    }
    JobRequest asked = request({}, tr("Search, %1").arg(QString::fromStdString(budget.text())), {}, 0);
    asked.execution = execution_; // as predictSensitivity()
    jobs_.submit<RecipeSearch>(
        std::move(asked),
        [spec, choice, opened = opened_](JobContext& ctx) {
            Workbench work;
            work.adopt(opened);
            return search_recipe(work, spec, load_text({}, BuiltInText::calibration),
                                 load_text(choice.text.toStdString(), BuiltInText::evaluation), ctx);
        },
        [this, model = model()](std::shared_ptr<const RecipeSearch> search) {
            if (model != this->model()) return;
            Q_EMIT logged(QString::fromStdString(search->verdict()));
            searches_.push_back(std::move(search));
            keepDecisions();
            Q_EMIT decisionsChanged();
        },
        reporter());
}

namespace {

/// Of the windows so far, now and then: every figure is made anew of all tokens, so that more than a small share of the
/// time must not go there. The two evaluations go on growing.
class DivergenceTeller {
public:
    DivergenceTeller(DivergenceStudy begun, const std::function<void(DivergenceStudy)>& offer)
        : study_(std::move(begun))
        , offer_(offer) {}

    void operator()(std::size_t side, const Evaluation& so_far) {
        if (side == 0) baseline_ = &so_far;
        if (side == 0 || Clock::now() < next_) return;
        const auto began = Clock::now();
        study_.protocol = so_far.protocol;
        study_.text = QString::fromStdString(so_far.provenance.data_name);
        study_.divergence = *divergence_between(*baseline_, so_far);
        study_.divergence.state_errors.clear(); // sums as yet
        offer_(study_);
        const auto now = Clock::now();
        next_ = now + std::max<Clock::duration>(between_partials, 10 * (now - began));
    }

private:
    using Clock = std::chrono::steady_clock;
    DivergenceStudy study_;
    const std::function<void(DivergenceStudy)>& offer_;
    const Evaluation* baseline_ = nullptr;
    Clock::time_point next_{};
};

} // namespace

void Session::measureDivergence(const EvaluationChoice& choice) {
    if (!recipeReady(tr("Measure divergence"))) return;
    grow<DivergenceStudy>(
        request(QStringLiteral("divergence"), tr("Measure divergence"), {}, 0), divergence_,
        [choice, recipe = recipe(), opened = opened_](JobContext& ctx,
                                                      const std::function<void(DivergenceStudy)>& offer) {
            Workbench work;
            work.adopt(opened);
            EvaluationSpec spec = spec_of(choice);
            spec.predictions = true;
            spec.likely = likely_shown;
            const Corpus text = load_text(choice.text.toStdString(), BuiltInText::evaluation);
            const auto runs = work.compare(std::span(&recipe, 1), true, text, spec, ctx,
                                           DivergenceTeller(DivergenceStudy{recipe, {}, {}, {}, {}}, offer));
            const Evaluation &baseline = *runs[0].evaluation, &evaluation = *runs[1].evaluation;
            return std::make_shared<const DivergenceStudy>(
                DivergenceStudy{recipe, evaluation.protocol, QString::fromStdString(evaluation.provenance.data_name),
                                *divergence_between(baseline, evaluation),
                                worst_passages(baseline, evaluation, work.tokenizer()), evaluation.provenance});
        },
        [this] { keepDecisions(); });
}

void Session::answerTask(const TaskAsked& asked) {
    const Task* task = find_task(asked.task.toStdString());
    const QString title =
        tr("Answer %1").arg(task ? QString::fromUtf8(task->label.data(), std::ssize(task->label)) : asked.task);
    if (!task || !recipeReady(title)) return;
    const TaskFiles files{asked.file.toStdString(), asked.labels.toStdString(), asked.examples.toStdString()};
    const bool made = quantized_ && quantized_->recipe == recipe();
    grow<TaskStudy>(
        request(QStringLiteral("task"), title, {}, 0), task_,
        [task, files, items = asked.items, recipe = recipe(), quantized = made ? quantized_ : nullptr,
         opened = opened_](JobContext& ctx, const std::function<void(TaskStudy)>& offer) {
            const auto set = std::make_shared<const TaskSet>(load_task(*task, files, items));
            Workbench work;
            work.adopt(opened);
            check_task(*set, work.tokenizer(), *work.model(), ctx); // before the recipe\'s long work
            const EvaluationSide sides[] = {{}, {quantized ? quantized : work.quantize(recipe, false, ctx), {}}};
            using Runs = std::span<const std::shared_ptr<const TaskRun>>;
            const auto study_of = [&](Runs runs) { return TaskStudy{recipe, set, {*runs[0], *runs[1]}}; };
            auto next = std::chrono::steady_clock::now();
            const auto tell = [&](Runs so_far) { // all of it is copied
                if (std::chrono::steady_clock::now() < next) return;
                offer(study_of(so_far));
                next = std::chrono::steady_clock::now() + 2 * between_partials;
            };
            return std::make_shared<const TaskStudy>(
                study_of(answer_task(work.model(), sides, work.tokenizer(), *set, ctx, tell)));
        },
        [this] { keepDecisions(); });
}

Decisions Session::decisions() const {
    return {searches_, sensitivity_.finished, divergence_.finished, task_.finished, lengths_};
}

namespace {
/// "2 searches, a sensitivity, answers to a task"
QString names_of(const Decisions& found) {
    QStringList names;
    if (const auto searches = found.searches.size(); searches > 0)
        names << (searches == 1 ? QObject::tr("a search") : QObject::tr("%1 searches").arg(searches));
    if (found.sensitivity) names << QObject::tr("a sensitivity");
    if (found.divergence) names << QObject::tr("a divergence");
    if (found.task) names << QObject::tr("answers to a task");
    if (found.lengths) names << QObject::tr("calibration lengths");
    return names.join(QStringLiteral(", "));
}
} // namespace

// What was found is kept at once: it took minutes.
void Session::keepDecisions() {
    const QString file = QString::fromStdString(model()->parts().path.string());
    if (decision_journal_.file(file).isEmpty()) return;
    runs_.keeper().keep(
        decision_journal_.file(file),
        [journal = decision_journal_, file, decisions = decisions()] { (void)journal.keep(file, decisions); }, this,
        [this](const QString& why) { Q_EMIT logged(tr("Results were not kept: %1").arg(why)); });
}

void Session::takeDecisions(std::function<Decisions()> read) {
    runs_.whenHashed([this, read = std::move(read), model = model()] {
        if (model != this->model()) return;
        jobs_.submit<Decisions>(
            {}, // untitled: as a rule it is done before anything new is found
            [read, model](JobContext& ctx) {
                return std::make_shared<const Decisions>(decisions_of(read(), *model, model->hash(ctx)));
            },
            [this, model](std::shared_ptr<const Decisions> found) {
                if (model != this->model()) return;
                pending_decisions_ = {};
                if (found->empty()) return;
                const Decisions all = merged(*found, decisions());
                searches_ = all.searches;
                sensitivity_.finished = all.sensitivity;
                divergence_.finished = all.divergence;
                task_.finished = all.task;
                lengths_ = all.lengths;
                keepDecisions();
                Q_EMIT logged(tr("Of before are back: %1").arg(names_of(*found)));
                Q_EMIT decisionsChanged();
            },
            [this, model](const JobView& job) {
                if (job.state == JobState::done || model != this->model()) return;
                Q_EMIT logged(
                    job.state == JobState::failed
                        ? tr("Earlier results were not read: %1").arg(QString::fromStdString(job.error.text()))
                        : tr("Reading earlier results was cancelled; they are still kept"));
            });
    });
}

void Session::continuePrompt(const QString& prompt, std::int64_t tokens) {
    const QString title = tr("Continue a prompt");
    if (!recipeReady(title)) return;
    const bool made = quantized_ && quantized_->recipe == recipe();
    jobs_.submit<PromptStudy>(
        request(QStringLiteral("generate"), title, {}, 0),
        [prompt = prompt.toStdString(), tokens, recipe = recipe(), quantized = made ? quantized_ : nullptr,
         opened = opened_](JobContext& ctx) {
            Workbench work;
            work.adopt(opened);
            const Tokenizer& tokenizer = work.tokenizer();
            (void)prompt_tokens(*work.model(), tokenizer, prompt, tokens); // before the recipe's long work
            auto study = std::make_shared<PromptStudy>();
            study->prompt = prompt;
            study->recipe = recipe;
            study->execution = ctx.execution;
            const EvaluationSide sides[] = {{}, {quantized ? quantized : work.quantize(recipe, false, ctx), {}}};
            study->sides = continue_prompt(work.model(), sides, tokenizer, prompt, tokens, ctx);
            study->first_parting = first_parting(study->sides[0], study->sides[1]);
            for (const Continuation& side : study->sides) {
                const std::size_t same = study->first_parting.value_or(side.tokens.size());
                study->same.push_back(text_before(side, same, tokenizer).value_or(side.text.size()));
            }
            return study;
        },
        taken_by(*this, prompt_study_), reporter());
}

} // namespace graticule
