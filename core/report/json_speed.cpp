#include "core/report/json_results.h"

#include "core/base/error_word.h"

namespace graticule {
namespace {

using nlohmann::json;

json share_json(const SpeedShare& share) {
    json value = {{"kind", share.kind}, {"seconds", share.seconds}, {"share", share.share}};
    value["kernel"] = share.kernel.empty() ? json(nullptr) : json(share.kernel);
    value["floor_seconds"] = share.floor_seconds ? json(*share.floor_seconds) : json(nullptr);
    return value;
}

json point_json(const SpeedStudy& study, const SpeedRun& run, std::size_t index) {
    const SpeedPoint& point = run.points[index];
    json value = {{"phase", to_text(point.phase)}, {"batch", point.batch},     {"length", point.length},
                  {"tokens_before", point.before}, {"tokens", point.tokens()}, {"problem", nullptr}};
    if (!point.measured()) { // and no figures
        value["problem"] = point.problem;
        return value;
    }
    json shares = json::array();
    double layers_seconds = 0;
    for (const SpeedShare& share : point.shares) {
        shares.push_back(share_json(share));
        layers_seconds += share.seconds;
    }
    const std::optional<double> ratio = study.times_first(run, index);
    value.update({{"seconds", point.seconds},
                  {"least_seconds", point.least_seconds},
                  {"p10_seconds", point.p10_seconds},
                  {"p90_seconds", point.p90_seconds},
                  {"unsteady", point.unsteady()},
                  {"below_floor", point.below_floor()},
                  {"passes", point.passes},
                  {"one_by_one_seconds", point.one_by_one_seconds ? json(*point.one_by_one_seconds) : json(nullptr)},
                  {"tokens_per_second", point.tokens_per_second()},
                  {"times_first", ratio ? json(*ratio) : json(nullptr)},
                  {"peak_bytes", point.peak_bytes},
                  {"floor_seconds", point.floor_seconds},
                  {"layers_of", "another pass, the middle one of a few: its seconds are layers_seconds"},
                  {"layers_seconds", layers_seconds},
                  {"layers", shares}});
    return value;
}

json run_json(const SpeedStudy& study, const SpeedRun& run) {
    json points = json::array();
    for (std::size_t i = 0; i < run.points.size(); ++i) points.push_back(point_json(study, run, i));
    const std::string stand_in = run.stand_in();
    return {{"name", run.name},
            {"recipe", run.recipe_line.empty() ? json(nullptr) : json(run.recipe_line)},
            {"execution", to_text(run.execution)},
            {"stand_in", stand_in.empty() ? json(nullptr) : json(stand_in)},
            {"device_share", run.device_share},
            {"unsteady", run.unsteady()},
            {"weight_bytes", run.weight_bytes},
            {"kernels", to_json(run.kernels)},
            {"points", points}};
}

} // namespace

json to_json(const SpeedStudy& study) {
    const SpeedCeilings& ceilings = study.ceilings;
    json runs = json::array();
    for (const SpeedRun& run : study.runs) runs.push_back(run_json(study, run));
    json failure = nullptr;
    if (study.failure) failure = {{"kind", error_word(study.failure->kind)}, {"message", study.failure->message}};
    return {{"ceilings",
             {{"bytes_per_second", ceilings.bytes_per_second},
              {"bytes_by", ceilings.bytes_by},
              {"float_operations_per_second", ceilings.float_operations},
              {"float_by", ceilings.float_by},
              {"integer_operations_per_second",
               ceilings.integer_operations ? json(*ceilings.integer_operations) : json(nullptr)},
              {"integer_by", ceilings.integer_by.empty() ? json(nullptr) : json(ceilings.integer_by)}}},
            {"runs", runs},
            {"complete", study.complete},
            {"failure", failure},
            {"provenance", to_json(study.provenance)},
            {"seconds", study.seconds}};
}

} // namespace graticule
