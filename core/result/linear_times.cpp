#include "core/result/linear_times.h"

#include <algorithm>
#include <cstdio>

namespace graticule {

std::string TimedPass::text() const {
    if (phase == SpeedPhase::prefill) return "prefill of " + std::to_string(length) + " tokens";
    return "decode step of " + std::to_string(batch) + (batch == 1 ? " sequence" : " sequences");
}

double LinearTimes::seconds() const {
    double sum = 0;
    for (const LinearTime& time : kinds) sum += time.seconds;
    return sum;
}

double LinearTimes::seconds_of_one(std::string_view kind) const {
    const auto found = std::ranges::find(kinds, kind, &LinearTime::kind);
    return found == kinds.end() ? 0 : found->seconds / static_cast<double>(found->linears);
}

bool TimeBudget::holds(double linears_seconds) const {
    return linears_seconds <= seconds * (1 + 1e-9); // sums over linears are rounded
}

std::string TimeBudget::text() const {
    char number[64];
    std::snprintf(number, sizeof number, "%.6g ms", 1e3 * seconds);
    return std::string(number) + " of linears in a " + pass.text();
}

} // namespace graticule
