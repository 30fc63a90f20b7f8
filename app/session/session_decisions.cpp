// The session's work beyond perplexity: which layers suffer, recipes under a budget, where a recipe departs from full
// precision, how both go on from a prompt.
#include <algorithm>

#include "app/session/advice.h"
#include "app/session/session.h"
#include "core/engine/measure_sensitivity.h"
#include "core/engine/resources.h"
#include "core/engine/search_recipe.h"
#include "core/method/method.h"
#include "core/result/passages.h"

namespace graticule {

namespace {

constexpr std::int64_t fit_window = 256, fit_windows = 16; // as the command line's `search`

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

/// The schemes that the recipe's layers have, each for all layers, and what 8 bits in place of the most frequent would
/// be.
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
    add(with_eight_bits(schemes.empty() ? SchemeChoice{} : schemes.front().defaults));
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
    return in(sensitivity_);
}

void Session::predictSensitivity(const EvaluationChoice& choice, std::int64_t measured) {
    if (!recipeReady(tr("Predict sensitivity"))) return;
    const std::vector<Recipe> recipes = schemes_of(*resolution_.resolved);
    jobs_.submit<Sensitivity>(
        request(QStringLiteral("sensitivity"), tr("Predict sensitivity"), {}, 0),
        [recipes, choice, measured, opened = opened_](JobContext& ctx) {
            Workbench work;
            work.adopt(opened);
            std::vector<std::shared_ptr<const QuantizedModel>> schemes;
            for (const Recipe& recipe : recipes) schemes.push_back(work.quantize(recipe, false, ctx));
            SensitivitySpec spec;
            spec.text = measured > 0 ? spec_of(choice) : fit_spec(*opened.model);
            spec.measured = measured;
            const Corpus text = measured > 0 ? load_text(choice.text.toStdString(), BuiltInText::evaluation)
                                             : load_text({}, BuiltInText::calibration);
            return measure_sensitivity(work.model(), schemes, work.tokenizer(), text, spec, ctx);
        },
        taken_by(*this, sensitivity_), reporter());
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
    jobs_.submit<RecipeSearch>(
        request({}, tr("Search, %1").arg(QString::fromStdString(budget.text())), {}, 0),
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
            Q_EMIT decisionsChanged();
        },
        reporter());
}

void Session::measureDivergence(const EvaluationChoice& choice) {
    if (!recipeReady(tr("Measure divergence"))) return;
    jobs_.submit<DivergenceStudy>(
        request(QStringLiteral("divergence"), tr("Measure divergence"), {}, 0),
        [choice, recipe = recipe(), opened = opened_](JobContext& ctx) {
            Workbench work;
            work.adopt(opened);
            EvaluationSpec spec = spec_of(choice);
            spec.predictions = true;
            spec.likely = likely_shown;
            const Corpus text = load_text(choice.text.toStdString(), BuiltInText::evaluation);
            const auto runs = work.compare(std::span(&recipe, 1), true, text, spec, ctx);
            auto study = std::make_shared<DivergenceStudy>();
            study->recipe = recipe;
            study->baseline = runs[0].evaluation;
            study->evaluation = runs[1].evaluation;
            study->divergence = *divergence_between(*study->baseline, *study->evaluation);
            study->worst = worst_passages(*study->baseline, *study->evaluation, work.tokenizer());
            return study;
        },
        taken_by(*this, divergence_), reporter());
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
            auto study = std::make_shared<PromptStudy>();
            study->prompt = prompt;
            study->recipe = recipe;
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
