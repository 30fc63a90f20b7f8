#include "core/result/evaluation.h"

#include <algorithm>
#include <cmath>

namespace graticule {

std::string Protocol::text() const {
    return name + ", windows of " + std::to_string(window) + " (" + std::to_string(windows_used) + " of " +
           std::to_string(windows_there) + "), bos " + bos + (text_rule.empty() ? "" : ", text rule " + text_rule) +
           ", " + to_text(execution);
}

double running_perplexity(const std::vector<double>& losses, std::size_t count) {
    count = std::min(count, losses.size());
    if (count == 0) return 0;
    double sum = 0;
    for (std::size_t i = 0; i < count; ++i) sum += losses[i];
    return std::exp(sum / static_cast<double>(count));
}

namespace {

/// 97.5 % quantile of Student's t with `degrees` of freedom (Cornish-Fisher expansion around the normal quantile;
/// within 0.1 % from 4 degrees on, exact values below).
double student_quantile(std::size_t degrees) {
    static constexpr double small[] = {0, 12.706205, 4.302653, 3.182446};
    if (degrees < std::size(small)) return small[degrees];
    const double z = 1.959963985;
    const auto n = static_cast<double>(degrees);
    const double z3 = z * z * z;
    const double z5 = z3 * z * z;
    const double z7 = z5 * z * z;
    return z + (z3 + z) / (4 * n) + (5 * z5 + 16 * z3 + 3 * z) / (96 * n * n) +
           (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / (384 * n * n * n);
}

void note_difference(Diagnostics& notes, Severity severity, const std::string& what, const std::string& a,
                     const std::string& b) {
    if (a != b) notes.add(severity, what, "\"" + a + "\" against \"" + b + "\"");
}

} // namespace

std::vector<PairedDifference> running_difference(const std::vector<double>& baseline_losses,
                                                 const std::vector<double>& other_losses) {
    std::vector<PairedDifference> differences;
    double mean = 0, squares = 0; // of the differences, by Welford's updates
    double baseline_sum = 0;
    for (std::size_t i = 0; i < std::min(baseline_losses.size(), other_losses.size()); ++i) {
        const auto n = static_cast<double>(i + 1);
        const double value = other_losses[i] - baseline_losses[i];
        const double before = value - mean;
        mean += before / n;
        squares += before * (value - mean);
        baseline_sum += baseline_losses[i];
        const double perplexity = std::exp(baseline_sum / n);
        PairedDifference difference;
        difference.log_ratio = mean;
        difference.perplexity_difference = perplexity * std::expm1(mean);
        difference.percent = 100 * std::expm1(mean);
        if (i == 0) { // one window says nothing about the spread: no interval to speak of, and nothing is significant
            difference.log_ratio_error = difference.interval_high = HUGE_VAL;
            difference.interval_low = -HUGE_VAL;
        } else {
            difference.log_ratio_error = std::sqrt(squares / (n - 1) / n);
            const double reach = student_quantile(i) * difference.log_ratio_error;
            difference.interval_low = perplexity * std::expm1(mean - reach);
            difference.interval_high = perplexity * std::expm1(mean + reach);
        }
        difference.significant = difference.interval_low > 0 || difference.interval_high < 0;
        differences.push_back(difference);
    }
    return differences;
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
