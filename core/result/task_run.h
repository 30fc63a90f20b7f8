// What a model answered to the items of a task, and which answers a recipe changed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/execution.h"
#include "core/base/provenance.h"
#include "core/result/divergence.h"

namespace graticule {

struct AnsweredItem {
    std::string place;          ///< in the file: "line 12"
    std::vector<double> scores; ///< log-probability of each choice, nats
    std::vector<double> bytes;  ///< length of each choice in UTF-8
    bool first_choice = false;  ///< each token of the gold choice is the model's first choice
    std::size_t gold = 0;
    bool right = false, right_norm = false; ///< by the largest score; by the largest score per byte
    bool pending = false;                   ///< of a run under way: not all of its scores are there yet
    /// The choice with the largest score, the first of several; `norm`: with the largest score per byte.
    [[nodiscard]] std::size_t choice(bool norm = false) const;
};

struct TaskProtocol { ///< decides what an accuracy means; two runs compare only when these are equal
    std::string task, label, file;
    std::int64_t items_used = 0, items_there = 0;
    bool spread = false;       ///< the items used are spread over the file; otherwise the first
    std::int64_t examples = 0; ///< shown before each item
    Execution execution;
    std::string data_hash;                  ///< of the token ids of all requests
    [[nodiscard]] std::string text() const; ///< "piqa, first 200 of 1838 items of valid.jsonl, zero-shot, float32"
    bool operator==(const TaskProtocol&) const = default;
};

struct TaskRun {
    std::string run_name;
    TaskProtocol protocol;
    std::vector<AnsweredItem> items;
    std::int64_t tokens = 0;    ///< read, of all requests
    std::int64_t shortened = 0; ///< requests that lost their beginning to the model's positions
    double seconds = 0;
    Provenance provenance;

    [[nodiscard]] std::int64_t answered() const; ///< items that are not pending
    /// Share of right answers among those with its interval; `norm`: by scores per byte.
    struct Accuracy {
        std::int64_t right = 0;
        double share = 0;
        Interval interval;
        std::string correct; ///< "0110...", one digit per item that was answered
    };
    [[nodiscard]] Accuracy accuracy(bool norm = false) const;
};

/// Items whose answer changed between right and wrong, as indices in the runs.
struct Flips {
    std::vector<std::size_t> became_right, became_wrong;
    double p_value = 1; ///< McNemar's, exact
    /// By p at 5 %; undecided where a few answers changed, too few to tell anything whichever way they did.
    Verdict verdict = Verdict::indistinguishable;
};
/// Of two runs with equal protocols, over the items that both have answered.
[[nodiscard]] Flips flips_between(const TaskRun& baseline, const TaskRun& other, bool norm = false);

} // namespace graticule
