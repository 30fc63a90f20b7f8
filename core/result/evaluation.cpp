#include "core/result/evaluation.h"

#include <algorithm>
#include <cmath>

#include "core/base/error.h"

namespace graticule {

std::string Protocol::text() const {
    return name + ", windows of " + std::to_string(window) + " (" + std::to_string(windows_used) + " of " +
           std::to_string(windows_there) + "), bos " + bos + (text_rule.empty() ? "" : ", text rule " + text_rule) +
           ", " + to_text(execution);
}

namespace {

const Metric& row_of(const Measurement& measurement) {
    const Metric* metric = find_metric(measurement.metric);
    GRATICULE_ASSERT(metric != nullptr, "a metric of the table");
    return *metric;
}

void note_difference(Diagnostics& notes, Severity severity, const std::string& what, const std::string& a,
                     const std::string& b) {
    if (a != b) notes.add(severity, what, "\"" + a + "\" against \"" + b + "\"");
}

} // namespace

double Measurement::figure() const { return row_of(*this).figure(items); }
std::optional<double> Measurement::standard_error() const { return row_of(*this).standard_error(items); }

double perplexity_of(std::span<const double> losses) { return find_metric("perplexity")->figure(losses); }

std::vector<double> running_perplexity(std::span<const double> losses) {
    std::vector<double> curve;
    double sum = 0; // not the metric's figure of each part, which would add the first losses again and again
    for (const double loss : losses) {
        sum += loss;
        curve.push_back(std::exp(sum / static_cast<double>(curve.size() + 1)));
    }
    return curve;
}

std::vector<PairedDifference> running_difference(const std::vector<double>& baseline_losses,
                                                 const std::vector<double>& other_losses) {
    return find_metric("perplexity")->running_difference(baseline_losses, other_losses);
}

Comparison compare(const Evaluation& baseline, const Evaluation& other) {
    Comparison comparison;
    note_difference(comparison.notes, Severity::error, "protocol", baseline.protocol.text(), other.protocol.text());
    note_difference(comparison.notes, Severity::error, "text", baseline.protocol.data_hash, other.protocol.data_hash);
    note_difference(comparison.notes, Severity::error, "model", baseline.provenance.model_hash,
                    other.provenance.model_hash);
    note_difference(comparison.notes, Severity::note, "device", baseline.provenance.device, other.provenance.device);
    if (baseline.window_losses.size() != other.window_losses.size())
        comparison.notes.add(Severity::error, "windows",
                             std::to_string(baseline.window_losses.size()) + " against " +
                                 std::to_string(other.window_losses.size()) + "; one of the runs did not finish");
    if (baseline.window_losses.empty())
        comparison.notes.add(Severity::error, "windows", "there is nothing to compare yet");
    if (!comparison.notes.has_errors())
        comparison.difference = running_difference(baseline.window_losses, other.window_losses).back();
    return comparison;
}

} // namespace graticule
