#include "core/result/speed_study.h"

#include <algorithm>

namespace graticule {

std::string_view to_text(SpeedPhase phase) { return phase == SpeedPhase::prefill ? "prefill" : "decode"; }

void SpeedCeilings::take_better(const SpeedCeilings& other) {
    if (other.bytes_per_second > bytes_per_second) {
        bytes_per_second = other.bytes_per_second;
        bytes_by = other.bytes_by;
    }
    if (other.float_operations > float_operations) {
        float_operations = other.float_operations;
        float_by = other.float_by;
    }
    if (other.integer_operations && other.integer_operations > integer_operations) {
        integer_operations = other.integer_operations;
        integer_by = other.integer_by;
    }
}

double SpeedCeilings::share_of(const SpeedCeilings& best) const {
    double share = 1;
    const auto take = [&](double mine, double most) {
        if (most > 0) share = std::min(share, mine / most);
    };
    take(bytes_per_second, best.bytes_per_second);
    take(float_operations, best.float_operations);
    if (integer_operations && best.integer_operations) take(*integer_operations, *best.integer_operations);
    return share;
}

double SpeedWork::floor_seconds(const SpeedCeilings& ceilings) const {
    const double rate =
        integers ? ceilings.integer_operations.value_or(ceilings.float_operations) : ceilings.float_operations;
    return static_cast<double>(products) * std::max(bytes / ceilings.bytes_per_second, operations / rate);
}

std::string SpeedPoint::name() const {
    return phase == SpeedPhase::prefill ? "prefill " + std::to_string(length)
                                        : "decode " + std::to_string(batch) + " behind " + std::to_string(before);
}

std::string SpeedRun::stand_in() const {
    std::size_t simulated = 0, reference = 0, all = 0;
    for (const KernelUse& use : kernels) {
        if (use.kernel == "dense") continue; // layers that the recipe leaves as they are
        ++all;
        if (use.kernel == "simulated" || use.kernel == "dense, of rounded inputs") ++simulated;
        if (use.kernel.find("reference") != std::string::npos) ++reference;
    }
    if (simulated + reference == 0) return {};
    const std::string what = reference == 0 ? "simulated" : simulated == 0 ? "reference" : "simulated and reference";
    return (simulated + reference == all ? "" : "partly ") + what;
}

std::string SpeedRun::label() const {
    const std::string marks = stand_in();
    return marks.empty() ? name : name + " (" + marks + ")";
}

std::vector<std::string> SpeedStudy::problems() const {
    struct Problem {
        std::string runs, passes, reason; ///< passes empty: all
    };
    std::vector<Problem> all;
    for (const SpeedRun& run : runs)
        for (auto point = run.points.begin(); point != run.points.end();) {
            const auto behind = std::find_if(point, run.points.end(),
                                             [&](const SpeedPoint& other) { return other.problem != point->problem; });
            Problem one{run.name, {}, point->problem};
            if (point != run.points.begin() || behind != run.points.end())
                for (auto same = point; same != behind; ++same)
                    one.passes += (same == point ? "" : ", ") + same->name();
            if (!one.reason.empty()) {
                const auto known = std::find_if(all.begin(), all.end(), [&](const Problem& other) {
                    return other.passes == one.passes && other.reason == one.reason;
                });
                if (known == all.end())
                    all.push_back(std::move(one));
                else
                    known->runs += ", " + run.name;
            }
            point = behind;
        }
    std::vector<std::string> lines;
    for (const Problem& problem : all)
        lines.push_back(problem.runs + (problem.passes.empty() ? "" : " at " + problem.passes) + ": " + problem.reason);
    return lines;
}

std::optional<double> SpeedStudy::times_first(const SpeedRun& run, std::size_t point) const {
    const SpeedPoint& first = runs.front().points.at(point);
    const SpeedPoint& own = run.points.at(point);
    if (!first.measured() || !own.measured()) return std::nullopt;
    return first.seconds / own.seconds;
}

void SpeedStudy::take_ceilings(const SpeedCeilings& measured) {
    ceilings.take_better(measured);
    for (SpeedRun& run : runs)
        for (SpeedPoint& point : run.points) {
            point.floor_seconds = 0;
            for (SpeedShare& share : point.shares) {
                if (share.work.empty()) continue;
                share.floor_seconds = 0;
                for (const SpeedWork& work : share.work) *share.floor_seconds += work.floor_seconds(ceilings);
                point.floor_seconds += *share.floor_seconds;
            }
        }
}

} // namespace graticule
