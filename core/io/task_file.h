// Tasks with right answers, from the files people have them in: what a model is asked, choice by choice, in the
// conventions of lm-evaluation-harness.
//
//     const TaskSet set = load_task(*find_task("piqa"), {.file = "valid.jsonl", .labels = "valid-labels.lst"});
//     // set.items[0].choices[1]: "Question: ...\nAnswer:" followed by " the second solution"
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace graticule {

/// Its score is the log-probability of `continuation` behind `context`.
struct TaskChoice {
    std::string context, continuation;
};

struct TaskItem {
    std::vector<TaskChoice> choices;
    std::size_t gold = 0; ///< index of the right one
    std::string place;    ///< "line 12"
};

/// One record of a file. What is asked of it and missing, or of another kind, is Error{bad_input} naming file, line,
/// field and what belongs there.
class TaskRecord;

struct Task {
    std::string_view name, label;
    std::string_view reads;    ///< fields of a record, for messages and help
    bool labels = false;       ///< answers may come in a file of their own, one per line
    bool examples = false;     ///< solved examples may come first, from another file of the same form
    bool spread = false;       ///< fewer items are spread over the file, for one whose first part is unlike the rest
    bool six_lines = false;    ///< may also be a text file: context, index of the answer, four endings
    bool first_choice = false; ///< one continuation, right when each of its tokens is the model's first choice
    TaskItem (*read)(const TaskRecord& record) = nullptr;
};
[[nodiscard]] std::span<const Task> all_tasks();
[[nodiscard]] const Task* find_task(std::string_view name); ///< null: there is none of that name

struct TaskFiles {
    std::filesystem::path file;
    std::filesystem::path labels = {};   ///< empty: the records hold the answers
    std::filesystem::path examples = {}; ///< empty: none are shown
};

struct TaskSet {
    const Task* task = nullptr;
    std::string name; ///< of the file
    std::vector<TaskItem> items;
    std::size_t there = 0;    ///< in the file
    std::size_t examples = 0; ///< at most shown before an item
};

/// `items` 0: all. Otherwise the first so many, or every floor(count / items)-th where the task says spread. Throws
/// Error{bad_input} for a file that is not what the task reads, Error{usage} for files that the task does not take.
[[nodiscard]] TaskSet load_task(const Task& task, const TaskFiles& files, std::int64_t items = 0);

} // namespace graticule
