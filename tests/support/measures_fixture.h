// Divergences and tasks of ../shared/fixtures/measures, computed by an independent program (its README says how).
#pragma once

#include <QtTest/QTest>
#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "core/engine/answer_task.h"
#include "core/engine/engine.h"
#include "core/result/divergence.h"
#include "tests/support/shared_data.h"

namespace graticule::testing {

inline nlohmann::json measures_of(const std::string& name) {
    std::ifstream file(shared_dir() / "fixtures/measures" / (name + ".json"));
    return file ? nlohmann::json::parse(file) : nlohmann::json::object();
}

inline void divergence_rows(const std::string& name) {
    QTest::addColumn<QString>("line");
    const nlohmann::json fixture = measures_of(name), none = nlohmann::json::object();
    const nlohmann::json& rows = fixture.contains("divergence") ? fixture["divergence"] : none;
    if (rows.empty()) QTest::newRow("no fixture") << QString();
    for (const auto& [line, figures] : rows.items()) QTest::newRow(line.c_str()) << QString::fromStdString(line);
}

inline void check_divergence(const std::string& name, const std::filesystem::path& model, const std::string& line) {
    JobContext ctx;
    const OpenedModel opened = open_model(model, ctx);
    Recipe recipe;
    recipe.defaults = parse_scheme_line(line);
    const auto quantized = quantize(opened.model, nullptr, *resolve(recipe, *opened.model).resolved, ctx);
    const std::vector<EvaluationSide> sides = {{nullptr, {}}, {quantized, {}}};
    EvaluationSpec spec;
    spec.window = 512;
    spec.max_windows = 8;
    spec.predictions = true;
    const auto runs = evaluate_together(opened.model, sides, *opened.tokenizer,
                                        load_corpus(shared_dir() / "data/wikitext2/wiki.test.raw"), spec, ctx);
    const Divergence found = divergence_between(*runs[0], *runs[1]).value();
    const nlohmann::json expected = measures_of(name)["divergence"][line];
    const auto near = [&](const char* what, double value, double outside, double share) {
        QVERIFY2(std::abs(value / outside - 1) < share,
                 (line + ": " + what + " " + std::to_string(value) + " against " + std::to_string(outside)).c_str());
    };
    // Without rounded inputs nothing is near a tie that another order of sums would turn.
    const bool ties = line.find("a=") != std::string::npos;
    near("mean", found.mean, expected["mean_kl"], ties ? 0.02 : 2e-4);
    near("median", found.median, expected["median_kl"], ties ? 0.02 : 2e-3); // theirs is the lower of two in the middle
    near("90 %", found.p90, expected["p90_kl"], ties ? 0.02 : 2e-3);
    near("99 %", found.p99, expected["p99_kl"], ties ? 0.05 : 2e-3);
    near("maximum", found.maximum, expected["max_kl"], ties ? 0.05 : 2e-3);
    near("difference of losses", found.mean_nll_difference, expected["mean_nll_difference"], ties ? 0.02 : 2e-3);
    QVERIFY(std::abs(found.same_first_choice - expected["same_first_choice"].get<double>()) < (ties ? 0.005 : 5e-4));
    const auto windows = expected["window_mean_kl"].get<std::vector<double>>();
    QCOMPARE(found.window_means.size(), windows.size());
    for (std::size_t i = 0; i < windows.size(); ++i) near("window", found.window_means[i], windows[i], 0.02);
}

inline void task_rows(const std::string& name) {
    QTest::addColumn<QString>("line");
    QTest::addColumn<QString>("task");
    const nlohmann::json fixture = measures_of(name), none = nlohmann::json::object();
    const nlohmann::json& runs = fixture.contains("tasks") ? fixture["tasks"] : none;
    if (runs.empty()) QTest::newRow("no fixture") << QString() << QString();
    for (const auto& [line, tasks] : runs.items())
        for (const auto& [task, figures] : tasks.items())
            QTest::newRow((line + " " + task).c_str()) << QString::fromStdString(line) << QString::fromStdString(task);
}

/// The items that the fixture has, of them the first `most`.
inline TaskSet fixture_items(const std::string& task, std::int64_t items, std::size_t most) {
    const std::map<std::string, std::string> files = {{"piqa", "piqa_valid.jsonl"},
                                                      {"arc_easy", "arc_easy_test.jsonl"},
                                                      {"arc_challenge", "arc_challenge_test.jsonl"},
                                                      {"hellaswag", "hellaswag_val_every10th.txt"},
                                                      {"winogrande", "winogrande_xl_validation.jsonl"},
                                                      {"boolq", "boolq_validation.jsonl"},
                                                      {"lambada", "lambada_openai_test.jsonl"}};
    const std::filesystem::path folder = shared_dir() / "data/zeroshot";
    TaskFiles from{.file = folder / files.at(task)};
    if (task == "piqa") from.labels = folder / "piqa_valid-labels.lst";
    TaskSet set = load_task(*find_task(task), from, items);
    set.items.resize(std::min(most, set.items.size()));
    return set;
}

/// Single answers but for one, scores and, of all items, their sum.
inline void check_task(const std::string& name, const std::filesystem::path& model, const std::string& line,
                       const std::string& task, std::size_t most) {
    JobContext ctx;
    const OpenedModel opened = open_model(model, ctx);
    EvaluationSide side;
    if (line != "fp32") {
        Recipe recipe;
        recipe.defaults = parse_scheme_line(line);
        side.quantized = quantize(opened.model, nullptr, *resolve(recipe, *opened.model).resolved, ctx);
    }
    const nlohmann::json expected = measures_of(name)["tasks"][line][task];
    const TaskSet set = fixture_items(task, expected["items"], most);
    const auto run = answer_task(opened.model, std::span(&side, 1), *opened.tokenizer, set, ctx).front();
    const auto differences = [&](const TaskRun::Accuracy& found, const std::string& outside) {
        std::size_t count = 0;
        for (std::size_t i = 0; i < found.correct.size(); ++i) count += found.correct[i] != outside.at(i);
        return count;
    };
    QCOMPARE(run->items.size(), std::min<std::size_t>(most, expected["items"]));
    QVERIFY(differences(run->accuracy(), expected["correct"]) <= 1);
    QVERIFY(differences(run->accuracy(true), expected["correct_norm"]) <= 1);
    double sum = 0;
    for (std::size_t i = 0; i < run->items.size(); ++i)
        for (std::size_t choice = 0; choice < run->items[i].scores.size(); ++choice) {
            const double score = run->items[i].scores[choice];
            sum += score;
            if (i >= expected["first_scores"].size()) continue;
            const double outside = expected["first_scores"][i][choice];
            QVERIFY2(std::abs(score - outside) < 2e-3,
                     (std::to_string(score) + " against " + std::to_string(outside)).c_str());
        }
    if (most >= expected["items"].get<std::size_t>())
        QVERIFY2(std::abs(sum / expected["sum_scores"].get<double>() - 1) < 1e-5, std::to_string(sum).c_str());
}

} // namespace graticule::testing
