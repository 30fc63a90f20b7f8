#include "core/result/task_run.h"

#include "core/base/error.h"

namespace graticule {

std::string TaskProtocol::text() const {
    const std::string which = items_used == items_there
                                  ? "all " + std::to_string(items_there)
                                  : (spread ? "every " + std::to_string(items_there / items_used) + ". item, " +
                                                  std::to_string(items_used) + " of "
                                            : "first " + std::to_string(items_used) + " of ") +
                                        std::to_string(items_there);
    return task + ", " + which + " items of " + file + ", " +
           (examples == 0 ? std::string("zero-shot") : std::to_string(examples) + "-shot") + ", " + to_text(execution);
}

TaskRun::Accuracy TaskRun::accuracy(bool norm) const {
    Accuracy accuracy;
    for (const AnsweredItem& item : items) {
        const bool right = norm ? item.right_norm : item.right;
        accuracy.right += right;
        accuracy.correct += right ? '1' : '0';
    }
    const auto count = static_cast<std::int64_t>(items.size());
    if (count > 0) accuracy.share = static_cast<double>(accuracy.right) / static_cast<double>(count);
    accuracy.interval = binomial_interval(accuracy.right, count);
    return accuracy;
}

Flips flips_between(const TaskRun& baseline, const TaskRun& other, bool norm) {
    GRATICULE_ASSERT(baseline.protocol == other.protocol, "runs of the same items");
    Flips flips;
    for (std::size_t i = 0; i < other.items.size(); ++i) {
        const bool was = norm ? baseline.items[i].right_norm : baseline.items[i].right;
        const bool is = norm ? other.items[i].right_norm : other.items[i].right;
        if (was != is) (is ? flips.became_right : flips.became_wrong).push_back(i);
    }
    const auto right = static_cast<std::int64_t>(flips.became_right.size()),
               wrong = static_cast<std::int64_t>(flips.became_wrong.size());
    flips.p_value = mcnemar(right, wrong);
    if (flips.p_value < 0.05) flips.verdict = right > wrong ? Verdict::better : Verdict::worse;
    return flips;
}

} // namespace graticule
