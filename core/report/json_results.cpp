#include "core/report/json_results.h"

#include <cmath>

namespace graticule {
namespace {

using nlohmann::json;

/// JSON has no infinity: an exact layer's SQNR is infinite and becomes null; "not_measured" tells it from one that
/// could not be measured.
json number(double value) { return std::isfinite(value) ? json(value) : json(nullptr); }

json number(const std::optional<double>& value) { return value ? number(*value) : json(nullptr); }

json to_json(const ParamValue& value) {
    return std::visit([](const auto& held) { return json(held); }, value);
}

json to_json(const ErrorSplit& split) {
    return {{"underflow", number(split.underflow)},
            {"rounding", number(split.rounding)},
            {"clipping", number(split.clipping)},
            {"cross", number(split.cross)},
            {"total", number(split.total)}};
}

json to_json(const ErrorSources& sources) {
    const auto parts = [](const ErrorSources::Parts& of) {
        return json{
            {"underflow", number(of.underflow)}, {"rounding", number(of.rounding)}, {"clipping", number(of.clipping)}};
    };
    return {{"weight", parts(sources.weight)},
            {"input", parts(sources.input)},
            {"cross", number(sources.cross)},
            {"total", number(sources.total)}};
}

} // namespace

json to_json(const Diagnostics& diagnostics) {
    static constexpr const char* names[] = {"note", "warning", "error"};
    json all = json::array();
    for (const Diagnostic& item : diagnostics.items)
        all.push_back(
            {{"severity", names[static_cast<int>(item.severity)]}, {"where", item.where}, {"text", item.text}});
    return all;
}

json to_json(const ParamSpec& spec) {
    static constexpr const char* kinds[] = {"flag", "integer", "real", "choice"};
    json value = {{"name", spec.name},
                  {"label", spec.label},
                  {"kind", kinds[static_cast<int>(spec.kind)]},
                  {"default", to_json(spec.default_value)},
                  {"help", spec.help}};
    if (spec.kind == ParamKind::integer || spec.kind == ParamKind::real) {
        value["minimum"] = spec.minimum;
        value["maximum"] = spec.maximum;
    }
    if (spec.kind == ParamKind::choice) {
        value["choices"] = spec.choices;
        value["choice_labels"] = spec.choice_labels.empty() ? spec.choices : spec.choice_labels;
    }
    return value;
}

json to_json(const Provenance& provenance) {
    json versions = json::object();
    for (const auto& [name, version] : provenance.versions) versions[name] = version;
    json value = {{"model_hash", provenance.model_hash},
                  {"recipe_hash", provenance.recipe_hash},
                  {"recipe_line", provenance.recipe_line},
                  {"data_hash", provenance.data_hash},
                  {"data_name", provenance.data_name},
                  {"protocol", provenance.protocol},
                  {"device", provenance.device},
                  {"execution", provenance.execution},
                  {"backend", provenance.backend},
                  {"served_as", provenance.served_as.empty() ? json(nullptr) : json(provenance.served_as)},
                  {"seed", provenance.seed},
                  {"versions", versions}};
    if (provenance.product_tokens > 0) value["product_tokens"] = provenance.product_tokens;
    if (!provenance.host.empty()) value["host"] = provenance.host; // as another machine's results alone have one
    return value;
}

json to_json(const LayerReport& report, Timing timing) {
    json value = {{"name", report.name},
                  {"scheme", report.scheme_line},
                  {"weight_mse", number(report.weight_mse)},
                  {"weight_sqnr_db", number(report.weight_sqnr_db)},
                  {"weight_underflow_percent", number(report.weight_underflow_percent)},
                  {"weight_clipped", report.weight_counts.clipped},
                  {"weight_not_finite", report.weight_counts.not_finite},
                  {"levels_unused", report.levels_unused},
                  {"input_mse", number(report.input_mse)},
                  {"input_underflow_percent", number(report.input_underflow_percent)},
                  {"output_mse", number(report.output_mse)},
                  {"output_sqnr_db", number(report.output_sqnr_db)},
                  {"search_loss", number(report.search_loss)},
                  {"search_loss_before", number(report.search_loss_before)},
                  {"not_measured", report.not_measured.empty() ? json(nullptr) : json(report.not_measured)},
                  {"note", report.method_note},
                  {"bytes_before", report.bytes_before},
                  {"bytes_after", report.bytes_after}};
    value["weight_output_error"] = report.weight_output_error ? to_json(*report.weight_output_error) : json(nullptr);
    value["output_error"] = report.output_error ? to_json(*report.output_error) : json(nullptr);
    value["rows_scored"] = report.rows_scored;
    if (timing == Timing::include) value["seconds"] = report.seconds;
    return value;
}

json to_json(const Protocol& protocol) {
    return {{"name", protocol.name},
            {"window", protocol.window},
            {"windows_used", protocol.windows_used},
            {"windows_there", protocol.windows_there},
            {"first_scored", protocol.first_scored()},
            {"bos", protocol.bos},
            {"text_rule", protocol.text_rule},
            {"precision", to_text(protocol.execution.compute)},
            {"arithmetic", to_text(protocol.execution.arithmetic)},
            {"data_hash", protocol.data_hash},
            {"text", protocol.text()}};
}

json to_json(const std::vector<KernelUse>& kernels) {
    json all = json::array();
    for (const KernelUse& use : kernels) {
        all.push_back({{"kernel", use.kernel}, {"layers", use.layers}, {"linears", use.linears}});
        if (!use.where.empty()) all.back()["where"] = use.where;
        if (!use.no_integers.empty()) all.back()["no_integers"] = use.no_integers;
    }
    return all;
}

json to_json(const Evaluation& evaluation, Timing timing) {
    json value = {{"run", evaluation.run_name},
                  {"metric", evaluation.measurement().metric},
                  {"perplexity", number(evaluation.perplexity)},
                  {"standard_error", number(evaluation.standard_error)},
                  {"meaningless", evaluation.meaningless.empty() ? json(nullptr) : json(evaluation.meaningless)},
                  {"tokens", evaluation.tokens},
                  {"windows", evaluation.window_losses.size()},
                  {"window_losses", evaluation.window_losses},
                  {"protocol", to_json(evaluation.protocol)},
                  {"provenance", to_json(evaluation.provenance)}};
    value["kernels"] = to_json(evaluation.kernels);
    if (timing == Timing::include) value["seconds"] = evaluation.seconds;
    return value;
}

json to_json(const PairedDifference& difference) {
    return {{"log_ratio", number(difference.log_ratio)},
            {"log_ratio_error", number(difference.log_ratio_error)},
            {"perplexity_difference", number(difference.perplexity_difference)},
            {"interval_low", number(difference.interval_low)},
            {"interval_high", number(difference.interval_high)},
            {"percent", number(difference.percent)},
            {"significant", difference.significant}};
}

json to_json(const Comparison& comparison) {
    return {{"difference", comparison.difference ? to_json(*comparison.difference) : json(nullptr)},
            {"notes", to_json(comparison.notes)}};
}

namespace {

json to_json(const Interval& interval) { return json::array({number(interval.low), number(interval.high)}); }

} // namespace

json to_json(const Divergence& divergence) {
    json position_intervals = json::array();
    for (const Interval& interval : divergence.position_intervals) position_intervals.push_back(to_json(interval));
    json partings = json::array();
    for (const auto& parting : divergence.partings) partings.push_back(parting ? json(*parting) : json());
    return {{"baseline", divergence.baseline_name},
            {"tokens", divergence.tokens},
            {"mean", divergence.mean},
            {"standard_error", number(divergence.over_windows.standard_error)},
            {"interval", to_json(divergence.over_windows.interval)},
            {"median", divergence.median},
            {"p90", divergence.p90},
            {"p99", divergence.p99},
            {"maximum", divergence.maximum},
            {"window_means", divergence.window_means},
            {"position_means", divergence.position_means},
            {"position_intervals", position_intervals},
            {"state_errors", divergence.state_errors},
            {"same_first_choice", divergence.same_first_choice},
            {"same_first_choice_interval", to_json(divergence.same_interval)},
            {"first_choices",
             {{"became_right", divergence.became_right},
              {"became_wrong", divergence.became_wrong},
              {"p_value", divergence.first_choice_p},
              {"test", "McNemar, exact"}}},
            {"first_parting",
             {{"median", number(divergence.first_parting())},
              {"share", divergence.parting_share()},
              {"window_tokens", partings},
              {"meaning", first_parting_meaning}}},
            {"mean_nll_difference", divergence.mean_nll_difference},
            {"nll_difference_error", number(divergence.nll_difference.standard_error)},
            {"nll_difference_interval", to_json(divergence.nll_difference.interval)},
            {"nll_difference_p_value", number(divergence.nll_p)},
            {"verdict", to_text(divergence.verdict)},
            {"verdict_test", verdict_test}};
}

namespace {

json likely_json(const std::vector<LikelyText>& likely) {
    json all = json::array();
    for (const LikelyText& token : likely) all.push_back({{"text", token.text}, {"probability", token.probability}});
    return all;
}

} // namespace

json to_json(const Passage& passage) {
    json tokens = json::array();
    std::string text;
    for (const PassageToken& token : passage.tokens) {
        text += token.text;
        tokens.push_back({{"text", token.text},
                          {"divergence", token.divergence},
                          {"loss_change", token.loss_change},
                          {"baseline_choice", token.baseline_choice},
                          {"choice", token.choice},
                          {"baseline_likely", likely_json(token.baseline_likely)},
                          {"likely", likely_json(token.likely)}});
    }
    return {{"window", passage.window},
            {"first", passage.first},
            {"mean", passage.mean},
            {"text", text},
            {"tokens", tokens}};
}

json to_json(const TaskProtocol& protocol) {
    return {{"file", protocol.file},
            {"items_used", protocol.items_used},
            {"items_there", protocol.items_there},
            {"spread", protocol.spread},
            {"examples", protocol.examples},
            {"precision", to_text(protocol.execution.compute)},
            {"arithmetic", to_text(protocol.execution.arithmetic)},
            {"data_hash", protocol.data_hash}};
}

json to_json(const TaskRun& run, Timing timing) {
    const TaskRun::Accuracy plain = run.accuracy(), norm = run.accuracy(true);
    json scores = json::array();
    for (const AnsweredItem& item : run.items) scores.push_back(item.scores);
    const TaskProtocol& protocol = run.protocol;
    json value = {{"task", protocol.task},
                  {"run", run.run_name},
                  {"metric", "accuracy"},
                  {"items", protocol.items_used},
                  {"accuracy", plain.share},
                  {"accuracy_interval", to_json(plain.interval)},
                  {"accuracy_norm", norm.share},
                  {"accuracy_norm_interval", to_json(norm.interval)},
                  {"correct", plain.correct},
                  {"correct_norm", norm.correct},
                  {"scores", scores},
                  {"tokens", run.tokens},
                  {"requests_shortened", run.shortened},
                  {"protocol", to_json(protocol)},
                  {"provenance", to_json(run.provenance)}};
    value["protocol"]["text"] = protocol.text();
    if (timing == Timing::include) value["seconds"] = run.seconds;
    return value;
}

json to_json(const Flips& flips, const TaskRun& run) {
    const auto list = [&](const std::vector<std::size_t>& items) {
        json all = json::array();
        for (const std::size_t item : items) all.push_back({{"item", item}, {"place", run.items.at(item).place}});
        return all;
    };
    return {{"became_right", list(flips.became_right)},
            {"became_wrong", list(flips.became_wrong)},
            {"p_value", flips.p_value},
            {"test", "McNemar, exact"},
            {"verdict", to_text(flips.verdict)}};
}

namespace {

/// Their places in the model.
json linears_of(const LayerSensitivity& layer) {
    json all = json::array();
    for (const LayerId linear : layer.layers) all.push_back(index_of(linear));
    return all;
}

} // namespace

json to_json(const Sensitivity& sensitivity, Timing timing) {
    json schemes = json::array();
    for (const SchemeSensitivity& scheme : sensitivity.schemes) {
        json layers = json::array();
        for (const LayerSensitivity& layer : scheme.layers)
            layers.push_back({{"name", layer.name},
                              {"linears", linears_of(layer)},
                              {"predicted", layer.predicted},
                              {"measured", number(layer.measured)},
                              {"measured_interval", layer.measured ? to_json(layer.measured_interval) : json()}});
        schemes.push_back({{"scheme", scheme.scheme_line},
                           {"layers", layers},
                           {"rank_correlation", number(scheme.rank_correlation())}});
    }
    json value = {{"schemes", schemes},
                  {"draws", sensitivity.draws},
                  {"protocol", to_json(sensitivity.protocol)},
                  {"provenance", to_json(sensitivity.provenance)}};
    if (timing == Timing::include) {
        value["prediction_seconds"] = sensitivity.prediction_seconds;
        value["measuring_seconds"] = sensitivity.measuring_seconds;
    }
    return value;
}

namespace {

json to_json(const SearchPoint& point, Timing timing) {
    return {{"name", point.name},
            {"recipe", json::parse(graticule::to_json(point.recipe))},
            {"bits_per_weight", point.size.bits_per_weight.actual},
            {"ideal_bits_per_weight", point.size.bits_per_weight.ideal},
            {"bytes", point.size.bytes},
            {"predicted", number(point.predicted)},
            {"predicted_together", number(point.predicted_together)},
            {"predicted_linears_seconds", number(point.predicted_seconds)},
            {"linears_seconds", number(point.seconds)},
            {"divergence", to_json(point.divergence)},
            {"perplexity", number(point.evaluation->perplexity)},
            {"perplexity_error", number(point.evaluation->standard_error)},
            {"evaluation", graticule::to_json(*point.evaluation, timing)}};
}

json to_json(const std::optional<SearchTimes>& times) {
    if (!times) return nullptr;
    json candidates = json::array();
    for (const LinearTimes& candidate : times->candidates) {
        json kinds = json::array();
        for (const LinearTime& time : candidate.kinds)
            kinds.push_back(
                {{"kind", time.kind}, {"kernel", time.kernel}, {"linears", time.linears}, {"seconds", time.seconds}});
        candidates.push_back({{"scheme", candidate.scheme_line}, {"seconds", candidate.seconds()}, {"kinds", kinds}});
    }
    const TimedPass& pass = times->budget.pass;
    return {{"budget_seconds", times->budget.seconds},
            {"meaning", "time of the linears in one pass, measured per kind of layer"},
            {"pass",
             {{"phase", to_text(pass.phase)}, {"batch", pass.batch}, {"length", pass.length}, {"before", pass.before}}},
            {"candidates", candidates},
            {"provenance", graticule::to_json(times->provenance)}};
}

/// The searched recipe's figures less those of a uniform one.
json to_json(const std::optional<PairedPoints>& difference, const std::optional<std::size_t>& rival) {
    if (!difference) return nullptr;
    return {
        {"uniform", *rival},
        {"divergence", {{"mean", difference->divergence.mean}, {"interval", to_json(difference->divergence.interval)}}},
        {"perplexity", to_json(difference->perplexity)}};
}

} // namespace

json to_json(const RecipeSearch& search, Timing timing) {
    json uniform = json::array(), groups = json::array();
    for (const SearchPoint& point : search.uniform) uniform.push_back(to_json(point, timing));
    const auto& schemes = search.sensitivity->schemes;
    for (std::size_t i = 0; i < search.choice.size(); ++i) {
        json predicted = json::object();
        for (const SchemeSensitivity& scheme : schemes) predicted[scheme.scheme_line] = scheme.layers[i].predicted;
        groups.push_back({{"name", schemes.front().layers[i].name},
                          {"linears", linears_of(schemes.front().layers[i])},
                          {"scheme", schemes[search.choice[i]].scheme_line},
                          {"predicted", predicted}});
    }
    const SearchPoint* offered = search.offered();
    json value = {{"budget_bits", number(search.budget.bits)},
                  {"budget_bytes", search.budget.bytes ? json(*search.budget.bytes) : json()},
                  {"linear_times", to_json(search.times)},
                  {"groups", groups},
                  {"searched", to_json(search.searched, timing)},
                  {"uniform", uniform},
                  {"against_best_in_budget", to_json(search.against_in_budget, search.best_in_budget)},
                  {"against_best_as_large", to_json(search.against_as_large, search.best_as_large)},
                  {"beats_uniform", search.beats_uniform},
                  {"offered", offered == nullptr ? json() : json::parse(to_json(offered->recipe))},
                  {"verdict", search.verdict()},
                  {"fit",
                   {{"protocol", to_json(search.sensitivity->protocol)},
                    {"provenance", to_json(search.sensitivity->provenance)},
                    {"draws", search.sensitivity->draws}}},
                  {"baseline", to_json(*search.baseline, timing)}};
    if (timing == Timing::include) {
        value["seconds"] = search.seconds;
        value["prediction_seconds"] = search.sensitivity->prediction_seconds;
    }
    return value;
}

json to_json(const QuantizedModel& model, Timing timing) {
    json layers = json::array();
    for (const LayerReport* report : layers_of(model)) layers.push_back(to_json(*report, timing));
    const ModelSize size = model.size();
    json value = {{"model", model.base->name()},
                  {"recipe", json::parse(to_json(model.recipe))},
                  {"recipe_line", summary_line(model.recipe)},
                  {"layers", layers},
                  {"layers_quantized", layers.size()},
                  {"layers_there", model.base->linears().size()},
                  {"bits_per_weight", number(size.bits_per_weight.actual)},
                  {"ideal_bits_per_weight", number(size.bits_per_weight.ideal)},
                  {"bytes_before", model.bytes_before()},
                  {"bytes_after", size.bytes},
                  {"provenance", to_json(model.provenance)}};
    if (timing == Timing::include) {
        value["seconds"] = model.seconds;
        value["peak_bytes"] = model.peak_bytes;
        value["peak_device_bytes"] = model.peak_device_bytes;
    }
    return value;
}

} // namespace graticule
