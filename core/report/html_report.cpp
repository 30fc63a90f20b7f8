#include "core/report/html_report.h"

#include <cmath>
#include <cstdio>
#include <vector>

#include "core/recipe/recipe_text.h"
#include "core/report/json_results.h"
#include "core/report/kernels_text.h"
#include "core/report/report_text.h"
#include "core/report/svg_charts.h"

namespace graticule {
namespace {

constexpr const char* style = R"(<style>
:root { color-scheme: light dark; }
body { font: 14px/1.5 Inter, system-ui, sans-serif; max-width: 1080px; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; font-size: 12.5px; font-variant-numeric: tabular-nums; }
th, td { padding: 3px 8px; border-bottom: 1px solid #8884; text-align: right; white-space: nowrap; }
th:first-child, td:first-child, td.words, th.words { text-align: left; }
pre { background: #8881; padding: 10px; overflow-x: auto; font-size: 12px; }
.wide { overflow-x: auto; }
svg { width: 100%; height: auto; font: 11px Inter, system-ui, sans-serif; }
svg text { fill: currentColor; }
svg .grid { stroke: #8885; stroke-width: 1; }
</style>
)";

std::string cell(const std::string& text, const char* kind = "td", bool words = false) {
    return std::string("<") + kind + (words ? " class=\"words\"" : "") + ">" + escaped(text) + "</" + kind + ">";
}

std::string summary_table(const ReportInput& input) {
    const QuantizedModel& model = *input.quantized;
    const ModelSize size = model.size();
    std::string html =
        "<table>\n<tr>" + cell("", "th") + cell(input.baseline->run_name, "th") + cell("quantized", "th") + "</tr>\n";
    const auto row = [&](const std::string& name, const std::string& before, const std::string& after) {
        html += "<tr>" + cell(name) + cell(before) + cell(after) + "</tr>\n";
    };
    row("perplexity", perplexity_text(*input.baseline), perplexity_text(*input.evaluation));
    row("size", megabytes_text(model.bytes_before()), megabytes_text(size.bytes));
    row("bits per weight (decoder linears)", number_text("%.3f", stored_bits_per_weight(*model.base)),
        number_text("%.3f", size.bits_per_weight.actual));
    row("the same with float scales in 16 bits", "", number_text("%.3f", size.bits_per_weight.ideal));
    return html + "</table>\n";
}

std::string perplexity_chart(const ReportInput& input) {
    const auto line = [](const Evaluation& run) {
        return ChartLine{run.run_name, running_perplexity(run.window_losses)};
    };
    return line_chart({line(*input.baseline), line(*input.evaluation)}, "windows", "perplexity so far");
}

/// In percent of each output's power, so that layers can be set side by side.
std::string error_chart(const std::vector<const LayerReport*>& worst) {
    std::vector<ChartBar> bars;
    for (const LayerReport* report : worst) {
        if (!report->output_error || !report->output_mse || !report->output_sqnr_db) continue;
        const double power = *report->output_mse * std::pow(10, *report->output_sqnr_db / 10);
        if (!(power > 0) || !std::isfinite(power)) continue;
        ChartBar bar{report->name, {}};
        for (const ErrorSource& source : error_sources())
            bar.parts.push_back(100 * source.of(*report->output_error) / power);
        bars.push_back(std::move(bar));
    }
    std::vector<std::string> names;
    for (const ErrorSource& source : error_sources()) names.emplace_back(source.label);
    return bar_chart(bars, names, "output error, % of its power; a line across is the total");
}

std::string layer_table(const std::vector<const LayerReport*>& worst) {
    std::string html = "<div class=\"wide\"><table>\n<tr>" + cell("layer", "th") + cell("scheme", "th", true);
    for (const FigureWords& figure : figure_words()) html += cell(std::string(figure.label), "th");
    for (const ErrorSource& source : error_sources()) html += cell(std::string(source.label) + ", %", "th");
    html += cell("bytes", "th") + "</tr>\n";
    for (const LayerReport* report : worst) {
        html += "<tr>" + cell(report->name) + cell(report->scheme_line, "td", true);
        for (const FigureWords& figure : figure_words()) html += cell(number_text("%.2f", figure.of(*report)));
        for (const ErrorSource& source : error_sources()) {
            const auto& error = report->output_error;
            html += cell(error && error->total > 0 ? number_text("%.1f", 100 * source.of(*error) / error->total) : "-");
        }
        html += cell(std::to_string(report->bytes_after)) + "</tr>\n";
    }
    return html + "</table></div>\n";
}

std::string outputs_note(const std::vector<const LayerReport*>& worst, bool kept) {
    if (!outputs_measured(worst))
        return "<p>Output errors are measured on kept calibration inputs; this run had none.</p>\n";
    const std::string doubtful = doubtful_text(worst);
    return "<p>Error columns are shares of the output's mean squared error; " + shares_note(worst) + ". " +
           std::string(kept ? kept_note : "Measured by the run on kept calibration inputs.") + "</p>\n" +
           (doubtful.empty() ? doubtful : "<p>" + escaped(doubtful) + "</p>\n");
}

std::string section(const std::string& title, const std::string& body) {
    return body.empty() ? body : "<h2>" + escaped(title) + "</h2>\n" + body;
}

std::string preformatted(const std::string& text) { return "<pre>" + escaped(text) + "</pre>\n"; }

} // namespace

std::string report_html(const ReportInput& input) {
    const QuantizedModel& model = *input.quantized;
    const std::string title = model.base->name() + ", " + summary_line(model.recipe);
    const std::vector<const LayerReport*> worst = worst_first(layers_of(input));
    std::string notes;
    for (const Diagnostic& item : input.export_notes.items)
        notes += "<li>" + escaped((item.where.empty() ? "" : item.where + ": ") + item.text) + "</li>\n";
    return "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>" + escaped(title) + "</title>\n" +
           style + "</head><body>\n<h1>" + escaped(title) + "</h1>\n" + summary_table(input) +
           "<p>Difference of perplexity: " + escaped(difference_text(input.comparison)) + ".</p>\n<p>Protocol: " +
           escaped(input.evaluation->protocol.text() + ", on " + input.evaluation->provenance.data_name) +
           ".</p>\n<p>Products: " + escaped(kernels_text(*input.evaluation)) + ".</p>\n" +
           section("Perplexity, window by window", perplexity_chart(input)) +
           section("Output error by source, worst linear first", error_chart(worst)) +
           section("Linears, " + order_text(worst), layer_table(worst) + outputs_note(worst, input.kept != nullptr)) +
           section("Recipe", preformatted(recipe_text(model.recipe)) + preformatted(to_json(model.recipe))) +
           section("Export", notes.empty() ? notes : "<ul>\n" + notes + "</ul>\n") +
           section("Provenance", preformatted(to_json(input.evaluation->provenance).dump(2))) + "</body></html>\n";
}

namespace {

/// The most likely tokens with their probabilities, or the first choice alone where no others were kept.
std::string choices(const std::string& first, const std::vector<LikelyText>& likely) {
    std::string all;
    for (const LikelyText& token : likely)
        all += (all.empty() ? "" : ", ") + token.text + number_text(" (%.3f)", token.probability);
    return all.empty() ? first : all;
}

std::string token_html(const PassageToken& token) {
    const double strength = token.divergence / (token.divergence + 1); // 0 .. 1, half at one nat
    std::string shown = escaped(token.text);
    for (auto line = shown.find('\n'); line != std::string::npos; line = shown.find('\n', line + 7))
        shown.replace(line, 1, "&#9166;"); // a line's end would hide its colour
    return "<span style=\"background:rgba(220,50,40," + number_text("%.2f", strength) + ")\" title=\"" +
           number_text("%.3f", token.divergence) + " nats; loss " + number_text("%+.3f", token.loss_change) +
           "; baseline: " + escaped(choices(token.baseline_choice, token.baseline_likely)) +
           "; recipe: " + escaped(choices(token.choice, token.likely)) + "\">" + shown + "</span>";
}

} // namespace

std::string divergence_html(const Evaluation& evaluation, const Divergence& divergence,
                            const std::vector<Passage>& worst) {
    const std::string title = evaluation.run_name + " beside " + divergence.baseline_name;
    std::string figures =
        "<table>\n<tr>" + cell("KL(baseline || recipe), nats per token", "th") + cell("", "th") + "</tr>\n";
    const auto row = [&](const std::string& name, const std::string& value) {
        figures += "<tr>" + cell(name) + cell(value) + "</tr>\n";
    };
    const auto nats = [](double value) { return number_text("%.5g", value); };
    const Interval& interval = divergence.over_windows.interval;
    row("mean", nats(divergence.mean) + (std::isfinite(interval.high) ? " (95 % over windows: " + nats(interval.low) +
                                                                            " to " + nats(interval.high) + ")"
                                                                      : std::string()));
    row("median", nats(divergence.median));
    row("90 %, 99 %, 100 %", nats(divergence.p90) + ", " + nats(divergence.p99) + ", " + nats(divergence.maximum));
    row("same first choice", number_text("%.2f %%", 100 * divergence.same_first_choice));
    row("first choice became right, wrong (McNemar)",
        std::to_string(divergence.became_right) + ", " + std::to_string(divergence.became_wrong) +
            " (p = " + number_text("%.3g", divergence.first_choice_p) + ")");
    const std::optional<double> parting = divergence.first_parting();
    row("first choices part", (parting ? "after " + number_text("%.6g", *parting) + " tokens, the median; " : "") +
                                  "in " + number_text("%.1f %%", 100 * divergence.parting_share()) +
                                  " of the windows (both read the text)");
    row("loss of the text's tokens", number_text("%+.5f", divergence.mean_nll_difference));
    row("verdict", std::string(to_text(divergence.verdict)));
    figures += "</table>\n";
    std::string passages;
    for (const Passage& passage : worst) {
        passages += "<p>Window " + std::to_string(passage.window + 1) + ", token " + std::to_string(passage.first) +
                    ": " + nats(passage.mean) + " nats per token<br>\n";
        for (const PassageToken& token : passage.tokens) passages += token_html(token);
        passages += "</p>\n";
    }
    return "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>" + escaped(title) + "</title>\n" +
           style + "</head><body>\n<h1>" + escaped(title) + "</h1>\n" + figures + "<p>Verdict by " +
           escaped(std::string(verdict_test)) +
           ".</p>\n<p>Protocol: " + escaped(evaluation.protocol.text() + ", on " + evaluation.provenance.data_name) +
           ".</p>\n" +
           section("Divergence by position in the window",
                   line_chart({{"mean over windows", divergence.position_means}},
                              "parts of the window, " + std::to_string(divergence.position_means.size()) + " in all",
                              "nats per token")) +
           section("Error accumulated over depth",
                   line_chart({{"distance of the hidden states from the baseline's", divergence.state_errors}}, "block",
                              "in parts of the baseline's states (root mean square over tokens)")) +
           section("Worst passages, token by token", passages) +
           section("Provenance", preformatted(to_json(evaluation.provenance).dump(2))) + "</body></html>\n";
}

std::string model_card(const ReportInput& input, const std::string& exporter) {
    const QuantizedModel& model = *input.quantized;
    const ModelSize size = model.size();
    const Provenance& provenance = input.evaluation->provenance;
    std::string text = "---\nbase_model: " + model.base->name() + "\ntags:\n- quantized\n- graticule\n";
    if (!exporter.empty()) text += "- " + exporter + "\n";
    text += "---\n\n# " + model.base->name() + ", quantized\n\nMade with Graticule by this recipe:\n\n```\n" +
            recipe_text(model.recipe) + "```\n\n";
    text += "| | " + input.baseline->run_name + " | quantized |\n|---|---:|---:|\n";
    text += "| perplexity | " + perplexity_text(*input.baseline) + " | " + perplexity_text(*input.evaluation) + " |\n";
    text += "| size | " + megabytes_text(model.bytes_before()) + " | " + megabytes_text(size.bytes) + " |\n";
    text += "| bits per weight (decoder linears) | " + number_text("%.3f", stored_bits_per_weight(*model.base)) +
            " | " + number_text("%.3f", size.bits_per_weight.actual) + " |\n";
    text += "| the same with float scales in 16 bits | | " + number_text("%.3f", size.bits_per_weight.ideal) + " |\n\n";
    text += "Difference of perplexity: " + difference_text(input.comparison) +
            ".\n\nProtocol: " + input.evaluation->protocol.text() + ", on " + provenance.data_name + ".\n\n";
    if (!input.export_notes.items.empty()) text += "## Notes\n\n";
    for (const Diagnostic& item : input.export_notes.items)
        text += "- " + (item.where.empty() ? "" : item.where + ": ") + item.text + "\n";
    return text + "\n## Provenance\n\nModel `" + provenance.model_hash + "`, recipe `" + provenance.recipe_hash +
           "`, data `" + provenance.data_hash + "`, on " + provenance.place() + ".\n";
}

} // namespace graticule
