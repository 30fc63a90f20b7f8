// How fast jobs go on, as measured while one looks: a time that is left is said where steps come evenly, and not at all
// where they do not. A stage that goes on behind steps of before (windows that were there already) is not credited with
// them.
#pragma once

#include <QtCore/QString>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>

namespace graticule {

class JobPace {
public:
    struct Estimate {
        double steps_per_second = 0; ///< 0: not known yet
        std::optional<double> seconds_left;
    };
    /// `seconds` since the stage began, without those that the job stood.
    Estimate look(int job, const QString& stage, std::int64_t done, std::int64_t total, double seconds);
    void forget(int job) { jobs_.erase(job); } ///< it has ended

private:
    struct Look {
        double seconds = 0;
        std::int64_t done = 0;
    };
    struct Stage {
        QString name;
        std::int64_t total = 0;
        std::deque<Look> steps; ///< when the count was another one first, the oldest of them where it was met
    };
    std::map<int, Stage> jobs_;
};

} // namespace graticule
