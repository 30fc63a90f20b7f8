#include "core/report/json_results.h"

namespace graticule {
namespace {

using nlohmann::json;

json site_json(const SiteLengths& site, const std::vector<std::int64_t>& lengths) {
    json at = json::array();
    for (std::size_t i = 0; i < lengths.size(); ++i) {
        const LengthEffect& effect = site.at.at(i);
        json value = {{"length", lengths[i]}, {"max_abs", effect.absmax}};
        value["update_ratio"] = effect.update_ratio ? json(*effect.update_ratio) : json(nullptr);
        value["mean_update_ratio"] = effect.mean_update_ratio ? json(*effect.mean_update_ratio) : json(nullptr);
        at.push_back(std::move(value));
    }
    return {{"input", site.name}, {"layers", site.layers}, {"lengths", at}};
}

json evaluations_json(const std::vector<std::shared_ptr<const Evaluation>>& row, Timing timing) {
    json all = json::array();
    for (const auto& evaluation : row) all.push_back(to_json(*evaluation, timing));
    return all;
}

} // namespace

json to_json(const LengthStudy& study, Timing timing) {
    json inputs = json::array();
    for (const SiteLengths& site : study.sites) inputs.push_back(site_json(site, study.lengths));
    json value = {{"lengths", study.lengths},
                  {"tokens", study.tokens},
                  {"damping", study.damping},
                  {"inputs", inputs},
                  {"provenance", to_json(study.provenance)},
                  {"matrix", nullptr}};
    if (!study.evaluated.empty()) {
        json rows = json::array();
        for (std::size_t i = 0; i < study.lengths.size(); ++i)
            rows.push_back(
                {{"calibrated_at", study.lengths[i]}, {"runs", evaluations_json(study.perplexity.at(i), timing)}});
        value["matrix"] = {{"recipe", study.recipe_line},
                           {"evaluated_at", study.evaluated},
                           {"full_precision", evaluations_json(study.full_precision, timing)},
                           {"rows", rows}};
    }
    if (timing == Timing::include) value["seconds"] = study.seconds;
    return value;
}

json to_json(const LengthAdvice& advice) {
    return {{"target", advice.target},
            {"length", advice.length},
            {"paper_length", advice.own},
            {"basis", to_text(advice.basis)},
            {"median_update_ratio_change", advice.ratio_change},
            {"median_range_change", advice.range_change},
            {"most_changed", {{"input", advice.most_changed}, {"update_ratio_change", advice.most_change}}},
            {"insensitive_below", length_insensitive},
            {"evaluated_at", advice.evaluated_at ? json(*advice.evaluated_at) : json(nullptr)},
            {"measured", advice.measured ? to_json(*advice.measured) : json(nullptr)},
            {"reason", advice.reason}};
}

} // namespace graticule
