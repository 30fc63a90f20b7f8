#include "core/io/task_file.h"

#include <algorithm>
#include <map>

#include "core/base/cancel_point.h"
#include "core/base/error.h"
#include "core/io/json_file.h"
#include "core/io/json_task_record.h"
#include "core/io/mapped_file.h"
#include "core/io/text/utf8.h"

namespace graticule {

using nlohmann::json;

TaskRecord::TaskRecord(json values, std::string file, std::string place, const Task& task)
    : values_(std::move(values))
    , file_(std::move(file))
    , place_(std::move(place))
    , task_(task) {
    if (!values_.is_object())
        throw Error(ErrorKind::bad_input, file_ + ", " + place_ + " is not a JSON object; " + std::string(task_.name) +
                                              " reads one per line with " + std::string(task_.reads));
}

void TaskRecord::refuse(const char* field, const std::string& expected) const {
    throw Error(ErrorKind::bad_input, file_ + ", " + place_ + ": \"" + field + "\" is " +
                                          (has(field) ? "not " : "missing, ") + expected + "; " +
                                          std::string(task_.name) + " reads " + std::string(task_.reads));
}

const json& TaskRecord::at(const char* field) const {
    static const json nothing;
    return has(field) ? values_[field] : nothing;
}

std::string TaskRecord::text(const char* field) const {
    const json& value = at(field);
    if (!value.is_string()) refuse(field, "a text");
    return value.get<std::string>();
}

bool TaskRecord::flag(const char* field) const {
    const json& value = at(field);
    if (!value.is_boolean()) refuse(field, "true or false");
    return value.get<bool>();
}

std::vector<std::string> TaskRecord::texts(const char* field, const char* inner) const {
    const json* list = &at(field);
    if (inner != nullptr) {
        if (!list->is_object() || !list->contains(inner)) refuse(field, std::string("an object with ") + inner);
        list = &(*list)[inner];
    }
    if (!list->is_array()) refuse(field, "a list of texts");
    std::vector<std::string> texts;
    for (const json& value : *list) {
        if (!value.is_string()) refuse(field, "a list of texts alone");
        texts.push_back(value.get<std::string>());
    }
    return texts;
}

std::size_t TaskRecord::index(const char* field, std::size_t count, int first) const {
    const auto last = static_cast<std::int64_t>(count) - 1 + first;
    const std::string expected = "a number from " + std::to_string(first) + " to " + std::to_string(last);
    std::string numeral;
    if (answer) {
        numeral = *answer;
    } else {
        const json& value = at(field);
        if (value.is_number_integer())
            numeral = value.dump();
        else if (value.is_string())
            numeral = value.get<std::string>();
        else
            refuse(field, expected);
    }
    for (std::int64_t i = first; i <= last; ++i)
        if (numeral == std::to_string(i)) return static_cast<std::size_t>(i - first);
    if (answer)
        throw Error(ErrorKind::bad_input,
                    file_ + ", " + place_ + ": the file of labels has \"" + *answer + "\" for it, not " + expected);
    refuse(field, expected);
}

namespace {

struct Line {
    std::string text;
    std::size_t number = 0; ///< from 1
};

/// Lines that are not blank; a carriage return at an end belongs to it.
std::vector<Line> lines_of(const std::filesystem::path& path) {
    const auto file = MappedFile::open(path);
    const auto bytes = file->bytes();
    std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    for (const auto& [magic, how] :
         std::map<std::string_view, std::string>{{"\x1f\x8b", "gunzip -k"}, {"BZh", "bunzip2 -k"}})
        if (text.starts_with(magic))
            throw Error(ErrorKind::bad_input,
                        path.string() + " is compressed; unpack it first: " + how + " " + path.filename().string());
    if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3); // a byte order mark
    require_utf8(text, path.string());
    std::vector<Line> lines;
    for (std::size_t number = 1; !text.empty(); ++number) {
        cancel_point();
        const auto end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (line.find_first_not_of(" \t") != std::string_view::npos) lines.push_back({std::string(line), number});
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    file->verify();
    if (lines.empty()) throw Error(ErrorKind::bad_input, path.string() + " holds no lines");
    return lines;
}

std::string place_of(const Line& line) { return "line " + std::to_string(line.number); }

/// The text form: context, index of the answer, four endings.
std::vector<TaskRecord> records_of_six_lines(const std::vector<Line>& lines, const std::string& name,
                                             const Task& task) {
    if (lines.size() % 6 != 0)
        throw Error(ErrorKind::bad_input, name + " has " + std::to_string(lines.size()) +
                                              " lines with text, which is not six per item (context, index of the "
                                              "answer, four endings); its last line is " +
                                              std::to_string(lines.back().number));
    std::vector<TaskRecord> records;
    for (std::size_t i = 0; i < lines.size(); i += 6) {
        json endings = json::array();
        for (std::size_t ending = 2; ending < 6; ++ending) endings.push_back(lines[i + ending].text);
        records.emplace_back(json{{"context", lines[i].text}, {"label", lines[i + 1].text}, {"endings", endings}}, name,
                             place_of(lines[i]), task);
    }
    return records;
}

std::vector<TaskRecord> records_of(const std::filesystem::path& path, const Task& task) {
    const std::vector<Line> lines = lines_of(path);
    if (task.six_lines && !lines.front().text.starts_with('{')) return records_of_six_lines(lines, path.string(), task);
    std::vector<TaskRecord> records;
    for (const Line& line : lines) {
        cancel_point();
        records.emplace_back(parse_json(line.text, path.string() + ", " + place_of(line)), path.string(),
                             place_of(line), task);
    }
    return records;
}

/// Solved examples of a subject as they stand before its questions.
struct Examples {
    std::string text;
    std::size_t count = 0;
};
constexpr std::size_t most_examples = 5;

/// The first five of each subject.
std::map<std::string, Examples> examples_of(const std::filesystem::path& path, const Task& task) {
    std::map<std::string, Examples> all;
    for (TaskRecord& record : records_of(path, task)) {
        Examples& shown = all[record.text("subject")];
        if (shown.count == most_examples) continue;
        record.shown = shown.text;
        const TaskItem item = task.read(record);
        const TaskChoice& right = item.choices[item.gold];
        shown = {right.context + right.continuation + "\n\n", shown.count + 1};
    }
    return all;
}

} // namespace

TaskSet load_task(const Task& task, const TaskFiles& files, std::int64_t items) {
    const std::string name(task.name);
    if (!files.labels.empty() && !task.labels)
        throw Error(ErrorKind::usage, name + " has its answers in the file itself; leave the file of labels out");
    if (!files.examples.empty() && !task.examples)
        throw Error(ErrorKind::usage, name + " is asked without examples; leave their file out");
    std::error_code unknown;
    if (!files.examples.empty() && std::filesystem::equivalent(files.examples, files.file, unknown))
        throw Error(ErrorKind::usage, files.examples.string() +
                                          " holds the questions themselves, so that each would be "
                                          "answered before it is asked; give a file of other "
                                          "solved examples");
    try {
        std::vector<TaskRecord> records = records_of(files.file, task);
        if (!files.labels.empty()) {
            const std::vector<Line> labels = lines_of(files.labels);
            if (labels.size() != records.size())
                throw Error(ErrorKind::bad_input, files.labels.string() + " has " + std::to_string(labels.size()) +
                                                      " labels for the " + std::to_string(records.size()) +
                                                      " items of " + files.file.string() +
                                                      "; take the pair that "
                                                      "belongs together");
            for (std::size_t i = 0; i < records.size(); ++i) records[i].answer = labels[i].text;
        }
        std::map<std::string, Examples> shown;
        if (!files.examples.empty()) shown = examples_of(files.examples, task);

        TaskSet set{&task, files.file.filename().string(), {}, records.size(), 0};
        const std::size_t wanted =
            items > 0 ? std::min(static_cast<std::size_t>(items), records.size()) : records.size();
        const std::size_t step = task.spread ? records.size() / wanted : 1;
        for (std::size_t i = 0; i < records.size(); ++i) {
            TaskRecord& record = records[i];
            if (!shown.empty()) {
                const auto found = shown.find(record.text("subject"));
                if (found == shown.end())
                    throw Error(ErrorKind::bad_input, files.examples.string() + " has no example of the subject \"" +
                                                          record.text("subject") + "\" of " + record.place() + " of " +
                                                          files.file.string());
                record.shown = found->second.text;
            }
            TaskItem item = task.read(record); // all of them: what is wrong in a file is said whatever is asked of it
            if (i % step != 0 || set.items.size() == wanted) continue;
            set.items.push_back(std::move(item));
            if (!shown.empty()) set.examples = std::max(set.examples, shown.at(record.text("subject")).count);
        }
        return set;
    } catch (Error& error) {
        error.add_context("reading the task " + name + " from " + files.file.string());
        throw;
    }
}

} // namespace graticule
