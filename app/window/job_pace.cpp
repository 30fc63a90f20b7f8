#include "app/window/job_pace.h"

#include <algorithm>

namespace graticule {

namespace {
constexpr double shortest = 1, longest = 20;  ///< seconds that a rate is taken over
constexpr std::size_t fewest = 3, most = 400; ///< looks with another count
constexpr double jitter = 0.5;                // of the clock of a job that stands
constexpr double even = 2;                    ///< halves whose rates differ by more say nothing of what comes
} // namespace

JobPace::Estimate JobPace::look(int job, const QString& stage, std::int64_t done, std::int64_t total, double seconds) {
    Stage& here = jobs_[job];
    const bool other =
        here.name != stage || here.total != total ||
        (!here.steps.empty() && (done < here.steps.back().done || seconds + jitter < here.steps.back().seconds));
    if (other) here = {stage, total, {}};
    auto& steps = here.steps;
    // The first step may be many of before at once: rates begin behind it.
    if (done > 0 && (steps.empty() || done != steps.back().done)) steps.push_back({seconds, done});
    while (steps.size() > most || (steps.size() > fewest && steps.back().seconds - steps[1].seconds > longest))
        steps.pop_front();
    if (steps.size() < fewest || steps.back().seconds - steps.front().seconds < shortest) return {};
    const Look first = steps.front(), last = steps.back();
    const double span = last.seconds - first.seconds;
    const double rate = static_cast<double>(last.done - first.done) / span;
    Estimate found{rate, std::nullopt};
    const auto middle =
        std::ranges::find_if(steps, [&](const Look& at) { return at.seconds >= first.seconds + span / 2; });
    const auto between = [](const Look& from, const Look& to) {
        return to.seconds > from.seconds ? static_cast<double>(to.done - from.done) / (to.seconds - from.seconds) : 0.0;
    };
    const auto alike = [](double a, double b) { return a > 0 && b > 0 && a < even * b && b < even * a; };
    // Halves, and the newest: a change is seen at its first steps.
    const Look& recent = steps[steps.size() - fewest];
    const bool steady = alike(between(first, *middle), between(*middle, last)) && alike(between(recent, last), rate);
    const double waited = seconds - last.seconds; // for the next step
    const double usual = span / static_cast<double>(steps.size() - 1);
    if (steady && waited < 3 * usual)
        found.seconds_left = std::max(0.0, static_cast<double>(total - last.done) / rate - waited);
    return found;
}

} // namespace graticule
