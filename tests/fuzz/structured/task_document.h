// A file of tasks as its records, with the files that may come beside it; changed record by record and written as they
// then are, right or wrong.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/io/task_file.h"
#include "tests/fuzz/structured/json_mutator.h"

namespace graticule::fuzz {

struct TaskDocument {
    std::string task;
    Json records;          ///< a list, a line each; texts are written bare: the six lines of a HellaSwag item
    Json labels, examples; ///< null: none

    void mutate(Decisions& decide);
    /// Over what an earlier one left there.
    [[nodiscard]] TaskFiles write(const std::filesystem::path& folder, Decisions& decide) const;
};

/// One that can be read for every task, and for each other form that its file may have.
[[nodiscard]] std::vector<TaskDocument> task_documents();

} // namespace graticule::fuzz
