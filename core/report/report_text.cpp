#include "core/report/report_text.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace graticule {

std::string number_text(const char* format, double value) {
    if (!std::isfinite(value)) return value > 0 ? "exact" : "-";
    char buffer[400];
    std::snprintf(buffer, sizeof buffer, format, value);
    return buffer;
}

std::string number_text(const char* format, const std::optional<double>& value) {
    return value ? number_text(format, *value) : std::string("-");
}

std::string perplexity_text(const Evaluation& run) {
    return (std::isfinite(run.perplexity) ? number_text("%.4f", run.perplexity) : std::string("not finite")) +
           (run.standard_error ? " ± " + number_text("%.4f", *run.standard_error) : std::string(" (one window)")) +
           (run.meaningless.empty() ? "" : " (means nothing)");
}

std::string megabytes_text(std::int64_t bytes) { return number_text("%.2f MB", static_cast<double>(bytes) / 1e6); }

std::string difference_text(const Comparison& comparison) {
    if (!comparison.difference) return "not comparable: " + comparison.notes.text();
    const PairedDifference& d = *comparison.difference;
    const std::string text =
        number_text("%+.4f", d.perplexity_difference) + " (" + number_text("%+.2f", d.percent) + " %)";
    if (std::isinf(d.interval_high)) return text + ", of one window, which has no interval";
    return text + ", 95 % interval " + number_text("%+.4f", d.interval_low) + " to " +
           number_text("%+.4f", d.interval_high) + (d.significant ? "" : ", not significant");
}

bool outputs_measured(const std::vector<const LayerReport*>& reports) {
    return std::ranges::any_of(reports, [](const LayerReport* report) { return report->output_mse.has_value(); });
}

std::string order_text(const std::vector<const LayerReport*>& worst) {
    return outputs_measured(worst) ? "worst output first" : "worst weight first; no output was measured";
}

std::string doubtful_text(const std::vector<const LayerReport*>& reports) {
    std::string names;
    for (const LayerReport* report : reports)
        if (report->too_few_rows) names += (names.empty() ? "" : ", ") + report->name;
    return names.empty() ? names
                         : "Fitted to fewer calibration tokens than they have inputs, and scored on those tokens, so "
                           "that their figures are not to be trusted: " +
                               names + ".";
}

} // namespace graticule
