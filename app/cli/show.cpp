#include "app/cli/show.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "app/cli/table.h"
#include "core/engine/engine.h"
#include "core/report/kernels_text.h"
#include "core/report/report_text.h"

namespace graticule::cli {
namespace {

std::string optional_fixed(const std::optional<double>& value, int decimals) {
    return value ? fixed(*value, decimals) : "-";
}

} // namespace

std::string bits_text(const StoredBits& bits) {
    const std::string actual = fixed(bits.actual, 3), ideal = fixed(bits.ideal, 3);
    return actual == ideal ? actual : actual + " (ideal " + ideal + ")";
}

std::string size_text(const StoredBits& bits_per_weight, std::int64_t bytes_before, std::int64_t bytes_after) {
    return bits_text(bits_per_weight) + " bits a weight, model " + bytes_text(bytes_before) + " -> " +
           bytes_text(bytes_after);
}

std::string totals_line(const QuantizedModel& model) {
    const ModelSize size = model.size();
    return size_text(size.bits_per_weight, model.bytes_before(), size.bytes) + ", quantized in " +
           duration_text(model.seconds) + ", peak memory +" + bytes_text(model.peak_bytes) +
           (model.peak_device_bytes > 0 ? ", on the card " + bytes_text(model.peak_device_bytes) : "");
}

std::string layers_text(const QuantizedModel& model) {
    std::vector<Column> columns{{"layer"}};
    for (const FigureWords& figure : figure_words()) columns.push_back({std::string(figure.brief), Align::right});
    for (const ErrorSource& source : error_sources())
        columns.push_back({"err " + std::string(source.brief) + ", %", Align::right});
    columns.insert(columns.end(), {{"unused levels", Align::right}, {"bytes", Align::right}, {"scheme"}});
    Table table(std::move(columns));
    const std::vector<const LayerReport*> worst = worst_first(layers_of(model));
    for (const LayerReport* report : worst) {
        std::vector<std::string> cells{report->name};
        for (const FigureWords& figure : figure_words()) cells.push_back(optional_fixed(figure.of(*report), 2));
        for (const ErrorSource& source : error_sources()) {
            const auto& error = report->output_error;
            cells.push_back(error && error->total > 0 ? fixed(100 * source.of(*error) / error->total, 1) : "-");
        }
        cells.insert(cells.end(),
                     {std::to_string(report->levels_unused), bytes_text(report->bytes_after),
                      report->scheme_line + (report->method_note.empty() ? "" : "  (" + report->method_note + ")")});
        table.add(std::move(cells));
    }
    return table.text() +
           "\nSQNR: of the output; w: of the weights; a: of the inputs; underfl.: underflow, values that become zero\n"
           "err columns: shares of the output's error in % by source (un underflow, ro rounding, cl clipping); " +
           shares_note(worst) + "\n" + totals_line(model) + "\n";
}

std::string bracketed_difference(const Comparison& comparison) {
    if (!comparison.difference) return "not comparable";
    const PairedDifference& d = *comparison.difference;
    const std::string text = signed_fixed(d.perplexity_difference, 4) + " (" + signed_fixed(d.percent, 2) + " %)";
    return d.significant ? text : "[" + text + "]";
}

std::string interval_text(const Comparison& comparison) {
    if (!comparison.difference) return "-";
    const PairedDifference& d = *comparison.difference;
    if (std::isinf(d.interval_high)) return "n/a";
    return signed_fixed(d.interval_low, 4) + " .. " + signed_fixed(d.interval_high, 4);
}

std::string targets_text(const std::vector<TargetReport>& reports) {
    Table table({{"there"}, {"runs"}, {"taken from"}});
    for (const TargetReport& report : reports)
        table.add(
            {std::string(report.target->label), std::string(to_text(report.fate)), std::string(report.target->basis)});
    std::string text = table.text();
    for (const TargetReport& report : reports) {
        std::string lines;
        for (const std::string& line : to_lines(report))
            if (line != "runs as asked") lines += "  " + line + "\n";
        if (!lines.empty()) text += "\n" + std::string(report.target->label) + "\n" + lines;
    }
    return text;
}

std::string exported_text(const Exported& exported) {
    Table table({{"file"}, {"bytes", Align::right}});
    for (const auto& [name, bytes] : exported.files) table.add({name, grouped(bytes)});
    table.add({"total", grouped(exported.bytes)});
    const ReloadCheck& check = exported.reload;
    std::string text = exported.folder.string() + "\n\n" + table.text() +
                       "\nread back: " + std::to_string(check.tensors) + " tensors, " +
                       (check.different == 0 ? "all identical"
                                             : std::to_string(check.different) + " differ, by at most " +
                                                   significant(check.largest_relative, 3) + " of the largest value") +
                       "\n";
    for (const Diagnostic& item : exported.notes.items)
        text += std::string(item.severity == Severity::note ? "note: " : "warning: ") +
                (item.where.empty() ? "" : item.where + ": ") + item.text + "\n";
    for (const TargetReport& report : exported.targets)
        if (report.fate != Fate::as_asked)
            text += "there: " + std::string(report.target->label) + ": " + std::string(to_text(report.fate)) +
                    " (export --check says more)\n";
    if (!exported.moved_aside.empty())
        text += "what was there is now " + exported.moved_aside.string() + "\n";
    else if (exported.replaced)
        text += "an earlier output of this program stood there and is replaced\n";
    return text;
}

std::string evaluation_text(const Evaluation& evaluation) {
    Table table({{"run"}, {evaluation.run_name}});
    table.add({"perplexity", perplexity_text(evaluation)});
    table.add({"protocol", evaluation.protocol.text()});
    if (const std::string& target = evaluation.provenance.served_as; !target.empty())
        table.add({"inputs rounded", "as " + std::string(target_named(target).label) + " does (" + target + ")"});
    table.add({"text", evaluation.provenance.data_name});
    table.add({"tokens scored", grouped(evaluation.tokens)});
    table.add({"device", evaluation.provenance.place()});
    table.add({"products", kernels_text(evaluation)});
    const double rate = evaluation.seconds > 0 ? static_cast<double>(evaluation.tokens) / evaluation.seconds : 0;
    table.add(
        {"time", duration_text(evaluation.seconds) + ", " + grouped(static_cast<std::int64_t>(rate)) + " tokens/s"});
    return table.text();
}

std::string interval_text(const Interval& interval, int decimals) {
    if (std::isinf(interval.high)) return "n/a";
    return fixed(interval.low, decimals) + " .. " + fixed(interval.high, decimals);
}

std::string divergence_text(const Divergence& divergence) {
    Table table({{"divergence from " + divergence.baseline_name}, {"nats per token"}});
    table.add({"mean", significant(divergence.mean, 5) + ", 95 % interval over windows " +
                           interval_text(divergence.over_windows.interval, 5)});
    table.add({"median, 90 %, 99 %", significant(divergence.median, 5) + ", " + significant(divergence.p90, 5) + ", " +
                                         significant(divergence.p99, 5)});
    table.add({"maximum", significant(divergence.maximum, 5)});
    table.add({"loss of the text's tokens", signed_fixed(divergence.mean_nll_difference, 5) + ", 95 % interval " +
                                                interval_text(divergence.nll_difference.interval, 5)});
    table.add({"same first choice", percent(divergence.same_first_choice, 2) + " of " + grouped(divergence.tokens) +
                                        ", 95 % interval " + fixed(100 * divergence.same_interval.low, 2) + " .. " +
                                        fixed(100 * divergence.same_interval.high, 2)});
    table.add({"first choice became",
               std::to_string(divergence.became_right) + " times right, " + std::to_string(divergence.became_wrong) +
                   " times wrong (McNemar p = " + significant(divergence.first_choice_p, 3) + ")"});
    const std::optional<double> parting = divergence.first_parting();
    table.add({"first choices part", (parting ? "after " + significant(*parting, 5) + " tokens, the median; " : "") +
                                         "in " + percent(divergence.parting_share(), 1) + " of " +
                                         grouped(std::ssize(divergence.partings)) + " windows (both read the text)"});
    if (!divergence.state_errors.empty())
        table.add({"hidden states off by", percent(divergence.state_errors.front(), 2) + " behind the first block, " +
                                               percent(divergence.state_errors.back(), 2) + " behind the last"});
    table.add({"verdict", std::string(to_text(divergence.verdict))});
    return table.text() + "verdict: " + std::string(verdict_test) + "\n";
}

std::string stored_text(const Model& model) {
    const std::string note = stored_note(model);
    return note.empty() ? note : "note: " + note + "\n";
}

nlohmann::json stored_json(const Model& model) {
    const auto stored = stored_quantization(model);
    if (!stored) return nullptr;
    return {{"format", stored->format},
            {"bits_per_weight", stored_bits_per_weight(model)},
            {"quantizes_inputs", stored->quantizes_inputs},
            {"input_recipe", stored->input_line.empty() ? nlohmann::json(nullptr) : nlohmann::json(stored->input_line)},
            {"note", stored_note(model)}};
}

} // namespace graticule::cli
