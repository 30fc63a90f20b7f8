#include "core/result/task_run.h"

#include <algorithm>

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

namespace {

const Metric& metric() { return *find_metric("accuracy"); }

/// The metric's score.
double answer_of(const AnsweredItem& item, bool norm) { return (norm ? item.right_norm : item.right) ? 1 : 0; }

} // namespace

std::size_t AnsweredItem::choice(bool norm) const {
    std::vector<double> values = scores;
    for (std::size_t i = 0; norm && i < values.size(); ++i) values[i] /= std::max(1.0, bytes[i]);
    return static_cast<std::size_t>(std::ranges::max_element(values) - values.begin());
}

std::int64_t TaskRun::answered() const { return std::ranges::count(items, false, &AnsweredItem::pending); }

TaskRun::Accuracy TaskRun::accuracy(bool norm) const {
    std::vector<double> answers;
    for (const AnsweredItem& item : items)
        if (!item.pending) answers.push_back(answer_of(item, norm));
    Accuracy accuracy;
    for (const double answer : answers) accuracy.correct += answer == 1 ? '1' : '0';
    accuracy.right = std::ranges::count(answers, 1.0);
    accuracy.share = metric().figure(answers);
    accuracy.interval = metric().interval(answers);
    return accuracy;
}

Flips flips_between(const TaskRun& baseline, const TaskRun& other, bool norm) {
    GRATICULE_ASSERT(baseline.protocol == other.protocol, "runs of the same items");
    Flips flips;
    std::vector<double> differences;
    for (std::size_t i = 0; i < other.items.size(); ++i) {
        if (baseline.items[i].pending || other.items[i].pending) continue;
        const double was = answer_of(baseline.items[i], norm), is = answer_of(other.items[i], norm);
        differences.push_back(is - was);
        if (was != is) (is > was ? flips.became_right : flips.became_wrong).push_back(i);
    }
    flips.p_value = metric().paired_test(differences);
    constexpr std::size_t least_to_tell = 6; // of five, all the same way, p is still 2 / 2^5
    const std::size_t flipped = flips.became_right.size() + flips.became_wrong.size();
    if (flips.p_value < 0.05)
        flips.verdict = flips.became_right.size() > flips.became_wrong.size() ? Verdict::better : Verdict::worse;
    else if (flipped > 0 && flipped < least_to_tell)
        flips.verdict = Verdict::undecided;
    return flips;
}

} // namespace graticule
