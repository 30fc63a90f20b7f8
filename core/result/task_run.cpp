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

/// The metric's score of each item.
std::vector<double> answers_of(const TaskRun& run, bool norm) {
    std::vector<double> answers;
    for (const AnsweredItem& item : run.items) answers.push_back((norm ? item.right_norm : item.right) ? 1 : 0);
    return answers;
}

} // namespace

TaskRun::Accuracy TaskRun::accuracy(bool norm) const {
    const std::vector<double> answers = answers_of(*this, norm);
    Accuracy accuracy;
    for (const double answer : answers) accuracy.correct += answer == 1 ? '1' : '0';
    accuracy.right = std::ranges::count(answers, 1.0);
    accuracy.share = metric().figure(answers);
    accuracy.interval = metric().interval(answers);
    return accuracy;
}

Flips flips_between(const TaskRun& baseline, const TaskRun& other, bool norm) {
    GRATICULE_ASSERT(baseline.protocol == other.protocol, "runs of the same items");
    const std::vector<double> was = answers_of(baseline, norm), is = answers_of(other, norm);
    Flips flips;
    std::vector<double> differences;
    for (std::size_t i = 0; i < is.size(); ++i) {
        differences.push_back(is[i] - was[i]);
        if (was[i] != is[i]) (is[i] > was[i] ? flips.became_right : flips.became_wrong).push_back(i);
    }
    flips.p_value = metric().paired_test(differences);
    if (flips.p_value < 0.05)
        flips.verdict = flips.became_right.size() > flips.became_wrong.size() ? Verdict::better : Verdict::worse;
    return flips;
}

} // namespace graticule
