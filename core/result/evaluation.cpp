#include "core/result/evaluation.h"

#include <algorithm>
#include <cmath>

namespace graticule {

std::string Protocol::text() const {
    return name + ", windows of " + std::to_string(window) + " (" + std::to_string(windows_used) + " of " +
           std::to_string(windows_there) + "), bos " + bos + (text_rule.empty() ? "" : ", text rule " + text_rule) +
           ", " + precision;
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

PairedDifference paired(const Evaluation& a, const Evaluation& b) {
    const std::size_t n = a.window_losses.size();
    PairedDifference difference;
    for (std::size_t i = 0; i < n; ++i) difference.log_ratio += b.window_losses[i] - a.window_losses[i];
    difference.log_ratio /= static_cast<double>(n);
    double squares = 0;
    for (std::size_t i = 0; i < n; ++i) {
        const double deviation = b.window_losses[i] - a.window_losses[i] - difference.log_ratio;
        squares += deviation * deviation;
    }
    const double count = static_cast<double>(n);
    difference.log_ratio_error = n > 1 ? std::sqrt(squares / (count - 1) / count) : 0;
    difference.perplexity_difference = b.perplexity - a.perplexity;
    difference.percent = 100 * std::expm1(difference.log_ratio);
    // One window says nothing about the spread: then there is no interval to speak of, and nothing is significant.
    const double reach = n > 1 ? student_quantile(n - 1) * difference.log_ratio_error : HUGE_VAL;
    difference.interval_low = a.perplexity * std::expm1(difference.log_ratio - reach);
    difference.interval_high = a.perplexity * std::expm1(difference.log_ratio + reach);
    difference.significant = n > 1 && (difference.interval_low > 0 || difference.interval_high < 0);
    return difference;
}

} // namespace

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
    if (!comparison.notes.has_errors()) comparison.difference = paired(baseline, other);
    return comparison;
}

} // namespace graticule
