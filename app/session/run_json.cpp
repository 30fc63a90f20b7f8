#include "app/session/run_json.h"

#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/io/output_file.h"
#include "core/report/json_results.h"
#include "core/report/read_results.h"

namespace graticule {

using nlohmann::json;

json run_to_json(const Run& run) {
    json value = {{"full_precision", run.full_precision},
                  {"name", run.name.toStdString()},
                  {"recipe", json::parse(to_json(run.recipe))},
                  {"text", run.choice.text.toStdString()},
                  {"window", run.choice.window},
                  {"windows", run.choice.windows},
                  {"weight_bits", run.weight_bits.actual},
                  {"ideal_weight_bits", run.weight_bits.ideal},
                  {"input_bits", run.input_bits},
                  {"bytes", run.bytes}};
    if (!run.window.isEmpty()) value["under_way_in"] = run.window.toStdString();
    if (run.hasWindows()) {
        value["complete"] = run.evaluation->complete;
        value["evaluation"] = to_json(*run.evaluation, Timing::include);
        return value;
    }
    if (!run.host.isEmpty()) value["host"] = run.host.toStdString();
    value["model_hash"] = run.modelHash();
    value["served_as"] = run.served_as.toStdString();
    value["precision"] = to_text(run.execution.compute);
    value["arithmetic"] = to_text(run.execution.arithmetic);
    return value;
}

Run run_from_json(const json& value) {
    Run run;
    value.at("full_precision").get_to(run.full_precision);
    run.name = QString::fromStdString(value.at("name").get<std::string>());
    run.recipe = parse_recipe(value.at("recipe").dump());
    run.choice.text = QString::fromStdString(value.at("text").get<std::string>());
    value.at("window").get_to(run.choice.window);
    value.at("windows").get_to(run.choice.windows);
    value.at("weight_bits").get_to(run.weight_bits.actual);
    // Runs of older versions counted float scales as 16 bits.
    run.weight_bits.ideal = value.value("ideal_weight_bits", run.weight_bits.actual);
    value.at("input_bits").get_to(run.input_bits);
    value.at("bytes").get_to(run.bytes);
    run.window = QString::fromStdString(value.value("under_way_in", std::string()));
    run.state = JobState::cancelled;
    if (!value.contains("evaluation")) {
        value.at("model_hash").get_to(run.model_hash);
        run.host = QString::fromStdString(value.value("host", std::string())); // absent until it was kept
        run.served_as = QString::fromStdString(value.at("served_as").get<std::string>());
        run.execution = {parse_compute(value.at("precision").get<std::string>()),
                         parse_arithmetic(value.at("arithmetic").get<std::string>())};
        return run;
    }
    run.evaluation = read_evaluation(value.at("evaluation"));
    run.served_as = QString::fromStdString(run.evaluation->provenance.served_as);
    run.execution = run.evaluation->protocol.execution;
    run.take(Evaluation(*run.evaluation), value.value("complete", true)); // absent until partial ones were kept
    if (run.evaluation->complete) run.state = JobState::done;
    return run;
}

void write_runs_to(json& document, const std::vector<const Run*>& runs) {
    json begun = json::array(), asked = json::array();
    for (const Run* run : runs) (run->hasWindows() ? begun : asked).push_back(run_to_json(*run));
    document["runs"] = std::move(begun);
    if (!asked.empty()) document["asked"] = std::move(asked);
}

void read_runs_of(const json& document, std::vector<Run>& runs) {
    for (const json& run : document.at("runs")) runs.push_back(run_from_json(run));
    if (const auto asked = document.find("asked"); asked != document.end())
        for (const json& run : *asked) runs.push_back(run_from_json(run));
}

void write_run_file(const QString& path, const json& document) {
    const std::string text = document.dump(1) + "\n";
    if (text.size() > run_file_limits.bytes)
        throw Error(ErrorKind::bad_input, path.toStdString() + " was not written: it would have " +
                                              std::to_string(text.size()) + " bytes, and at most " +
                                              std::to_string(run_file_limits.bytes) +
                                              " are read again; remove runs that are not needed");
    atomic_write_file(path.toStdString(), text, Origin::checked_before); // each result was checked when it came
}

} // namespace graticule
