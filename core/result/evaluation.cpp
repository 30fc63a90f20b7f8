#include "core/result/evaluation.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/base/error.h"
#include "core/result/statistical_tests.h"

namespace graticule {

std::span<const ProtocolRow> all_protocols() {
    static constexpr std::array<ProtocolRow, 2> rows{{
        {"gptq", "as the papers' programs: every token but a window's first is scored", 2048, false, false, ""},
        // As in its tools/perplexity, which leaves one newline at the end of a text out, which the last
        // window would show if it ended there.
        {"llama.cpp",
         "as llama-perplexity: the second half of each window is scored, each begins with BOS where the "
         "model's files ask for one",
         512, true, true, ", second halves scored"},
    }};
    return rows;
}

const ProtocolRow& protocol_named(std::string_view name) {
    std::string known;
    for (const ProtocolRow& row : all_protocols()) {
        if (row.name == name) return row;
        known += (known.empty() ? "" : ", ") + std::string(row.name);
    }
    throw Error(ErrorKind::usage, "protocol \"" + std::string(name) + "\" is not known; there is: " + known);
}

std::int64_t first_scored(const ProtocolRow& row, std::int64_t window) { return row.second_half ? window / 2 + 1 : 1; }

std::int64_t Protocol::first_scored() const { return graticule::first_scored(protocol_named(name), window); }

std::string Protocol::text() const {
    return name + ", windows of " + std::to_string(window) + " (" + std::to_string(windows_used) + " of " +
           std::to_string(windows_there) + ")" + std::string(protocol_named(name).rule) + ", bos " + bos +
           (text_rule.empty() ? "" : ", text rule " + text_rule) + ", " + to_text(execution);
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

void summarize(Evaluation& evaluation) {
    const Measurement measurement = evaluation.measurement();
    evaluation.perplexity = measurement.figure();
    evaluation.standard_error = measurement.standard_error();
    evaluation.tokens = static_cast<std::int64_t>(evaluation.window_losses.size()) * evaluation.protocol.scored();
}

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
    for (const Evaluation* run : {&baseline, &other})
        if (!run->meaningless.empty()) comparison.notes.add(Severity::error, run->run_name, run->meaningless);
    const auto inputs = [](const Evaluation& run) {
        return run.provenance.served_as.empty() ? std::string("as the recipe says") : run.provenance.served_as;
    };
    if (!baseline.provenance.recipe_hash.empty() && !other.provenance.recipe_hash.empty())
        note_difference(comparison.notes, Severity::note, "inputs rounded", inputs(baseline), inputs(other));
    note_difference(comparison.notes, Severity::note, "device", baseline.provenance.place(), other.provenance.place());
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
