#include "core/engine/search_recipe.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <set>
#include <string_view>

#include "core/base/hold.h"
#include "core/engine/execution_scope.h"
#include "core/engine/measure_sensitivity.h"
#include "core/engine/run_provenance.h"
#include "core/engine/time_linears.h"
#include "core/format/quant_format.h"
#include "core/method/method.h"
#include "core/recipe/few_rules.h"
#include "core/recipe/scheme_allocation.h"
#include "core/runtime/predicted_damage.h"

namespace graticule {

namespace {

using Quantized = std::shared_ptr<const QuantizedModel>;

void check_candidate(const Recipe& recipe) {
    if (!recipe.rules.empty() || !recipe.ignore.empty())
        throw Error(ErrorKind::usage, summary_line(recipe) +
                                          " treats layers differently; a candidate is one scheme, and the search "
                                          "decides which layers have it");
    if (const MethodStep* step = step_of(recipe.defaults, Stage::transform))
        throw Error(ErrorKind::unsupported, summary_line(recipe) + ": " + step->method +
                                                " changes tensors beside the linears, so that layers cannot be chosen "
                                                "one by one; leave it out");
}

/// What layers of one block may not have differently, and what would be done twice.
void check_candidates(std::span<const Recipe> candidates) {
    for (std::size_t i = 0; i < candidates.size(); ++i) {
        check_candidate(candidates[i]);
        const SchemeChoice &first = candidates.front().defaults, &other = candidates[i].defaults;
        for (const OperandName& row : operand_names())
            if (row.operand != Operand::weight && row.operand != Operand::input &&
                first.scheme[row.operand] != other.scheme[row.operand])
                throw Error(ErrorKind::usage, "the candidates " + summary_line(candidates.front()) + " and " +
                                                  summary_line(candidates[i]) + " round attention's operand " +
                                                  std::string(row.name) +
                                                  " differently, which belongs to the block and not to one layer; "
                                                  "give all candidates the same");
        for (std::size_t before = 0; before < i; ++before)
            if (candidates[before].defaults == other)
                throw Error(ErrorKind::usage,
                            "the candidate " + summary_line(candidates[i]) + " is there twice; name it once");
    }
}

/// The share of `other`'s pieces of a few tokens that stand in `text` as well, wherever.
double shared_text(std::span<const std::int32_t> text, std::span<const std::int32_t> other) {
    constexpr std::size_t piece = 24; // tokens that two texts have in common by chance no more
    const auto hash = [](std::span<const std::int32_t> tokens) {
        return std::hash<std::string_view>()(
            {reinterpret_cast<const char*>(tokens.data()), tokens.size() * sizeof(std::int32_t)});
    };
    if (text.size() < piece || other.size() < piece) return 0;
    std::set<std::size_t> there;
    for (std::size_t i = 0; i + piece <= text.size(); ++i) there.insert(hash(text.subspan(i, piece)));
    std::size_t shared = 0, pieces = 0;
    for (std::size_t i = 0; i + piece <= other.size(); i += piece, ++pieces)
        shared += there.contains(hash(other.subspan(i, piece))) ? 1 : 0;
    return static_cast<double>(shared) / static_cast<double>(pieces);
}

/// What a linear takes in the unit of the budget.
double size_of(const Linear& linear, const std::optional<TensorScheme>& scheme, const StoredParts& parts,
               const SizeBudget& budget) {
    return budget.bits ? weight_bits(linear, scheme, parts).actual : double(weight_bytes(linear, scheme, parts));
}

/// What each group takes under each candidate, in the budget's unit, and where candidates were timed, how long.
std::vector<SchemeOptions> options_of(const Model& model, std::span<const Quantized> candidates,
                                      const std::vector<LinearGroup>& linear_groups, const SizeBudget& budget,
                                      std::span<const LinearTimes> times) {
    std::vector<SchemeOptions> groups(linear_groups.size());
    for (std::size_t c = 0; c < candidates.size(); ++c)
        for (std::size_t i = 0; i < groups.size(); ++i) {
            SchemeOption option;
            for (const LayerId layer : linear_groups[i].layers) {
                const auto& quantized = candidates[c]->linears[index_of(layer)];
                const Linear& linear = model.linear(layer);
                const auto scheme = quantized ? quantized->choice.scheme.weight : std::nullopt;
                option.size += size_of(linear, scheme, quantized ? stored_parts(*quantized) : StoredParts{}, budget);
                if (!times.empty()) option.time += times[c].seconds_of_one(to_text(linear.role));
            }
            groups[i].push_back(option);
        }
    return groups;
}

/// Of every group under every candidate, what it is expected to cost.
void set_costs(std::vector<SchemeOptions>& groups, const Sensitivity& sensitivity) {
    for (std::size_t i = 0; i < groups.size(); ++i)
        for (std::size_t c = 0; c < groups[i].size(); ++c)
            groups[i][c].cost = sensitivity.schemes[c].layers[i].predicted;
}

/// What the groups may take together, in the unit of their options.
double limit_of(const Model& model, const SizeBudget& budget) {
    return budget.bits ? *budget.bits * linear_weights(model) : double(*budget.bytes - bytes_beside_weights(model));
}

[[noreturn]] void refuse_budget(const Model& model, const SizeBudget& budget, double least) {
    SizeBudget there;
    if (budget.bits)
        there.bits = least / linear_weights(model);
    else
        there.bytes = std::int64_t(least) + bytes_beside_weights(model);
    throw Error(ErrorKind::bad_input, "the budget of " + budget.text() +
                                          " is below what the smallest candidates take, " + there.text() +
                                          "; allow more, or name smaller candidates");
}

/// Refuses a budget that no choice can be in, as far as sizes are known before anything is quantized.
void check_budget(const Workbench& work, std::span<const Recipe> candidates, Grouping grouping,
                  const SizeBudget& budget) {
    const Model& model = *work.model();
    std::vector<ResolvedRecipe> resolved;
    for (const Recipe& recipe : candidates) resolved.push_back(work.resolve(recipe));
    double least = 0;
    for (const LinearGroup& group : linear_groups(model, grouping)) {
        double smallest = HUGE_VAL;
        for (const ResolvedRecipe& candidate : resolved) {
            double size = 0;
            for (const LayerId layer : group.layers) {
                const auto& plan = candidate.plans()[index_of(layer)];
                const Linear& linear = model.linear(layer);
                const auto scheme = plan ? plan->choice.scheme.weight : std::nullopt;
                const StoredParts parts =
                    plan ? expected_parts(plan->choice, linear).value_or(StoredParts{}) : StoredParts{};
                size += size_of(linear, scheme, parts, budget);
            }
            smallest = std::min(smallest, size);
        }
        least += smallest;
    }
    if (least > limit_of(model, budget)) refuse_budget(model, budget, least);
}

/// The same for what is known of candidates that are quantized and timed.
void check_limits(const std::vector<SchemeOptions>& groups, const Model& model, const SizeBudget& budget,
                  const std::optional<TimeBudget>& time) {
    std::vector<std::size_t> smallest;
    for (const SchemeOptions& options : groups)
        smallest.push_back(std::size_t(std::ranges::min_element(options, {}, &SchemeOption::size) - options.begin()));
    const double least = sum_of(groups, smallest).size, limit = limit_of(model, budget);
    if (least > limit) refuse_budget(model, budget, least);
    if (!time) return;
    TimeBudget there = *time;
    there.seconds = sum_of(groups, fastest_choice(groups, limit)).time;
    if (there.seconds > time->seconds)
        throw Error(ErrorKind::bad_input, "the budget of " + time->text() + " is below the least there is within " +
                                              budget.text() + ", " + there.text() +
                                              "; allow more time or a larger size, or name faster candidates");
}

/// The integer formats from the narrowest of the candidates to the widest: a budget between two of them is best spent on
/// one in the middle.
std::vector<const QuantFormat*> integer_formats(std::span<const Recipe> candidates) {
    const auto is_integer = [](const QuantFormat& format) {
        return format.grid.shape == CodeGrid::Shape::lattice && format.grid.special_count == 0;
    };
    int least = std::numeric_limits<int>::max(), most = 0;
    for (const Recipe& recipe : candidates)
        if (const auto& weight = recipe.defaults.scheme.weight; weight && is_integer(*weight->format)) {
            least = std::min(least, weight->format->bits);
            most = std::max(most, weight->format->bits);
        }
    std::vector<const QuantFormat*> formats;
    for (const QuantFormat& format : all_formats())
        if (is_integer(format) && format.bits >= least && format.bits <= most) formats.push_back(&format);
    return formats;
}

/// Recipes for all layers alike that a searched one may be compared with: the candidates, and each with other groups and
/// other widths.
std::vector<SearchPoint> uniform_recipes(const Model& model, std::span<const Recipe> candidates) {
    std::vector<SearchPoint> points;
    std::set<std::string> seen;
    const auto add = [&](const Recipe& recipe) {
        const std::string line = to_line(recipe.defaults);
        if (!seen.insert(line).second) return;
        if (const Resolution resolution = resolve(recipe, model); resolution.resolved) {
            SearchPoint& point = points.emplace_back();
            point.name = line;
            point.recipe = recipe;
            point.size = resolution.resolved->size();
        }
    };
    for (const Recipe& recipe : candidates) add(recipe);
    const std::vector<const QuantFormat*> widths = integer_formats(candidates);
    for (const Recipe& recipe : candidates) {
        const auto& weight = recipe.defaults.scheme.weight;
        if (!weight || weight->levels.size() != 1) continue;
        std::vector<Granularity> grains = {{Granularity::Kind::channel, 0}};
        for (const int group : {128, 64, 32, 16}) grains.push_back({Granularity::Kind::group, group});
        std::vector<const QuantFormat*> formats = {weight->format};
        if (std::ranges::find(widths, weight->format) != widths.end()) formats = widths;
        for (const QuantFormat* format : formats)
            for (const Granularity grain : grains) {
                Recipe other = recipe;
                other.defaults.scheme.weight->format = format;
                other.defaults.scheme.weight->levels.front().grain = grain;
                add(other);
            }
    }
    return points;
}

/// Those worth measuring: the largest few in the budget, and the next larger ones.
std::vector<SearchPoint> near_the_budget(std::vector<SearchPoint> points, const SizeBudget& budget) {
    constexpr std::ptrdiff_t below = 3, above = 2;
    std::ranges::stable_sort(points, {}, [](const SearchPoint& point) { return point.size.bits_per_weight.actual; });
    const auto over = std::ranges::find_if(points, [&](const SearchPoint& point) { return !budget.holds(point.size); });
    return {over - std::min(over - points.begin(), below), over + std::min(points.end() - over, above)};
}

/// Candidates that hold both budgets, the largest few: what is near the budget of size may all be too slow.
void add_candidates_in_time(std::vector<SearchPoint>& points, const std::vector<SearchPoint>& all,
                            std::span<const Recipe> candidates, const SizeBudget& budget, const SearchTimes& times) {
    constexpr int few = 3;
    std::vector<const SearchPoint*> holding;
    for (std::size_t c = 0; c < candidates.size(); ++c)
        for (const SearchPoint& point : all)
            if (point.recipe == candidates[c] && budget.holds(point.size) &&
                times.budget.holds(times.candidates[c].seconds()))
                holding.push_back(&point);
    const auto bits = [](const SearchPoint& point) { return point.size.bits_per_weight.actual; };
    std::ranges::stable_sort(holding, std::greater(), [&](const SearchPoint* point) { return bits(*point); });
    for (std::size_t i = 0; i < holding.size() && i < few; ++i)
        if (std::ranges::find(points, holding[i]->recipe, &SearchPoint::recipe) == points.end())
            points.push_back(*holding[i]);
    std::ranges::stable_sort(points, {}, bits);
}

/// Of the groups under these schemes: their damages' sum, and their projections' mean square.
std::pair<double, double> predicted_of(const Sensitivity& sensitivity, const std::vector<std::size_t>& choice) {
    double sum = 0;
    std::vector<double> together(sensitivity.schemes.front().layers.front().projections.size());
    for (std::size_t i = 0; i < choice.size(); ++i) {
        const LayerSensitivity& group = sensitivity.schemes[choice[i]].layers[i];
        sum += group.predicted;
        std::ranges::transform(together, group.projections, together.begin(), std::plus());
    }
    return {sum, mean_square(together)};
}

SearchTimes time_candidates(Workbench& work, std::span<const Quantized> candidates, const TimeBudget& budget,
                            JobContext& ctx) {
    SearchTimes times{
        budget, {}, run_provenance(open_device(ctx.device), timing_execution(*work.model(), ctx), {}, {})};
    times.provenance.protocol = "medians of passes, one candidate after another";
    ctx.progress.begin("Timing " + std::to_string(candidates.size()) + " candidates", std::ssize(candidates));
    for (const Quantized& candidate : candidates) {
        times.candidates.push_back(time_linears(work.model(), candidate, budget.pass, ctx));
        ctx.advance();
    }
    return times;
}

void set_predicted(SearchPoint& point, const Sensitivity& sensitivity, const std::vector<std::size_t>& choice) {
    std::tie(point.predicted.emplace(), point.predicted_together.emplace()) = predicted_of(sensitivity, choice);
}

} // namespace

std::span<const std::string_view> default_candidates() {
    static constexpr std::string_view lines[] = {
        "w=int3/asym/g64:f16", "w=int3/asym/g32:f16",     "w=int4/asym/channel:f16", "w=int4/asym/g64:f16",
        "w=int4/asym/g32:f16", "w=int5/asym/channel:f16", "w=int6/asym/g64:f16",     "w=int8/asym/channel"};
    return lines;
}

std::shared_ptr<const RecipeSearch> search_recipe(Workbench& work, const SearchSpec& spec, const Corpus& fit_text,
                                                  const Corpus& held_out_text, JobContext& ctx) {
    GRATICULE_ASSERT(spec.budget.bits.has_value() != spec.budget.bytes.has_value(), "one budget");
    const WorkClock clock;
    const Model& model = *work.model();
    if (spec.candidates.size() < 2)
        throw Error(ErrorKind::usage, "a search needs at least two candidates to choose from");
    check_candidates(spec.candidates);
    check_budget(work, spec.candidates, spec.grouping, spec.budget);
    std::optional<TimeBudget> time = spec.time;
    if (time) {
        if (!(time->seconds > 0 && std::isfinite(time->seconds)))
            throw Error(ErrorKind::usage, "a budget of time is above 0; give some milliseconds");
        time->pass = fitted_pass(time->pass, model);
        (void)timing_execution(model, ctx);
    }
    const auto windows = [&](const Corpus& corpus, const EvaluationSpec& windows_of) {
        std::vector<std::int32_t> used;
        const std::vector<std::int32_t> ids = tokenize(work.tokenizer(), corpus);
        for (const auto& window : evaluation_windows(ids, corpus, windows_of))
            used.insert(used.end(), window.begin(), window.end());
        return used;
    };
    constexpr double most_shared = 0.1; // phrases that any two texts have
    if (const double shared = shared_text(windows(fit_text, spec.fit), windows(held_out_text, spec.held_out));
        shared > most_shared)
        throw Error(ErrorKind::usage, std::to_string(std::lround(100 * shared)) +
                                          " % of the text that recipes are measured on is in the text that damage is "
                                          "predicted on; what was searched on one text must be measured on another");

    auto result = std::make_shared<RecipeSearch>();
    result->budget = spec.budget;
    std::vector<Quantized> candidates = work.quantize_together(spec.candidates, ctx);
    if (time) result->times = time_candidates(work, candidates, *time, ctx);
    std::vector<SchemeOptions> groups = options_of(
        model, candidates, linear_groups(model, spec.grouping), spec.budget,
        result->times ? std::span<const LinearTimes>(result->times->candidates) : std::span<const LinearTimes>());
    check_limits(groups, model, spec.budget, time);
    SensitivitySpec asked;
    asked.text = spec.fit;
    asked.draws = spec.draws;
    asked.grouping = spec.grouping;
    result->sensitivity = predict_sensitivity(work.model(), candidates, work.tokenizer(), fit_text, asked, ctx);
    const Sensitivity& sensitivity = *result->sensitivity;

    set_costs(groups, sensitivity);
    result->choice =
        allocate_schemes(groups, {limit_of(model, spec.budget), time ? std::optional(time->seconds) : std::nullopt});
    std::vector<SchemeChoice> choices(model.linears().size());
    for (std::size_t i = 0; i < groups.size(); ++i)
        for (const LayerId layer : sensitivity.schemes.front().layers[i].layers)
            choices[index_of(layer)] = spec.candidates[result->choice[i]].defaults;
    SearchPoint& searched = result->searched;
    searched.name = "searched";
    searched.recipe = recipe_with_few_rules(model, choices);
    searched.recipe.name = "searched under " + result->budget_text();
    searched.recipe.calibration = spec.candidates.front().calibration;
    searched.size = work.resolve(searched.recipe).size();
    GRATICULE_ASSERT(spec.budget.holds(searched.size), "a choice within its budget");
    set_predicted(searched, sensitivity, result->choice);
    if (time) searched.predicted_seconds = sum_of(groups, result->choice).time;
    candidates.clear(); // their codes are not needed for measuring

    const std::vector<SearchPoint> alike = uniform_recipes(model, spec.candidates);
    result->uniform = near_the_budget(alike, spec.budget);
    if (time) add_candidates_in_time(result->uniform, alike, spec.candidates, spec.budget, *result->times);
    std::vector<Recipe> recipes = {searched.recipe};
    for (SearchPoint& point : result->uniform) {
        const auto own = std::ranges::find(spec.candidates, point.recipe);
        if (own != spec.candidates.end()) {
            const auto place = std::size_t(own - spec.candidates.begin());
            set_predicted(point, sensitivity, std::vector(groups.size(), place));
            if (time) point.predicted_seconds = point.seconds = result->times->candidates[place].seconds();
        }
        recipes.push_back(point.recipe);
    }
    EvaluationSpec held_out = spec.held_out;
    held_out.predictions = true;
    const auto runs = [&] {
        Execution as_predicted = ctx.execution;
        if (as_predicted.compute == Compute::automatic) as_predicted.compute = prediction_execution.compute;
        const ExecutionScope scope(ctx, as_predicted);
        return work.compare(recipes, true, held_out_text, held_out, ctx);
    }();
    result->baseline = runs.front().evaluation;
    if (time) ctx.progress.begin("Timing what was measured", std::ssize(recipes));
    const auto measure = [&](SearchPoint& point, const Workbench::ComparedRun& run) {
        if (time && !point.seconds)
            point.seconds = time_linears(work.model(), run.quantized, time->pass, ctx).seconds();
        if (time) ctx.advance();
        point.evaluation = run.evaluation;
        point.divergence = *divergence_between(*result->baseline, *run.evaluation);
        point.size = run.quantized->size();
    };
    measure(searched, runs[1]);
    for (std::size_t i = 0; i < result->uniform.size(); ++i) measure(result->uniform[i], runs[i + 2]);
    result->judge();
    result->seconds = clock.seconds();
    return result;
}

} // namespace graticule
