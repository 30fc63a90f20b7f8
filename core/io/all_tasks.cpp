// Prompts as lm-evaluation-harness has them, a small reader for each task.
#include <algorithm>
#include <cctype>

#include "core/io/json_task_record.h"

namespace graticule {

namespace {

/// The same context before every choice, a blank between them.
TaskItem choose(const TaskRecord& record, const std::string& context, const std::vector<std::string>& choices,
                std::size_t gold) {
    TaskItem item{{}, gold, record.place()};
    for (const std::string& choice : choices) {
        if (choice.find_first_not_of(" \t\r\n") == std::string::npos)
            record.refuse(("choice " + std::to_string(item.choices.size() + 1)).c_str(), "a text that is not blank");
        item.choices.push_back({context, " " + choice});
    }
    return item;
}

std::string question(const std::string& text) { return "Question: " + text + "\nAnswer:"; }

TaskItem read_piqa(const TaskRecord& record) {
    const std::string context = question(record.text("goal"));
    const std::vector<std::string> choices = {record.text("sol1"), record.text("sol2")};
    return choose(record, context, choices, record.index("label", 2));
}

/// The answer as the key among the labels of the choices, or as an index.
TaskItem read_arc(const TaskRecord& record) {
    const std::string context = question(record.text("question"));
    if (!record.is_object("choices")) {
        const std::vector<std::string> choices = record.texts("choices");
        return choose(record, context, choices, record.index("gold", choices.size()));
    }
    const std::vector<std::string> choices = record.texts("choices", "text"), labels = record.texts("choices", "label");
    const auto key = std::ranges::find(labels, record.text("answerKey"));
    if (labels.size() != choices.size()) record.refuse("choices", "as many labels as texts");
    if (key == labels.end()) record.refuse("answerKey", "one of the labels of the choices");
    return choose(record, context, choices, static_cast<std::size_t>(key - labels.begin()));
}

std::string trimmed(const std::string& text) {
    const auto first = text.find_first_not_of(" \n\t"), last = text.find_last_not_of(" \n\t");
    return first == std::string::npos ? std::string() : text.substr(first, last - first + 1);
}

void replace_all(std::string& text, std::string_view what, std::string_view with) {
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
        text.replace(at, what.size(), with);
}

/// The published records mark what WikiHow had as headings and links; the text form has that done already.
std::string without_marks(std::string text) {
    text = trimmed(text);
    replace_all(text, " [title]", ". ");
    for (auto open = text.find('['); open != std::string::npos; open = text.find('[', open)) {
        const auto close = text.find(']', open);
        if (close == std::string::npos) break;
        text.erase(open, close - open + 1);
    }
    replace_all(text, "  ", " ");
    return text;
}

std::string capitalized(std::string text) {
    for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (!text.empty()) text[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
    return text;
}

TaskItem read_hellaswag(const TaskRecord& record) {
    std::vector<std::string> endings = record.texts("endings");
    if (endings.size() != 4) record.refuse("endings", "four texts");
    std::string context;
    if (record.has("context")) {
        context = record.text("context");
    } else {
        for (std::string& ending : endings) ending = without_marks(ending);
        context = record.text("activity_label");
        context += ": " + record.text("ctx_a");
        context = without_marks(context + " " + capitalized(record.text("ctx_b")));
    }
    return choose(record, context, endings, record.index("label", 4));
}

/// Each option in the place of "_" is a context; what follows is scored.
TaskItem read_winogrande(const TaskRecord& record) {
    const std::string sentence = record.text("sentence");
    const auto gap = sentence.find('_');
    if (gap == std::string::npos || gap + 1 == sentence.size())
        record.refuse("sentence", "a text with \"_\" where an option belongs, and more after it");
    TaskItem item{{}, record.index("answer", 2, 1), record.place()};
    for (const char* option : {"option1", "option2"})
        item.choices.push_back({sentence.substr(0, gap) + record.text(option), sentence.substr(gap + 1)});
    return item;
}

TaskItem read_boolq(const TaskRecord& record) {
    std::string context = record.text("passage");
    context += "\n" + question(record.text("question") + "?");
    return choose(record, context, {"no", "yes"}, record.flag("answer") ? 1 : 0);
}

TaskItem read_lambada(const TaskRecord& record) {
    const std::string text = record.text("text");
    const auto gap = text.rfind(' ');
    if (gap == std::string::npos || gap + 1 == text.size()) record.refuse("text", "several words, the last the answer");
    return {{{text.substr(0, gap), text.substr(gap)}}, 0, record.place()};
}

TaskItem read_mmlu(const TaskRecord& record) {
    const std::vector<std::string> choices = record.texts("choices");
    if (choices.size() != 4) record.refuse("choices", "four texts");
    std::string subject = record.text("subject");
    std::ranges::replace(subject, '_', ' ');
    std::string context = record.shown.empty()
                              ? "The following are multiple choice questions (with answers) about " + subject + ".\n\n"
                              : record.shown;
    context += trimmed(record.text("question"));
    for (std::size_t i = 0; i < choices.size(); ++i) context += std::string("\n") + "ABCD"[i] + ". " + choices[i];
    return choose(record, context + "\nAnswer:", {"A", "B", "C", "D"}, record.index("answer", 4));
}

TaskItem read_multiple_choice(const TaskRecord& record) {
    const std::vector<std::string> choices = record.texts("choices");
    if (choices.size() < 2) record.refuse("choices", "at least two texts");
    const std::string context = record.has("context") ? record.text("context") : question(record.text("question"));
    return choose(record, context, choices, record.index("gold", choices.size()));
}

constexpr Task tasks[] = {
    {.name = "piqa",
     .label = "PIQA",
     .reads = "goal, sol1, sol2, and label (0 or 1) unless a file of labels has it",
     .labels = true,
     .read = read_piqa},
    {.name = "arc_easy",
     .label = "ARC-Easy",
     .reads = "question, choices {text, label} and answerKey; or choices [...] and gold (from 0)",
     .read = read_arc},
    {.name = "arc_challenge",
     .label = "ARC-Challenge",
     .reads = "question, choices {text, label} and answerKey; or choices [...] and gold (from 0)",
     .read = read_arc},
    {.name = "hellaswag",
     .label = "HellaSwag",
     .reads = "activity_label, ctx_a, ctx_b, endings (4) and label (0-3); or the text form of six lines per item",
     .spread = true,
     .six_lines = true,
     .read = read_hellaswag},
    {.name = "winogrande",
     .label = "WinoGrande",
     .reads = "sentence with _, option1, option2 and answer (1 or 2)",
     .read = read_winogrande},
    {.name = "boolq", .label = "BoolQ", .reads = "question, passage and answer (true or false)", .read = read_boolq},
    {.name = "lambada",
     .label = "LAMBADA",
     .reads = "text, whose last word is the answer",
     .first_choice = true,
     .read = read_lambada},
    {.name = "mmlu",
     .label = "MMLU",
     .reads = "question, subject, choices (4) and answer (0-3)",
     .examples = true,
     .read = read_mmlu},
    {.name = "multiple_choice",
     .label = "your own",
     .reads = "context (or question), choices [...] and gold (from 0)",
     .read = read_multiple_choice},
};

} // namespace

std::span<const Task> all_tasks() { return tasks; }

const Task* find_task(std::string_view name) {
    const auto found = std::ranges::find(tasks, name, &Task::name);
    return found == std::end(tasks) ? nullptr : &*found;
}

} // namespace graticule
