#include "app/session/run_json.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/io/output_file.h"
#include "core/report/json_results.h"

namespace graticule {

using nlohmann::json;

double read_number(const json& value) { return value.is_null() ? INFINITY : value.get<double>(); }

Protocol read_protocol(const json& value) {
    Protocol protocol;
    protocol.name = protocol_named(value.at("name").get<std::string>()).name;
    value.at("window").get_to(protocol.window);
    value.at("windows_used").get_to(protocol.windows_used);
    value.at("windows_there").get_to(protocol.windows_there);
    value.at("bos").get_to(protocol.bos);
    value.at("text_rule").get_to(protocol.text_rule);
    protocol.execution.compute = parse_compute(value.at("precision").get<std::string>());
    protocol.execution.arithmetic =
        parse_arithmetic(value.value("arithmetic", "simulated")); // absent until November 2026
    value.at("data_hash").get_to(protocol.data_hash);
    return protocol;
}

Provenance read_provenance(const json& value) {
    Provenance provenance;
    value.at("model_hash").get_to(provenance.model_hash);
    value.at("recipe_hash").get_to(provenance.recipe_hash);
    value.at("recipe_line").get_to(provenance.recipe_line);
    value.at("data_hash").get_to(provenance.data_hash);
    value.at("data_name").get_to(provenance.data_name);
    value.at("protocol").get_to(provenance.protocol);
    value.at("device").get_to(provenance.device);
    provenance.execution = value.value("execution", std::string());
    value.at("backend").get_to(provenance.backend);
    if (const auto served = value.find("served_as"); served != value.end() && served->is_string())
        served->get_to(provenance.served_as); // absent in older files
    value.at("seed").get_to(provenance.seed);
    provenance.product_tokens = value.value("product_tokens", std::int64_t{0}); // only where memory ran out
    for (const auto& [name, version] : value.at("versions").items())
        provenance.versions.emplace_back(name, version.get<std::string>());
    return provenance;
}

Evaluation read_evaluation(const json& value) {
    Evaluation evaluation;
    value.at("run").get_to(evaluation.run_name);
    evaluation.perplexity = read_number(value.at("perplexity"));
    if (const json& error = value.at("standard_error"); !error.is_null())
        evaluation.standard_error = read_number(error);
    value.at("tokens").get_to(evaluation.tokens);
    for (const json& loss : value.at("window_losses")) evaluation.window_losses.push_back(read_number(loss));
    value.at("seconds").get_to(evaluation.seconds);
    if (const auto kernels = value.find("kernels"); kernels != value.end())
        for (const json& use : *kernels)
            evaluation.kernels.push_back({use.at("kernel"), use.at("layers").get<std::vector<std::string>>(),
                                          use.value("no_integers", std::string())});
    evaluation.protocol = read_protocol(value.at("protocol"));
    evaluation.provenance = read_provenance(value.at("provenance"));
    return evaluation;
}
json run_to_json(const Run& run) {
    return {{"full_precision", run.full_precision},
            {"name", run.name.toStdString()},
            {"recipe", json::parse(to_json(run.recipe))},
            {"text", run.choice.text.toStdString()},
            {"window", run.choice.window},
            {"windows", run.choice.windows},
            {"weight_bits", run.weight_bits.actual},
            {"ideal_weight_bits", run.weight_bits.ideal},
            {"input_bits", run.input_bits},
            {"bytes", run.bytes},
            {"complete", run.evaluation->complete},
            {"evaluation", to_json(*run.evaluation, Timing::include)}};
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
    run.evaluation = read_evaluation(value.at("evaluation"));
    run.served_as = QString::fromStdString(run.evaluation->provenance.served_as);
    run.execution = run.evaluation->protocol.execution;
    run.take(Evaluation(*run.evaluation), value.value("complete", true)); // absent until partial ones were kept
    run.state = run.evaluation->complete ? JobState::done : JobState::cancelled;
    return run;
}

void write_run_file(const QString& path, const json& document) {
    const std::string text = document.dump(1) + "\n";
    if (text.size() > run_file_limits.bytes)
        throw Error(ErrorKind::bad_input, path.toStdString() + " was not written: it would have " +
                                              std::to_string(text.size()) + " bytes, and at most " +
                                              std::to_string(run_file_limits.bytes) +
                                              " are read again; remove runs that are not needed");
    atomic_write_file(path.toStdString(), text);
}

} // namespace graticule
