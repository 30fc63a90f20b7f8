#include <QtCore/QFile>
#include <array>
#include <cmath>
#include <fstream>
#include <vector>

#include "app/remote/evaluation_order.h"
#include "app/remote/job_events.h"
#include "app/remote/messages.h"
#include "app/session/decision_journal.h"
#include "app/session/run_journal.h"
#include "app/session/session_file.h"
#include "core/base/error.h"
#include "core/io/json_file.h"
#include "core/report/json_results.h"
#include "tests/faults/journal_job.h"
#include "tests/fuzz/structured/json_mutator.h"
#include "tests/fuzz/structured/targets.h"

namespace graticule::fuzz {
namespace {

namespace fs = std::filesystem;

Json content(const QString& file) {
    std::ifstream in(file.toStdString(), std::ios::binary);
    return Json::parse(std::string(std::istreambuf_iterator<char>(in), {}));
}

/// Changes one of the documents and reads it from `file`.
template <class Read>
bool change_and_read(const std::vector<Json>& seeds, const QString& file, Decisions& decide, Read read) {
    Json document = seeds[decide.below(seeds.size())];
    while (!decide.used_up()) {
        decide.mildly() ? mutate_mildly(document, decide) : mutate(document, decide);
        if (!decide.one_in(3)) break;
    }
    std::ofstream(file.toStdString(), std::ios::binary) << written(document, decide);
    try {
        read();
        return true;
    } catch (const Error& error) {
        if (error.info().kind == ErrorKind::internal) throw;
        return false;
    }
}

std::vector<Run> some_runs() {
    std::vector<Run> runs{faults::finished_run("fuzz", 0), faults::finished_run("fuzz", 1)};
    runs[1].full_precision = false;
    runs[1].recipe.defaults = parse_scheme_line("w=int4/asym/g128 a=int8/sym/token smoothquant:alpha=0.5");
    LayerReport report;
    report.name = "layers.0.fc1";
    report.scheme_line = to_line(runs[1].recipe.defaults);
    report.weight_sqnr_db = HUGE_VAL;
    report.output_sqnr_db = 20;
    report.output_error.emplace();
    report.weight_counts.codes_used[3] = 7;
    runs[1].reports = std::make_shared<const std::vector<LayerReport>>(std::vector{report});
    runs.push_back(runs[1]); // only asked for
    runs[2].evaluation.reset();
    runs[2].state = JobState::waiting;
    runs[2].choice.windows = 3;
    return runs;
}

/// A search over the windows of a finished run, a sensitivity, a divergence, answers to a task and calibration lengths.
graticule::Decisions some_decisions() {
    const Evaluation evaluation = *faults::finished_run("fuzz", 0).evaluation;
    auto sensitivity = std::make_shared<Sensitivity>();
    sensitivity->protocol = evaluation.protocol;
    sensitivity->provenance = evaluation.provenance;
    for (const char* line : {"w=int4/asym/g64", "w=int8/asym/channel"})
        sensitivity->schemes.push_back({line, {{"layers.0.fc1", {LayerId{0}}, 0.25, {}, 0.2}}});
    const auto point = [&](const std::string& line) {
        SearchPoint made;
        made.name = line;
        made.recipe = read_recipe(line);
        made.size = {{4.5, 4.5}, 1000};
        made.predicted = 0.1;
        made.evaluation = std::make_shared<const Evaluation>(evaluation);
        made.divergence.window_means.assign(evaluation.window_losses.size(), 0.1);
        made.divergence.position_means = {0.1};
        made.divergence.position_intervals = {{0, 1}};
        return made;
    };
    auto search = std::make_shared<RecipeSearch>();
    search->budget.bits = 4.5;
    search->sensitivity = sensitivity;
    search->choice = {0};
    search->baseline = std::make_shared<const Evaluation>(evaluation);
    search->searched = point("w=int4/asym/g64");
    search->uniform = {point("w=int4/asym/channel"), point("w=int8/asym/channel")};
    search->judge();
    auto divergence = std::make_shared<DivergenceStudy>();
    divergence->recipe = search->searched.recipe;
    divergence->protocol = evaluation.protocol;
    divergence->divergence = search->searched.divergence;
    divergence->worst = {{0, 1, 0.5, {{"word", 0.5, 0.1, "word", "other", {{"word", 0.5}}, {{"other", 0.25}}}}}};
    divergence->provenance = evaluation.provenance;
    auto task = std::make_shared<TaskStudy>();
    auto set = std::make_shared<TaskSet>();
    set->task = find_task("piqa");
    set->items = {{{{"asked", " this"}, {"asked", " that"}}, 1, "line 1"},
                  {{{"more", " a"}, {"more", " b"}}, 0, "line 2"}};
    task->recipe = search->searched.recipe;
    for (const bool right : {true, false}) {
        TaskRun side;
        side.items = {{"line 1", {-2, -1}, {5, 5}, false, 1, right, right, false},
                      {"line 2", {-1, -2}, {2, 2}, false, 0, true, true, false}};
        side.provenance = evaluation.provenance;
        task->sides.push_back(side);
    }
    task->set = std::move(set);
    auto lengths = std::make_shared<CalibrationLengths>();
    lengths->recipe = search->searched.recipe;
    LengthStudy& study = lengths->study;
    study.lengths = {128, 512};
    study.sites = {{SiteId{0}, "layers.0.mlp_input", {"layers.0.fc1"}, {{1.5, 0.1, 4}, {{}, {}, 5}}}};
    study.provenance = evaluation.provenance;
    study.evaluated = {128};
    const auto run = std::make_shared<const Evaluation>(evaluation);
    study.full_precision = {run};
    study.perplexity = {{run}, {run}};
    lengths->advice = advise_length(study, 128);
    return {{search}, sensitivity, divergence, task, lengths};
}

bool run_decisions(Decisions& decide, const fs::path& scratch) {
    const DecisionJournal journal(RunJournal(QString::fromStdString((scratch / "journal").string())));
    const QString file = journal.file(faults::journal_model);
    thread_local const std::vector<Json> seeds = [&] {
        const graticule::Decisions all_kinds = some_decisions();
        std::vector<Json> all;
        for (const graticule::Decisions& kept : {all_kinds, {all_kinds.searches, all_kinds.sensitivity, {}, {}}}) {
            journal.keep(faults::journal_model, kept);
            all.push_back(content(file));
            QFile::remove(file);
        }
        return all;
    }();
    return change_and_read(seeds, file, decide, [&] { (void)journal.read(faults::journal_model); });
}

bool run_session(Decisions& decide, const fs::path& scratch) {
    const QString file = QString::fromStdString((scratch / "fuzz.graticule").string());
    thread_local const std::vector<Json> seeds = [&] {
        SessionFile fresh;
        fresh.model = faults::journal_model;
        SessionFile used = fresh;
        used.runs = some_runs();
        used.stopped = {used.runs.back()};
        used.runs.pop_back();
        used.baseline = 0;
        used.selection = {"layers.0.fc1"};
        used.decisions = some_decisions();
        std::vector<Json> all;
        for (const SessionFile& session : {used, fresh}) {
            write_session(file, session);
            all.push_back(content(file));
        }
        return all;
    }();
    return change_and_read(seeds, file, decide, [&] { (void)read_session(file); });
}

bool run_journal(Decisions& decide, const fs::path& scratch) {
    const RunJournal journal(QString::fromStdString((scratch / "journal").string()));
    const QString file = journal.file(faults::journal_model);
    thread_local const std::vector<Json> seeds = [&] {
        std::vector<Json> all;
        for (const std::size_t runs : {std::size_t{3}, std::size_t{1}}) {
            std::vector<Run> kept = some_runs();
            kept.resize(runs);
            journal.keep(faults::journal_model, kept);
            all.push_back(content(file));
            QFile::remove(file);
        }
        return all;
    }();
    return change_and_read(seeds, file, decide, [&] { (void)journal.read(faults::journal_model); });
}

/// What a worker is asked, and what its job says.
bool run_worker(Decisions& decide, const fs::path& scratch) {
    const QString file = QString::fromStdString((scratch / "line").string());
    thread_local const std::vector<Json> seeds = [] {
        EvaluationOrder order;
        order.model = "/models/fuzz";
        order.model_hash = std::string(64, 'a');
        order.recipe = read_recipe("w=int4/asym/g128 a=int8/sym/token smoothquant:alpha=0.5");
        order.calibration = {"a.txt", "one"};
        order.text = {"b.raw", "two"};
        const nlohmann::json said = {
            {"event", "evaluation"},
            {"job", "a"},
            {"run", 1},
            {"n", 0},
            {"evaluation", to_json(*faults::finished_run("fuzz", 0).evaluation, Timing::include)}};
        return std::vector<Json>{Json(to_json(order)), Json(said)};
    }();
    const auto read = [&] {
        const nlohmann::json line = read_json_file(file.toStdString(), asked_limits);
        if (!line.is_object() || !line.contains("event")) return (void)order_id(read_order(line));
        JobNews news;
        news.begin("a", 1);
        news.take(line);
    };
    return change_and_read(seeds, file, decide, read);
}

} // namespace

std::span<const Target> window_targets() {
    static constexpr std::array rows{Target{"session", run_session}, Target{"journal", run_journal},
                                     Target{"decisions", run_decisions}, Target{"worker", run_worker}};
    return rows;
}

} // namespace graticule::fuzz
