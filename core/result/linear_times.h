// How long a scheme's linears take in one pass, measured per kind of layer, and the limit that a search keeps them to.
//
//     const TimeBudget budget{0.004, {SpeedPhase::decode, 16, 1, 512}};
//     if (budget.holds(times.seconds())) std::cout << times.scheme_line << " fits " << budget.text();
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/result/speed_study.h"

namespace graticule {

/// One forward pass, as Speed times it (SpeedPoint).
struct TimedPass {
    SpeedPhase phase = SpeedPhase::decode;
    std::int64_t batch = 1, length = 1;     ///< sequences, and tokens of each
    std::int64_t before = 0;                ///< tokens of each that came earlier; 0 where nothing of them may be kept
    [[nodiscard]] std::string text() const; ///< "prefill of 512 tokens", "decode step of 16 sequences"
    bool operator==(const TimedPass&) const = default;
};

/// A role ("q", "down"): what all its linears took together in one pass, rounding of their inputs included.
struct LinearTime {
    std::string kind, kernel; ///< as SpeedShare has them
    std::int64_t linears = 0;
    double seconds = 0; ///< of all of them; the median over passes
    bool operator==(const LinearTime&) const = default;
};

struct LinearTimes {
    std::string scheme_line; ///< the recipe's
    std::vector<LinearTime> kinds;

    [[nodiscard]] double seconds() const; ///< the time of the linears in one pass
    /// A kind's time divided over its linears; 0 for a kind that is not there.
    [[nodiscard]] double seconds_of_one(std::string_view kind) const;
    bool operator==(const LinearTimes&) const = default;
};

struct TimeBudget {
    double seconds = 0; ///< that the linears may take in one pass, above 0
    TimedPass pass;
    [[nodiscard]] bool holds(double linears_seconds) const;
    [[nodiscard]] std::string text() const; ///< "4 ms of linears in a decode step of 16 sequences"
    bool operator==(const TimeBudget&) const = default;
};

} // namespace graticule
