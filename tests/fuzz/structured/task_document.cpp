#include "tests/fuzz/structured/task_document.h"

#include "tests/fuzz/structured/model_folder.h"

namespace graticule::fuzz {
namespace {

std::string lines(const Json& records, Decisions& decide) {
    if (!records.is_array()) return written(records, decide);
    std::string text;
    for (const Json& record : records)
        text += (record.is_string() ? record.get<std::string>() : written(record, decide)) + "\n";
    return text;
}

/// Three records that differ in `field`.
Json three(const Json& record, const char* field) {
    Json all = {record, record, record};
    for (std::size_t i = 0; i < 3; ++i)
        if (all[i][field].is_string()) all[i][field] = all[i][field].get<std::string>() + std::to_string(i);
    return all;
}

} // namespace

void TaskDocument::mutate(Decisions& decide) {
    Json* part = &records;
    if (!labels.is_null() && decide.one_in(3)) part = &labels;
    if (!examples.is_null() && decide.one_in(3)) part = &examples;
    decide.mildly() ? mutate_mildly(*part, decide) : fuzz::mutate(*part, decide);
}

TaskFiles TaskDocument::write(const std::filesystem::path& folder, Decisions& decide) const {
    TaskFiles files{folder / "task.jsonl"};
    put(files.file, lines(records, decide));
    if (!labels.is_null()) put(files.labels = folder / "task.lst", lines(labels, decide));
    if (!examples.is_null()) put(files.examples = folder / "examples.jsonl", lines(examples, decide));
    return files;
}

std::vector<TaskDocument> task_documents() {
    const Json piqa = three({{"goal", "boil an egg"}, {"sol1", "in water"}, {"sol2", "in sand"}}, "goal");
    Json piqa_labelled = piqa;
    for (Json& record : piqa_labelled) record["label"] = 1;
    const Json arc = {{"id", "a"},
                      {"question", "Which is warm?"},
                      {"choices", {{"text", {"ice", "fire"}}, {"label", {"A", "B"}}}},
                      {"answerKey", "B"}};
    const Json endings = {"[step] goes on.", "stops  here.", "is \xC3\xA9t\xC3\xA9.", "sinks."};
    const Json mmlu = {
        {"question", " What is 2? "}, {"subject", "some_algebra"}, {"choices", {"1", "2", "3", "4"}}, {"answer", 1}};
    Json six_lines = Json::array();
    for (const char* text :
         {"A cat", "1", "sleeps.", "barks.", "flies.", "melts.", "A dog", "0", "barks.", "reads.", "folds.", "rings."})
        six_lines.push_back(text);
    return {
        {"piqa", piqa_labelled, {}, {}},
        {"piqa", piqa, {"0", "1", "1"}, {}},
        {"arc_easy", three(arc, "question"), {}, {}},
        {"arc_challenge",
         three({{"question", "Which?"}, {"choices", {"ice", "fire"}}, {"gold", 1}}, "question"),
         {},
         {}},
        {"hellaswag",
         three({{"activity_label", "Baking"},
                {"ctx_a", "A cake [title] is"},
                {"ctx_b", "the cook"},
                {"endings", endings},
                {"label", "3"}},
               "ctx_a"),
         {},
         {}},
        {"hellaswag", six_lines, {}, {}},
        {"winogrande",
         three({{"sentence", "The cup fits in _ because it is big."},
                {"option1", "the box"},
                {"option2", "the bag"},
                {"answer", "2"}},
               "sentence"),
         {},
         {}},
        {"boolq", three({{"question", "is it so"}, {"passage", "It is."}, {"answer", true}}, "passage"), {}, {}},
        {"lambada", three({{"text", "the end of the road"}}, "text"), {}, {}},
        {"mmlu", {mmlu, mmlu, mmlu}, {}, {mmlu, mmlu, mmlu, mmlu, mmlu, mmlu}},
        {"multiple_choice",
         three({{"context", "Yes or"}, {"choices", {"no", "yes", "?"}}, {"gold", 0}}, "context"),
         {},
         {}},
    };
}

} // namespace graticule::fuzz
