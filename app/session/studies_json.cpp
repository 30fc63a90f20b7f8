#include "app/session/studies_json.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/report/json_results.h"
#include "core/report/read_results.h"

namespace graticule {

using nlohmann::json;

namespace {

Verdict read_verdict(const std::string& text) {
    for (const Verdict verdict : {Verdict::indistinguishable, Verdict::better, Verdict::worse, Verdict::undecided})
        if (to_text(verdict) == text) return verdict;
    throw Error(ErrorKind::bad_input, "\"" + text + "\" is no verdict");
}

std::optional<double> read_p(const json& value) {
    return value.is_null() ? std::nullopt : std::optional(value.get<double>());
}

std::vector<LikelyText> read_likely(const json& value) {
    std::vector<LikelyText> likely;
    for (const json& one : value) likely.push_back({one.at("text"), one.at("probability")});
    return likely;
}

Passage read_passage(const json& value) {
    Passage passage;
    value.at("window").get_to(passage.window);
    value.at("first").get_to(passage.first);
    value.at("mean").get_to(passage.mean);
    for (const json& token : value.at("tokens"))
        passage.tokens.push_back({token.at("text"), token.at("divergence"), token.at("loss_change"),
                                  token.at("baseline_choice"), token.at("choice"),
                                  read_likely(token.at("baseline_likely")), read_likely(token.at("likely"))});
    return passage;
}

json items_to_json(const TaskRun& run) {
    json items = json::array();
    for (const AnsweredItem& item : run.items)
        items.push_back(
            {item.place, item.gold, item.first_choice, item.right, item.right_norm, item.scores, item.bytes});
    return items;
}

json side_to_json(const TaskRun& run) {
    json value = to_json(run.protocol);
    value.update({{"run", run.run_name},
                  {"task", run.protocol.task},
                  {"label", run.protocol.label},
                  {"items", items_to_json(run)},
                  {"tokens", run.tokens},
                  {"shortened", run.shortened},
                  {"seconds", run.seconds},
                  {"provenance", to_json(run.provenance)}});
    return value;
}

TaskRun read_side(const json& value) {
    TaskRun run;
    value.at("run").get_to(run.run_name);
    TaskProtocol& protocol = run.protocol;
    value.at("task").get_to(protocol.task);
    value.at("label").get_to(protocol.label);
    value.at("file").get_to(protocol.file);
    value.at("items_used").get_to(protocol.items_used);
    value.at("items_there").get_to(protocol.items_there);
    value.at("spread").get_to(protocol.spread);
    value.at("examples").get_to(protocol.examples);
    protocol.execution = {parse_compute(value.at("precision").get<std::string>()),
                          parse_arithmetic(value.at("arithmetic").get<std::string>())};
    value.at("data_hash").get_to(protocol.data_hash);
    for (const json& item : value.at("items")) {
        AnsweredItem& answered = run.items.emplace_back();
        item.at(0).get_to(answered.place);
        item.at(1).get_to(answered.gold);
        item.at(2).get_to(answered.first_choice);
        item.at(3).get_to(answered.right);
        item.at(4).get_to(answered.right_norm);
        for (const json& score : item.at(5))
            answered.scores.push_back(score.is_null() ? -HUGE_VAL : score.get<double>());
        item.at(6).get_to(answered.bytes);
        if (answered.scores.empty() || answered.scores.size() != answered.bytes.size())
            throw Error(ErrorKind::bad_input, "the choices of " + answered.place + " have not one score each");
    }
    value.at("tokens").get_to(run.tokens);
    value.at("shortened").get_to(run.shortened);
    value.at("seconds").get_to(run.seconds);
    run.provenance = read_provenance(value.at("provenance"));
    return run;
}

bool flipped(const TaskStudy& study, std::size_t item) {
    const AnsweredItem &before = study.sides[0].items[item], &after = study.sides[1].items[item];
    return before.right != after.right || before.right_norm != after.right_norm;
}

json words_to_json(const TaskItem& item) {
    json choices = json::array(); // what stands before is written once where it is the same for all
    for (const TaskChoice& choice : item.choices)
        choices.push_back(
            {choice.context == item.choices.front().context && !choices.empty() ? json() : json(choice.context),
             choice.continuation});
    return choices;
}

TaskItem read_words(const json& value, const AnsweredItem& answered) {
    TaskItem item{{}, answered.gold, answered.place};
    for (const json& choice : value) {
        const json& context = choice.at(0);
        if (context.is_null() && item.choices.empty())
            throw Error(ErrorKind::bad_input, "nothing stands before the first choice of " + item.place);
        item.choices.push_back(
            {context.is_null() ? item.choices.at(0).context : context.get<std::string>(), choice.at(1)});
    }
    if (item.choices.size() != answered.scores.size() || item.gold >= item.choices.size())
        throw Error(ErrorKind::bad_input, "the choices of " + item.place + " are not those that were answered");
    return item;
}

SiteLengths read_site(const json& value, std::size_t place) {
    SiteLengths site{SiteId{static_cast<std::int32_t>(place)}, value.at("input"), value.at("layers"), {}};
    for (const json& one : value.at("lengths"))
        site.at.push_back(
            {read_p(one.at("update_ratio")), read_p(one.at("mean_update_ratio")), read_number(one.at("max_abs"))});
    return site;
}

std::vector<std::shared_ptr<const Evaluation>> read_runs(const json& value) {
    std::vector<std::shared_ptr<const Evaluation>> runs;
    for (const json& run : value) runs.push_back(std::make_shared<const Evaluation>(read_evaluation(run)));
    return runs;
}

void read_matrix(const json& value, LengthStudy& study) {
    value.at("recipe").get_to(study.recipe_line);
    value.at("evaluated_at").get_to(study.evaluated);
    study.full_precision = read_runs(value.at("full_precision"));
    for (const json& row : value.at("rows")) study.perplexity.push_back(read_runs(row.at("runs")));
}

/// What the advice and the panel take for granted.
void check_lengths(const LengthStudy& study, std::int64_t target) {
    const auto ascend = [](const std::vector<std::int64_t>& lengths) {
        return std::ranges::is_sorted(lengths) && std::ranges::all_of(lengths, [](auto length) { return length > 0; });
    };
    bool whole = target >= 2 && !study.lengths.empty() && ascend(study.lengths) && ascend(study.evaluated);
    for (const SiteLengths& site : study.sites) whole = whole && site.at.size() == study.lengths.size();
    if (!study.evaluated.empty()) {
        whole = whole && study.full_precision.size() == study.evaluated.size() &&
                study.perplexity.size() == study.lengths.size();
        for (const auto& row : study.perplexity) whole = whole && row.size() == study.evaluated.size();
    }
    if (!whole)
        throw Error(ErrorKind::bad_input, "the calibration lengths that were compared are not ascending, or figures of "
                                          "some of them are missing");
}

} // namespace

Interval read_interval(const json& value) {
    const json &low = value.at(0), &high = value.at(1);
    return {low.is_null() ? -HUGE_VAL : low.get<double>(), read_number(high)};
}

Divergence read_divergence(const json& value) {
    Divergence result;
    value.at("baseline").get_to(result.baseline_name);
    value.at("tokens").get_to(result.tokens);
    for (const auto& [name, place] : {std::pair{"mean", &result.mean},
                                      {"median", &result.median},
                                      {"p90", &result.p90},
                                      {"p99", &result.p99},
                                      {"maximum", &result.maximum},
                                      {"same_first_choice", &result.same_first_choice},
                                      {"mean_nll_difference", &result.mean_nll_difference}})
        value.at(name).get_to(*place);
    result.same_interval = read_interval(value.at("same_first_choice_interval"));
    result.nll_p = read_p(value.at("nll_difference_p_value"));
    if (const auto parting = value.find("first_parting"); parting != value.end()) // later than the others
        for (const json& tokens : parting->at("window_tokens"))
            result.partings.push_back(tokens.is_null() ? std::nullopt : std::optional(tokens.get<std::int64_t>()));
    value.at("window_means").get_to(result.window_means);
    value.at("position_means").get_to(result.position_means);
    for (const json& interval : value.at("position_intervals"))
        result.position_intervals.push_back(read_interval(interval));
    for (const json& error : value.at("state_errors")) result.state_errors.push_back(read_number(error));
    result.over_windows = {find_metric("divergence")->figure(result.window_means),
                           read_number(value.at("standard_error")), read_interval(value.at("interval"))};
    const json& choices = value.at("first_choices");
    choices.at("became_right").get_to(result.became_right);
    choices.at("became_wrong").get_to(result.became_wrong);
    choices.at("p_value").get_to(result.first_choice_p);
    result.nll_difference = {result.mean_nll_difference, read_number(value.at("nll_difference_error")),
                             read_interval(value.at("nll_difference_interval"))};
    result.verdict = read_verdict(value.at("verdict").get<std::string>());
    return result;
}

json study_to_json(const DivergenceStudy& study) {
    json worst = json::array();
    for (const Passage& passage : study.worst) worst.push_back(to_json(passage));
    return {{"recipe", json::parse(to_json(study.recipe))},
            {"protocol", to_json(study.protocol)},
            {"text", study.text.toStdString()},
            {"divergence", to_json(study.divergence)},
            {"worst", worst},
            {"provenance", to_json(study.provenance)}};
}

std::shared_ptr<const DivergenceStudy> divergence_study_from_json(const json& value) {
    auto study = std::make_shared<DivergenceStudy>();
    study->recipe = parse_recipe(value.at("recipe").dump());
    study->protocol = read_protocol(value.at("protocol"));
    study->text = QString::fromStdString(value.at("text").get<std::string>());
    study->divergence = read_divergence(value.at("divergence"));
    for (const json& passage : value.at("worst")) study->worst.push_back(read_passage(passage));
    study->provenance = read_provenance(value.at("provenance"));
    if (study->divergence.window_means.empty() ||
        study->divergence.position_means.size() != study->divergence.position_intervals.size())
        throw Error(ErrorKind::bad_input, "the divergence was measured over no window, or has not an interval for "
                                          "every place");
    return study;
}

json study_to_json(const TaskStudy& study) {
    json sides = json::array(), words = json::object();
    for (const TaskRun& side : study.sides) sides.push_back(side_to_json(side));
    for (std::size_t item = 0; item < study.set->items.size(); ++item)
        if (flipped(study, item)) words[std::to_string(item)] = words_to_json(study.set->items[item]);
    return {{"recipe", json::parse(to_json(study.recipe))},
            {"task", study.set->task->name},
            {"file", study.set->name},
            {"there", study.set->there},
            {"examples", study.set->examples},
            {"words", words},
            {"sides", sides}};
}

std::shared_ptr<const TaskStudy> task_study_from_json(const json& value) {
    auto study = std::make_shared<TaskStudy>();
    auto set = std::make_shared<TaskSet>();
    study->recipe = parse_recipe(value.at("recipe").dump());
    const std::string name = value.at("task");
    set->task = find_task(name);
    if (set->task == nullptr) throw Error(ErrorKind::bad_input, "there is no task " + name);
    value.at("file").get_to(set->name);
    value.at("there").get_to(set->there);
    value.at("examples").get_to(set->examples);
    for (const json& side : value.at("sides")) study->sides.push_back(read_side(side));
    if (study->sides.size() != 2 || study->sides[0].items.size() != study->sides[1].items.size())
        throw Error(ErrorKind::bad_input, "the answers to " + name + " are not of two sides to the same items");
    const json& words = value.at("words");
    for (std::size_t i = 0; i < study->sides[0].items.size(); ++i) {
        const AnsweredItem& answered = study->sides[0].items[i];
        if (answered.scores.size() != study->sides[1].items[i].scores.size())
            throw Error(ErrorKind::bad_input, "the two sides had other choices for " + answered.place);
        set->items.push_back(flipped(*study, i) ? read_words(words.at(std::to_string(i)), answered)
                                                : TaskItem{{}, answered.gold, answered.place});
    }
    study->set = std::move(set);
    return study;
}

json study_to_json(const CalibrationLengths& lengths) {
    return {{"recipe", json::parse(to_json(lengths.recipe))},
            {"target", lengths.advice.target},
            {"study", to_json(lengths.study, Timing::include)}};
}

std::shared_ptr<const CalibrationLengths> lengths_from_json(const json& value) {
    auto lengths = std::make_shared<CalibrationLengths>();
    lengths->recipe = parse_recipe(value.at("recipe").dump());
    const json& kept = value.at("study");
    LengthStudy& study = lengths->study;
    kept.at("lengths").get_to(study.lengths);
    kept.at("tokens").get_to(study.tokens);
    kept.at("damping").get_to(study.damping);
    for (const json& site : kept.at("inputs")) study.sites.push_back(read_site(site, study.sites.size()));
    if (const json& matrix = kept.at("matrix"); !matrix.is_null()) read_matrix(matrix, study);
    study.provenance = read_provenance(kept.at("provenance"));
    kept.at("seconds").get_to(study.seconds);
    const std::int64_t target = value.at("target");
    check_lengths(study, target);
    lengths->advice = advise_length(study, target);
    return lengths;
}

} // namespace graticule
