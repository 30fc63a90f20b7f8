#include "core/export/report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "core/export/json_results.h"

namespace graticule {
namespace {

using nlohmann::json;

std::string number(const char* format, double value) {
    if (!std::isfinite(value)) return value > 0 ? "exact" : "-";
    char buffer[400];
    std::snprintf(buffer, sizeof buffer, format, value);
    return buffer;
}

std::string number(const char* format, const std::optional<double>& value) {
    return value ? number(format, *value) : std::string("-");
}

/// Perplexity and its spread, which one window does not have.
std::string perplexity_text(const Evaluation& run) {
    return number("%.4f", run.perplexity) +
           (run.standard_error ? " ± " + number("%.4f", *run.standard_error) : std::string(" (one window)"));
}

std::string megabytes(std::int64_t bytes) { return number("%.2f MB", static_cast<double>(bytes) / 1e6); }

/// Worst output first; without calibration, worst weight first.
std::vector<const LayerReport*> worst_first(const QuantizedModel& model) {
    std::vector<const LayerReport*> reports;
    for (const auto& linear : model.linears)
        if (linear) reports.push_back(&linear->report);
    std::stable_sort(reports.begin(), reports.end(), [](const LayerReport* a, const LayerReport* b) {
        return a->output_sqnr_db.value_or(a->weight_sqnr_db) < b->output_sqnr_db.value_or(b->weight_sqnr_db);
    });
    return reports;
}

std::string difference_text(const Comparison& comparison) {
    if (!comparison.difference) return "not comparable: " + comparison.notes.text();
    const PairedDifference& d = *comparison.difference;
    const std::string text = number("%+.4f", d.perplexity_difference) + " (" + number("%+.2f", d.percent) + " %)";
    if (std::isinf(d.interval_high)) return text + ", of one window, which has no interval";
    return text + ", 95 % interval " + number("%+.4f", d.interval_low) + " to " + number("%+.4f", d.interval_high) +
           (d.significant ? "" : ", not significant");
}

/// A field of CSV: quoted when it holds what separates.
std::string csv_field(const std::string& text) {
    if (text.find_first_of(",\"\n") == std::string::npos) return text;
    std::string quoted = "\"";
    for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
    return quoted + "\"";
}

std::string csv_number(double value) { return std::isfinite(value) ? number("%.9g", value) : std::string(); }

std::string csv_number(const std::optional<double>& value) { return value ? csv_number(*value) : std::string(); }

} // namespace

std::string report_json(const ReportInput& input) {
    const json document = {{"schema", 1},
                           {"quantized", to_json(*input.quantized, Timing::leave_out)},
                           {"baseline", to_json(*input.baseline, Timing::leave_out)},
                           {"evaluation", to_json(*input.evaluation, Timing::leave_out)},
                           {"comparison", to_json(input.comparison)},
                           {"export_notes", to_json(input.export_notes)}};
    return document.dump(2) + "\n";
}

std::string report_markdown(const ReportInput& input) {
    const QuantizedModel& model = *input.quantized;
    std::string text = "# " + model.base->name() + ", " + summary_line(model.recipe) + "\n\n";
    text += "| | " + input.baseline->run_name + " | quantized |\n|---|---:|---:|\n";
    text += "| perplexity | " + perplexity_text(*input.baseline) + " | " + perplexity_text(*input.evaluation) + " |\n";
    text += "| size | " + megabytes(model.bytes_before()) + " | " + megabytes(model.bytes_after()) + " |\n";
    text += "| bits a weight (decoder linears) | | " + number("%.3f", model.bits_per_weight()) + " |\n\n";
    text += "Difference of perplexity: " + difference_text(input.comparison) + ".\n\n";
    text +=
        "Protocol: " + input.evaluation->protocol.text() + ", on " + input.evaluation->provenance.data_name + ".\n\n";

    text += "## Layers, worst output first\n\n";
    text += "| layer | scheme | output SQNR dB | weight SQNR dB | weight underflow % | input underflow % | bytes |\n";
    text += "|---|---|---:|---:|---:|---:|---:|\n";
    for (const LayerReport* report : worst_first(model))
        text += "| " + report->name + " | `" + report->scheme_line + "` | " + number("%.2f", report->output_sqnr_db) +
                " | " + number("%.2f", report->weight_sqnr_db) + " | " +
                number("%.2f", report->weight_underflow_percent) + " | " +
                number("%.2f", report->input_underflow_percent) + " | " + std::to_string(report->bytes_after) + " |\n";

    if (!input.export_notes.items.empty()) text += "\n## Export\n\n";
    for (const Diagnostic& item : input.export_notes.items)
        text += "- " + (item.where.empty() ? "" : item.where + ": ") + item.text + "\n";

    text += "\n## Provenance\n\n```json\n" + to_json(input.evaluation->provenance).dump(2) + "\n```\n";
    return text;
}

std::string layers_csv(const QuantizedModel& model) {
    std::string text = "layer,scheme,output_sqnr_db,output_mse,weight_sqnr_db,weight_mse,weight_underflow_percent,"
                       "input_underflow_percent,error_underflow,error_rounding,error_clipping,error_cross,error_total,"
                       "levels_unused,bytes_before,bytes_after\n";
    for (const auto& linear : model.linears) {
        if (!linear) continue;
        const LayerReport& report = linear->report;
        text += csv_field(report.name) + "," + csv_field(report.scheme_line) + "," + csv_number(report.output_sqnr_db) +
                "," + csv_number(report.output_mse) + "," + csv_number(report.weight_sqnr_db) + "," +
                csv_number(report.weight_mse) + "," + csv_number(report.weight_underflow_percent) + "," +
                csv_number(report.input_underflow_percent);
        const auto split = report.weight_output_error;
        for (const double ErrorSplit::*part : {&ErrorSplit::underflow, &ErrorSplit::rounding, &ErrorSplit::clipping,
                                               &ErrorSplit::cross, &ErrorSplit::total})
            text += "," + (split ? csv_number((*split).*part) : std::string());
        text += "," + std::to_string(report.levels_unused) + "," + std::to_string(report.bytes_before) + "," +
                std::to_string(report.bytes_after) + "\n";
    }
    return text;
}

std::string provenance_json(const ReportInput& input) {
    const json document = {{"quantized", to_json(input.quantized->provenance)},
                           {"evaluated", to_json(input.evaluation->provenance)}};
    return document.dump(2) + "\n";
}

} // namespace graticule
