#include "core/report/read_results.h"

#include <cmath>
#include <nlohmann/json.hpp>

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
    provenance.host = value.value("host", std::string()); // absent where it was computed here
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
    if (const auto reason = value.find("meaningless"); reason != value.end() && !reason->is_null())
        reason->get_to(evaluation.meaningless); // absent in older files
    value.at("tokens").get_to(evaluation.tokens);
    for (const json& loss : value.at("window_losses")) evaluation.window_losses.push_back(read_number(loss));
    value.at("seconds").get_to(evaluation.seconds);
    if (const auto kernels = value.find("kernels"); kernels != value.end())
        for (const json& use : *kernels)
            evaluation.kernels.push_back({use.at("kernel"), use.at("layers").get<std::vector<std::string>>(),
                                          use.value("no_integers", std::string()),
                                          use.value("linears", std::int64_t{0}), use.value("where", std::string())});
    evaluation.protocol = read_protocol(value.at("protocol"));
    evaluation.provenance = read_provenance(value.at("provenance"));
    return evaluation;
}

} // namespace graticule
