#include "app/session/decisions_json.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "app/session/studies_json.h"
#include "core/base/error.h"
#include "core/report/json_results.h"
#include "core/report/read_results.h"

namespace graticule {

using nlohmann::json;

namespace {

std::optional<double> read_optional(const json& value) {
    return value.is_null() ? std::nullopt : std::optional(value.get<double>());
}

SpeedPhase read_phase(const std::string& text) {
    for (const SpeedPhase phase : {SpeedPhase::prefill, SpeedPhase::decode})
        if (to_text(phase) == text) return phase;
    throw Error(ErrorKind::bad_input, "\"" + text + "\" is no phase of a pass");
}

SearchPoint read_point(const json& value) {
    SearchPoint point;
    value.at("name").get_to(point.name);
    point.recipe = parse_recipe(value.at("recipe").dump());
    value.at("bits_per_weight").get_to(point.size.bits_per_weight.actual);
    value.at("ideal_bits_per_weight").get_to(point.size.bits_per_weight.ideal);
    value.at("bytes").get_to(point.size.bytes);
    point.predicted = read_optional(value.at("predicted"));
    point.predicted_together = read_optional(value.at("predicted_together"));
    if (value.contains("linears_seconds")) { // not in files of before
        point.predicted_seconds = read_optional(value.at("predicted_linears_seconds"));
        point.seconds = read_optional(value.at("linears_seconds"));
    }
    point.evaluation = std::make_shared<const Evaluation>(read_evaluation(value.at("evaluation")));
    point.divergence = read_divergence(value.at("divergence"));
    return point;
}

SearchTimes read_times(const json& value) {
    SearchTimes times;
    value.at("budget_seconds").get_to(times.budget.seconds);
    const json& pass = value.at("pass");
    times.budget.pass = {read_phase(pass.at("phase").get<std::string>()), pass.at("batch"), pass.at("length"),
                         pass.at("before")};
    for (const json& one : value.at("candidates")) {
        LinearTimes& candidate = times.candidates.emplace_back();
        one.at("scheme").get_to(candidate.scheme_line);
        for (const json& time : one.at("kinds"))
            candidate.kinds.push_back({time.at("kind"), time.at("kernel"), time.at("linears"), time.at("seconds")});
    }
    times.provenance = read_provenance(value.at("provenance"));
    return times;
}

/// Points are judged window by window.
void check_windows(const SearchPoint& point, std::size_t windows) {
    if (windows > 0 && point.divergence.window_means.size() == windows &&
        point.evaluation->window_losses.size() == windows)
        return;
    throw Error(ErrorKind::bad_input,
                "the searched point " + point.name + " was not measured over the same windows as its baseline");
}

std::vector<LayerId> read_linears(const json& value) {
    std::vector<LayerId> linears;
    for (const json& place : value) linears.push_back(LayerId{place.get<std::int32_t>()});
    return linears;
}

/// The groups' predictions; schemes in the order of their lines.
void read_groups(const json& groups, RecipeSearch& search, Sensitivity& sensitivity) {
    for (const auto& [line, predicted] : groups.at(0).at("predicted").items())
        sensitivity.schemes.push_back({line, {}});
    for (const json& group : groups) {
        for (SchemeSensitivity& scheme : sensitivity.schemes)
            scheme.layers.push_back({group.at("name"),
                                     read_linears(group.at("linears")),
                                     group.at("predicted").at(scheme.scheme_line).get<double>(),
                                     {},
                                     {}});
        const auto chosen = std::ranges::find(sensitivity.schemes, group.at("scheme").get<std::string>(),
                                              &SchemeSensitivity::scheme_line);
        if (chosen == sensitivity.schemes.end())
            throw Error(ErrorKind::bad_input,
                        "the scheme chosen for " + group.at("name").get<std::string>() + " is none of the candidates");
        search.choice.push_back(static_cast<std::size_t>(chosen - sensitivity.schemes.begin()));
    }
}

/// Whether every linear that is named is one of the model's.
bool names_linears_of(const Model& model, const Sensitivity& sensitivity) {
    for (const SchemeSensitivity& scheme : sensitivity.schemes)
        for (const LayerSensitivity& layer : scheme.layers)
            for (const LayerId linear : layer.layers)
                if (index_of(linear) >= model.linears().size()) return false;
    return true;
}

bool same_search(const RecipeSearch& a, const RecipeSearch& b) {
    return a.budget.bits == b.budget.bits && a.budget.bytes == b.budget.bytes &&
           a.times.has_value() == b.times.has_value() && (!a.times || a.times->budget == b.times->budget) &&
           a.searched.recipe == b.searched.recipe && a.baseline->protocol == b.baseline->protocol &&
           a.searched.divergence.window_means == b.searched.divergence.window_means &&
           a.baseline->provenance.model_hash == b.baseline->provenance.model_hash;
}

} // namespace

json search_to_json(const RecipeSearch& search) { return to_json(search, Timing::include); }

std::shared_ptr<const RecipeSearch> search_from_json(const json& value) {
    auto search = std::make_shared<RecipeSearch>();
    auto sensitivity = std::make_shared<Sensitivity>();
    search->budget.bits = read_optional(value.at("budget_bits"));
    if (const json& bytes = value.at("budget_bytes"); !bytes.is_null())
        search->budget.bytes = bytes.get<std::int64_t>();
    if (const auto times = value.find("linear_times"); times != value.end() && !times->is_null())
        search->times = read_times(*times);
    const json& fit = value.at("fit");
    sensitivity->protocol = read_protocol(fit.at("protocol"));
    sensitivity->provenance = read_provenance(fit.at("provenance"));
    fit.at("draws").get_to(sensitivity->draws);
    value.at("prediction_seconds").get_to(sensitivity->prediction_seconds);
    read_groups(value.at("groups"), *search, *sensitivity);
    search->sensitivity = std::move(sensitivity);
    search->baseline = std::make_shared<const Evaluation>(read_evaluation(value.at("baseline")));
    const std::size_t windows = search->baseline->window_losses.size();
    search->searched = read_point(value.at("searched"));
    check_windows(search->searched, windows);
    for (const json& point : value.at("uniform")) {
        search->uniform.push_back(read_point(point));
        check_windows(search->uniform.back(), windows);
    }
    value.at("seconds").get_to(search->seconds);
    search->judge();
    return search;
}

json sensitivity_to_json(const Sensitivity& sensitivity) { return to_json(sensitivity, Timing::include); }

std::shared_ptr<const Sensitivity> sensitivity_from_json(const json& value) {
    auto sensitivity = std::make_shared<Sensitivity>();
    for (const json& one : value.at("schemes")) {
        SchemeSensitivity& scheme = sensitivity->schemes.emplace_back();
        one.at("scheme").get_to(scheme.scheme_line);
        for (const json& layer : one.at("layers")) {
            scheme.layers.push_back({layer.at("name"),
                                     read_linears(layer.at("linears")),
                                     layer.at("predicted"),
                                     {},
                                     read_optional(layer.at("measured")),
                                     {}});
            if (const json& interval = layer.at("measured_interval"); !interval.is_null())
                scheme.layers.back().measured_interval = read_interval(interval);
        }
    }
    value.at("draws").get_to(sensitivity->draws);
    sensitivity->protocol = read_protocol(value.at("protocol"));
    sensitivity->provenance = read_provenance(value.at("provenance"));
    value.at("prediction_seconds").get_to(sensitivity->prediction_seconds);
    value.at("measuring_seconds").get_to(sensitivity->measuring_seconds);
    return sensitivity;
}

void decisions_to_json(const Decisions& decisions, json& document) {
    json searches = json::array();
    for (const auto& search : decisions.searches) searches.push_back(search_to_json(*search));
    if (!searches.empty()) document["searches"] = std::move(searches);
    if (decisions.sensitivity) document["sensitivity"] = sensitivity_to_json(*decisions.sensitivity);
    if (decisions.divergence) document["divergence"] = study_to_json(*decisions.divergence);
    if (decisions.task) document["task"] = study_to_json(*decisions.task);
    if (decisions.lengths) document["lengths"] = study_to_json(*decisions.lengths);
}

Decisions decisions_from_json(const json& document) {
    Decisions decisions;
    if (const auto searches = document.find("searches"); searches != document.end())
        for (const json& search : *searches) decisions.searches.push_back(search_from_json(search));
    if (const auto sensitivity = document.find("sensitivity"); sensitivity != document.end())
        decisions.sensitivity = sensitivity_from_json(*sensitivity);
    if (const auto study = document.find("divergence"); study != document.end())
        decisions.divergence = divergence_study_from_json(*study);
    if (const auto study = document.find("task"); study != document.end())
        decisions.task = task_study_from_json(*study);
    if (const auto lengths = document.find("lengths"); lengths != document.end())
        decisions.lengths = lengths_from_json(*lengths);
    return decisions;
}

Decisions decisions_of(Decisions all, const Model& model, const std::string& model_hash) {
    std::erase_if(all.searches, [&](const auto& search) {
        return search->baseline->provenance.model_hash != model_hash || !names_linears_of(model, *search->sensitivity);
    });
    if (all.sensitivity &&
        (all.sensitivity->provenance.model_hash != model_hash || !names_linears_of(model, *all.sensitivity)))
        all.sensitivity.reset();
    if (all.divergence && all.divergence->provenance.model_hash != model_hash) all.divergence.reset();
    if (all.task && all.task->sides.back().provenance.model_hash != model_hash) all.task.reset();
    if (all.lengths && (all.lengths->study.provenance.model_hash != model_hash ||
                        all.lengths->study.sites.size() != model.input_sites().size()))
        all.lengths.reset();
    return all;
}

Decisions merged(Decisions first, const Decisions& second) {
    for (const auto& search : second.searches)
        if (std::ranges::none_of(first.searches, [&](const auto& known) { return same_search(*known, *search); }))
            first.searches.push_back(search);
    if (second.sensitivity) first.sensitivity = second.sensitivity;
    if (second.divergence) first.divergence = second.divergence;
    if (second.task) first.task = second.task;
    if (second.lengths) first.lengths = second.lengths;
    return first;
}

} // namespace graticule
