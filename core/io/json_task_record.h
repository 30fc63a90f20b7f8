// Private to the readers of tasks.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/io/task_file.h"

namespace graticule {

class TaskRecord {
public:
    TaskRecord(nlohmann::json values, std::string file, std::string place, const Task& task);

    [[nodiscard]] bool has(const char* field) const { return values_.contains(field); }
    [[nodiscard]] bool is_object(const char* field) const { return has(field) && values_[field].is_object(); }
    [[nodiscard]] std::string text(const char* field) const;
    [[nodiscard]] bool flag(const char* field) const;
    /// Texts of a list; of the list `inner` in an object, where it is given.
    [[nodiscard]] std::vector<std::string> texts(const char* field, const char* inner = nullptr) const;
    /// Of a choice, from 0 as a number or as a numeral; `first` is how the first choice is called.
    [[nodiscard]] std::size_t index(const char* field, std::size_t count, int first = 0) const;
    [[noreturn]] void refuse(const char* field, const std::string& expected) const;

    const std::string& place() const { return place_; }
    std::optional<std::string> answer; ///< the line of the file of labels
    std::string shown;                 ///< the solved examples, and what comes before them

private:
    [[nodiscard]] const nlohmann::json& at(const char* field) const;

    nlohmann::json values_;
    std::string file_, place_;
    const Task& task_;
};

} // namespace graticule
