#include "core/engine/resolve.h"

#include <algorithm>
#include <set>

#include "core/base/error.h"
#include "core/engine/engine.h"
#include "core/method/method.h"
#include "core/method/rotation.h"
#include "core/recipe/layer_rules.h"

namespace graticule {

namespace {

std::string method_names() {
    std::string names;
    for (const MethodRow& row : all_methods()) names += (names.empty() ? "" : ", ") + std::string(row.name);
    return names;
}

std::string param_names(const MethodRow& row) {
    std::string names;
    for (const ParamSpec& spec : row.params) names += (names.empty() ? "" : ", ") + spec.name;
    return names.empty() ? "it takes none" : "it takes " + names;
}

LayerChoices choices_of(const std::vector<std::optional<LayerPlan>>& plans) {
    LayerChoices choices;
    for (const auto& plan : plans) choices.push_back(plan ? std::optional(plan->choice) : std::nullopt);
    return choices;
}

/// Problems of a choice that do not depend on the layer; `where` is the rule it came from.
Diagnostics check_choice(const SchemeChoice& choice, const std::string& where) {
    Diagnostics found;
    const auto error = [&](std::string text) { found.add(Severity::error, where, std::move(text)); };
    std::set<Stage> taken;
    std::set<std::string> said; // one cause, one message: an unknown name used twice, a weight that two methods miss
    for (const MethodStep& step : choice.steps) {
        const MethodRow* row = find_method(step.method);
        if (row == nullptr) {
            if (said.insert(step.method).second)
                error("there is no method \"" + step.method + "\"; methods are " + method_names());
            continue;
        }
        if (!taken.insert(row->stage()).second)
            error("there are two methods of the stage \"" + std::string(to_text(row->stage())) + "\", the second is " +
                  step.method + "; keep one");
        for (const auto& [name, value] : step.params) {
            const auto spec = std::find_if(row->params.begin(), row->params.end(),
                                           [&, &key = name](const ParamSpec& s) { return s.name == key; });
            if (spec == row->params.end())
                error(step.method + " has no parameter \"" + name + "\"; " + param_names(*row));
            else if (const std::string problem = check_param(*spec, value); !problem.empty())
                error(step.method + ": " + problem);
        }
        if (row->check != nullptr)
            if (const std::string problem = row->check(choice.scheme); !problem.empty() && said.insert(problem).second)
                error(step.method + ": " + problem);
    }
    for (const OperandName& operand : operand_names())
        if (const auto& scheme = choice.scheme[operand.operand])
            if (const std::string problem = check_operand_scheme(operand.operand, *scheme); !problem.empty())
                error(std::string(operand.name) + " " + to_text(*scheme) + ": " + problem);
    return found;
}

std::string rule_name(const Recipe& recipe, int rule) {
    if (rule < 0) return "defaults";
    return "rule " + std::to_string(rule + 1) + " (" + recipe.rules.at(std::size_t(rule)).pattern + ")";
}

} // namespace

struct Resolver {
    const Recipe& recipe;
    const Model& model;
    Resolution out;
    std::vector<std::optional<LayerPlan>> plans;
    LayerProblems problems; ///< of layers: a pattern of many is one message

    /// Which rule wins each linear; -2: ignored.
    std::vector<int> assign();
    /// How many layers it matches; says so when it matches none or cannot be asked.
    int count_matches(const LayerPattern& pattern, const std::string& where);
    void plan_layers(const std::vector<int>& winners);
    void check_layer(const Linear& linear, const SchemeChoice& choice);
    void check_attention(const Block& block);
    void check_fold_site(const FoldSite& site);
    void check_rotation();
    void check_anything_changes(const std::vector<int>& winners);
    void check_stored();
    void finish();
};

namespace {
constexpr int ignored = -2;
}

int Resolver::count_matches(const LayerPattern& pattern, const std::string& where) {
    if (!pattern.problem().empty()) {
        out.diagnostics.add(Severity::error, where, pattern.problem());
        return 0;
    }
    int matched = 0;
    for (const Linear& linear : model.linears()) switch (pattern.ask(linear.name)) {
        case LayerPattern::Answer::yes:
            ++matched;
            break;
        case LayerPattern::Answer::no:
            break;
        case LayerPattern::Answer::too_long:
            out.diagnostics.add(Severity::error, where, pattern.too_long_on(linear.short_name));
            return 0;
        }
    if (matched == 0)
        out.diagnostics.add(Severity::error, where,
                            "the pattern matches none of the " + std::to_string(model.linears().size()) +
                                " layers; their names are like " + model.linears().front().short_name);
    return matched;
}

std::vector<int> Resolver::assign() {
    const LayerRules rules(recipe);
    for (std::size_t i = 0; i < recipe.rules.size(); ++i)
        out.matches.push_back({int(i), count_matches(rules.rules()[i], rule_name(recipe, int(i))), 0});
    for (std::size_t i = 0; i < recipe.ignore.size(); ++i)
        count_matches(rules.ignored()[i], "ignore (" + recipe.ignore[i] + ")");
    std::vector<int> winners;
    for (const Linear& linear : model.linears()) {
        const LayerChoice decided = rules.choice_of(linear);
        winners.push_back(decided.ignored ? ignored : decided.rule);
    }
    for (const int winner : winners)
        if (winner >= 0) ++out.matches[std::size_t(winner)].won;
    for (const RuleMatch& match : out.matches)
        if (match.matched > 0 && match.won == 0)
            out.diagnostics.add(Severity::warning, rule_name(recipe, match.rule),
                                "all " + std::to_string(match.matched) +
                                    " layers it matches are taken by later rules or ignored");
    return winners;
}

void Resolver::check_layer(const Linear& linear, const SchemeChoice& choice) {
    const auto check = [&](const std::optional<TensorScheme>& scheme, std::int64_t columns, const char* what) {
        if (!scheme) return;
        if (const std::string problem = check_levels(scheme->levels, columns); !problem.empty())
            problems.add(std::string(what) + ": " + problem, linear.short_name);
    };
    check(choice.scheme.weight, linear.in_features(), "weight");
    check(choice.scheme.input, linear.in_features(), "input");
    if (linear.role != Role::q) return; // attention operands belong to the block; reported once, at its q
    const std::int64_t head_dim = model.config().head_dim;
    check(choice.scheme.query, head_dim, "query");
    check(choice.scheme.key, head_dim, "key");
    check(choice.scheme.value, head_dim, "value");
}

void Resolver::plan_layers(const std::vector<int>& winners) {
    std::set<int> in_use(winners.begin(), winners.end());
    std::set<int> broken;
    for (const int rule : in_use) {
        if (rule == ignored) continue;
        const SchemeChoice& choice = rule < 0 ? recipe.defaults : recipe.rules[std::size_t(rule)].choice;
        const Diagnostics found = check_choice(choice, rule_name(recipe, rule));
        if (found.has_errors()) broken.insert(rule);
        out.diagnostics.append(found);
    }
    plans.resize(model.linears().size());
    for (const Linear& linear : model.linears()) {
        const int rule = winners[index_of(linear.id)];
        if (rule == ignored) continue;
        SchemeChoice choice = rule < 0 ? recipe.defaults : recipe.rules[std::size_t(rule)].choice;
        check_layer(linear, choice);
        if (broken.contains(rule) || choice == SchemeChoice{}) continue;
        for (MethodStep& step : choice.steps) step.params = complete_params(*find_method(step.method), step.params);
        plans[index_of(linear.id)] = LayerPlan{linear.id, std::move(choice), rule};
    }
}

/// Query, key, value and probability are tensors of the block, so the block's attention linears must not disagree.
void Resolver::check_attention(const Block& block) {
    const LayerPlan* first = nullptr;
    for (const LayerId id : {block.q, block.k, block.v, block.o}) {
        const auto& plan = plans[index_of(id)];
        if (!plan) continue;
        if (first == nullptr) {
            first = &*plan;
            continue;
        }
        const QuantScheme &a = first->choice.scheme, &b = plan->choice.scheme;
        if (a.query == b.query && a.key == b.key && a.value == b.value && a.probability == b.probability) continue;
        problems.add("the attention operands (q, k, v, p) differ from those of the block's " +
                         std::string(to_text(model.linear(first->layer).role)) +
                         ", but a block has one attention; give all linears of the attention the same",
                     model.linear(id).short_name);
    }
}

/// A fold changes all consumers, so those that are quantized must want the same one.
void Resolver::check_fold_site(const FoldSite& site) {
    const MethodStep* first = nullptr;
    LayerId first_layer{};
    for (const LayerId id : site.consumers) {
        const auto& plan = plans[index_of(id)];
        if (!plan) continue;
        static const MethodStep none;
        const MethodStep* step = step_of(plan->choice, Stage::transform);
        if (step == nullptr) step = &none;
        if (first == nullptr) {
            first = step;
            first_layer = id;
        } else if (*step != *first) {
            problems.add("its transform differs from that of the block's " +
                             std::string(to_text(model.linear(first_layer).role)) +
                             ", but both read the same input, which can be scaled once only; give both the "
                             "same transform, with the same parameters",
                         model.linear(id).short_name);
        }
    }
}

/// A rotated residual stream is read by every block: all its readers have the same, or none has it.
void Resolver::check_rotation() {
    const LayerChoices choices = choices_of(plans);
    if (!residual_block(choices, model)) return;
    if (const std::string problem = why_residual_stays(model); !problem.empty())
        return out.diagnostics.add(Severity::error, "hadamard", "residual=true: " + problem);
    for (const Linear& linear : model.linears()) {
        const auto& choice = choices[index_of(linear.id)];
        if (!choice || !reads_residual(linear)) continue;
        if (const auto rotation = hadamard_of(*choice, linear, model); !rotation || !rotation->residual)
            problems.add("other layers have hadamard:residual=true, which rotates what this one reads as well; give "
                         "it to all that are quantized, or to none",
                         linear.short_name);
    }
}

/// A recipe that asks for nothing says so in its line ("none"); one that asks in vain would be a wrong label.
void Resolver::check_anything_changes(const std::vector<int>& winners) {
    if (out.diagnostics.has_errors()) return;
    if (std::any_of(plans.begin(), plans.end(), [](const auto& plan) { return plan.has_value(); })) return;
    const bool asks = recipe.defaults != SchemeChoice{} ||
                      std::any_of(recipe.rules.begin(), recipe.rules.end(),
                                  [](const Rule& rule) { return rule.choice != SchemeChoice{}; });
    if (!asks)
        return out.diagnostics.add(Severity::warning, "", "the recipe changes no layer; the model stays as it is");
    const auto taken = std::count(winners.begin(), winners.end(), ignored);
    const std::string layers = std::to_string(winners.size()) + " layers";
    out.diagnostics.add(Severity::error, "",
                        "the recipe quantizes no layer: " +
                            (taken == std::ssize(winners)
                                 ? "the ignore list takes all " + layers + "; take patterns out of it"
                                 : "rules without a scheme" + std::string(taken > 0 ? " and the ignore list" : "") +
                                       " take all " + layers + "; leave some to what does have one"));
}

/// The file's own quantization cannot be undone: what the recipe does comes on top of it.
void Resolver::check_stored() {
    const auto stored = stored_quantization(model);
    if (!stored) return;
    const auto quantizes = [](const auto& plan) { return plan && plan->choice.scheme.weight; };
    if (std::any_of(plans.begin(), plans.end(), quantizes))
        out.diagnostics.add(Severity::warning, "",
                            "the weights are stored quantized already (" + stored->format +
                                "); this recipe quantizes them a second time, on top of that error");
}

void Resolver::finish() {
    if (out.diagnostics.has_errors()) return;
    ResolvedRecipe resolved;
    resolved.recipe_ = recipe;
    const auto form_of = [&](const Linear& linear) -> LinearForm {
        const auto& plan = plans[index_of(linear.id)];
        if (!plan) return {};
        const auto parts = expected_parts(plan->choice, linear);
        resolved.size_is_exact_ = resolved.size_is_exact_ && parts;
        return {plan->choice.scheme.weight, parts.value_or(StoredParts{})};
    };
    resolved.size_ = size_of(model, form_of, residual_block(choices_of(plans), model).has_value());
    for (const auto& plan : plans) {
        if (!plan) continue;
        for (const OperandName& row : operand_names())
            if (const auto& scheme = plan->choice.scheme[row.operand];
                scheme && row.operand != Operand::weight && !scheme->dynamic)
                resolved.needs_calibration_ = true;
        for (const MethodStep& step : plan->choice.steps)
            if (find_method(step.method)->needs != Needs::nothing) resolved.needs_calibration_ = true;
    }
    resolved.plans_ = std::move(plans);
    out.resolved = std::move(resolved);
}

LayerChoices choices_of(const ResolvedRecipe& resolved) { return choices_of(resolved.plans()); }

Resolution resolve(const Recipe& recipe, const Model& model) {
    Resolver resolver{recipe, model, {}, {}, {}};
    const std::vector<int> winners = resolver.assign();
    resolver.plan_layers(winners);
    for (const Block& block : model.blocks()) resolver.check_attention(block);
    for (const FoldSite& site : model.fold_sites()) resolver.check_fold_site(site);
    resolver.check_rotation();
    resolver.problems.report(Severity::error, resolver.out.diagnostics);
    resolver.check_anything_changes(winners);
    resolver.check_stored();
    resolver.finish();
    return std::move(resolver.out);
}

} // namespace graticule
