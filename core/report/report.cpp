#include "core/report/report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "core/report/json_results.h"
#include "core/report/kernels_text.h"
#include "core/report/report_text.h"

namespace graticule {
namespace {

using nlohmann::json;

/// A field of CSV: quoted when it holds what separates.
std::string csv_field(const std::string& text) {
    if (text.find_first_of(",\"\n") == std::string::npos) return text;
    std::string quoted = "\"";
    for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
    return quoted + "\"";
}

std::string csv_number(double value) { return std::isfinite(value) ? number_text("%.9g", value) : std::string(); }

std::string csv_number(const std::optional<double>& value) { return value ? csv_number(*value) : std::string(); }

std::string csv_of(const std::vector<const LayerReport*>& layers) {
    std::string text = "layer,scheme,output_sqnr_db,output_mse,weight_sqnr_db,weight_mse,weight_underflow_percent,"
                       "input_underflow_percent,";
    for (const ErrorSource& source : error_sources()) text += "error_" + std::string(source.key) + ",";
    text += "error_total,rows_scored,levels_unused,bytes_before,bytes_after\n";
    for (const LayerReport* layer : layers) {
        const LayerReport& report = *layer;
        text += csv_field(report.name) + "," + csv_field(report.scheme_line) + "," + csv_number(report.output_sqnr_db) +
                "," + csv_number(report.output_mse) + "," + csv_number(report.weight_sqnr_db) + "," +
                csv_number(report.weight_mse) + "," + csv_number(report.weight_underflow_percent) + "," +
                csv_number(report.input_underflow_percent);
        for (const ErrorSource& source : error_sources())
            text += "," + (report.output_error ? csv_number(source.of(*report.output_error)) : std::string());
        text += "," + (report.output_error ? csv_number(report.output_error->total) : std::string()) + "," +
                std::to_string(report.rows_scored);
        text += "," + std::to_string(report.levels_unused) + "," + std::to_string(report.bytes_before) + "," +
                std::to_string(report.bytes_after) + "\n";
    }
    return text;
}

} // namespace

std::vector<const LayerReport*> layers_of(const ReportInput& input) {
    if (!input.kept) return layers_of(*input.quantized);
    std::vector<const LayerReport*> reports;
    for (const LayerReport& report : *input.kept) reports.push_back(&report);
    return reports;
}

std::string report_json(const ReportInput& input) {
    json quantized = to_json(*input.quantized, Timing::leave_out);
    if (input.kept) {
        json& layers = quantized["layers"] = json::array();
        for (const LayerReport& report : *input.kept) layers.push_back(to_json(report, Timing::leave_out));
    }
    const json document = {{"schema", 1},
                           {"quantized", quantized},
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
    const ModelSize size = model.size();
    text += "| size | " + megabytes_text(model.bytes_before()) + " | " + megabytes_text(size.bytes) + " |\n";
    text += "| bits a weight (decoder linears) | | " + number_text("%.3f", size.bits_per_weight.actual) + " |\n";
    text += "| the same with float scales in 16 bits | | " + number_text("%.3f", size.bits_per_weight.ideal) + " |\n\n";
    text += "Difference of perplexity: " + difference_text(input.comparison) + ".\n\n";
    text +=
        "Protocol: " + input.evaluation->protocol.text() + ", on " + input.evaluation->provenance.data_name + ".\n\n";
    text += "Products: " + kernels_text(*input.evaluation) + ".\n\n";

    const std::vector<const LayerReport*> worst = worst_first(layers_of(input));
    text += "## Layers, " + order_text(worst) + "\n\n";
    std::string headings = "| layer | scheme |", sides = "|---|---|";
    for (const FigureWords& figure : figure_words()) {
        headings += " " + std::string(figure.label) + " |";
        sides += "---:|";
    }
    text += headings + " bytes |\n" + sides + "---:|\n";
    for (const LayerReport* report : worst) {
        text += "| " + report->name + " | `" + report->scheme_line + "` | ";
        for (const FigureWords& figure : figure_words()) text += number_text("%.2f", figure.of(*report)) + " | ";
        text += std::to_string(report->bytes_after) + " |\n";
    }
    if (input.kept) text += "\n" + std::string(kept_note) + "\n";
    if (const std::string doubtful = doubtful_text(worst); !doubtful.empty()) text += "\n" + doubtful + "\n";
    for (const LayerReport* report : worst)
        if (!report->not_measured.empty()) text += "\n- " + report->name + ": " + report->not_measured + "\n";

    if (!input.export_notes.items.empty()) text += "\n## Export\n\n";
    for (const Diagnostic& item : input.export_notes.items)
        text += "- " + (item.where.empty() ? "" : item.where + ": ") + item.text + "\n";

    text += "\n## Provenance\n\n```json\n" + to_json(input.evaluation->provenance).dump(2) + "\n```\n";
    return text;
}

std::string layers_csv(const QuantizedModel& model) { return csv_of(layers_of(model)); }
std::string layers_csv(const ReportInput& input) { return csv_of(layers_of(input)); }

std::string provenance_json(const ReportInput& input) {
    const json document = {{"quantized", to_json(input.quantized->provenance)},
                           {"evaluated", to_json(input.evaluation->provenance)}};
    return document.dump(2) + "\n";
}

} // namespace graticule
