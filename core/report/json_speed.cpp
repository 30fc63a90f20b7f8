#include "core/report/json_results.h"

namespace graticule {
namespace {

using nlohmann::json;

json share_json(const SpeedShare& share) {
    json value = {{"kind", share.kind}, {"seconds", share.seconds}, {"share", share.share}};
    value["kernel"] = share.kernel.empty() ? json(nullptr) : json(share.kernel);
    value["floor_seconds"] = share.floor_seconds ? json(*share.floor_seconds) : json(nullptr);
    return value;
}

json point_json(const SpeedPoint& point) {
    json shares = json::array();
    for (const SpeedShare& share : point.shares) shares.push_back(share_json(share));
    return {{"phase", to_text(point.phase)},
            {"batch", point.batch},
            {"length", point.length},
            {"tokens_before", point.before},
            {"tokens", point.tokens()},
            {"seconds", point.seconds},
            {"least_seconds", point.least_seconds},
            {"p10_seconds", point.p10_seconds},
            {"p90_seconds", point.p90_seconds},
            {"unsteady", point.unsteady()},
            {"passes", point.passes},
            {"one_by_one_seconds", point.one_by_one_seconds ? json(*point.one_by_one_seconds) : json(nullptr)},
            {"tokens_per_second", point.tokens_per_second()},
            {"peak_bytes", point.peak_bytes},
            {"floor_seconds", point.floor_seconds},
            {"layers", shares}};
}

json run_json(const SpeedRun& run) {
    json points = json::array();
    for (const SpeedPoint& point : run.points) points.push_back(point_json(point));
    return {{"name", run.name},
            {"recipe", run.recipe_line.empty() ? json(nullptr) : json(run.recipe_line)},
            {"execution", to_text(run.execution)},
            {"weight_bytes", run.weight_bytes},
            {"kernels", to_json(run.kernels)},
            {"points", points}};
}

} // namespace

json to_json(const SpeedStudy& study) {
    const SpeedCeilings& ceilings = study.ceilings;
    json runs = json::array();
    for (const SpeedRun& run : study.runs) runs.push_back(run_json(run));
    return {{"ceilings",
             {{"bytes_per_second", ceilings.bytes_per_second},
              {"bytes_by", ceilings.bytes_by},
              {"float_operations_per_second", ceilings.float_operations},
              {"float_by", ceilings.float_by},
              {"integer_operations_per_second",
               ceilings.integer_operations ? json(*ceilings.integer_operations) : json(nullptr)},
              {"integer_by", ceilings.integer_by.empty() ? json(nullptr) : json(ceilings.integer_by)}}},
            {"runs", runs},
            {"provenance", to_json(study.provenance)},
            {"seconds", study.seconds}};
}

} // namespace graticule
