// Perplexity of one run, window by window, and the comparison of two.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/diagnostics.h"
#include "core/base/execution.h"
#include "core/base/provenance.h"
#include "core/result/layer_report.h"
#include "core/result/metric.h"
#include "core/result/prediction.h"

namespace graticule {

/// How a text is cut and scored. In both the whole text is tokenized once and cut into windows without overlap, and the
/// figure is the exponential of the mean of the windows' mean losses.
struct ProtocolRow {
    std::string_view name; ///< on the command line and in files
    std::string_view help;
    std::int64_t window;   ///< tokens, where nothing is asked for
    bool second_half;      ///< only tokens behind the one after a window's middle are scored: all have some context
    bool bos_each_window;  ///< where the tokenizer sets one, it takes the place of every window's first token
    std::string_view rule; ///< in a protocol's text; empty: nothing to add
};
[[nodiscard]] std::span<const ProtocolRow> all_protocols();
/// Throws Error{usage} naming the protocols there are.
[[nodiscard]] const ProtocolRow& protocol_named(std::string_view name);
/// First token of a window that is scored.
[[nodiscard]] std::int64_t first_scored(const ProtocolRow& row, std::int64_t window);

struct Protocol {              ///< decides what a perplexity means; two results compare only when these are equal
    std::string name = "gptq"; ///< ProtocolRow::name
    std::int64_t window = 2048;
    std::int64_t windows_used = 0;
    std::int64_t windows_there = 0;
    std::string bos = "once"; ///< "once" at the very start, in "each window", or "none"
    std::string text_rule;
    Execution execution = {Compute::float32, Arithmetic::simulated};
    std::string data_hash;                           ///< of the token ids used
    [[nodiscard]] std::string text() const;          ///< "gptq, windows of 2048 (199 of 199), bos once, float32"
    [[nodiscard]] std::int64_t first_scored() const; ///< token of a window
    [[nodiscard]] std::int64_t scored() const { return window - first_scored(); } ///< tokens of a window
    bool operator==(const Protocol&) const = default;
};

/// Kinds of layers ("q", "down") that ran on one kernel; a kind is under several where a recipe is mixed, or where
/// products of few tokens take another than those of many.
struct KernelUse {
    /// "dense", "dense, of rounded inputs", "dense, expanded by w4a16 mma.sync" (codes made a weight in full for the
    /// product), "simulated", or a row of a table of products.
    std::string kernel;
    std::vector<std::string> layers;
    std::string no_integers = {}; ///< why integer products were asked for and these layers have no fast one
    std::int64_t linears = 0;     ///< how many; 0: not known, of older files
    /// Which of them, where others of their kinds are elsewhere: "q of blocks 1, 2, 4 to 6, and down of block 0"; empty:
    /// all of their kinds.
    std::string where = {};
    bool operator==(const KernelUse&) const = default;
};

/// Scores of items under a protocol; which figure they make is the metric's affair.
struct Measurement {
    std::string metric; ///< Metric::name
    Protocol protocol;  ///< the execution is part of it
    std::vector<double> items;

    [[nodiscard]] double figure() const; ///< Error{internal} for a metric that is no row
    [[nodiscard]] std::optional<double> standard_error() const;
};

struct Evaluation {
    std::string run_name; ///< "full precision" or the recipe's line
    Protocol protocol;
    std::vector<double> window_losses; ///< mean cross entropy in nats of each window's scored tokens
    TokenPredictions predictions;      ///< of those targets, window after window; empty unless they were asked for
    std::vector<LikelyToken> likely;   ///< EvaluationSpec::likely of each prediction, the most likely first
    /// Behind each block: how far the hidden states are from the first side's, in parts of those, root mean square over
    /// tokens; with predictions.
    std::vector<double> state_errors;
    std::int64_t tokens = 0; ///< targets scored
    double perplexity = 0;   ///< exp(mean of window_losses)
    /// Perplexity x standard error of the mean over windows; one window has none.
    std::optional<double> standard_error;
    std::string meaningless; ///< why its figures say nothing of the model; empty: they do
    double seconds = 0;
    std::vector<KernelUse> kernels;
    Provenance provenance;
    [[nodiscard]] Measurement measurement() const { return {"perplexity", protocol, window_losses}; }
    bool complete = true;
};

/// Brings perplexity, its error and the tokens scored up to date with the windows' losses.
void summarize(Evaluation& evaluation);

/// exp of the mean of the windows' losses; 0 of none.
[[nodiscard]] double perplexity_of(std::span<const double> losses);
/// After the first window, the first two, ...: what a run under way shows.
[[nodiscard]] std::vector<double> running_perplexity(std::span<const double> losses);

/// Of perplexities, paired over windows: d_i = b[i] - a[i], losses of windows.
struct PairedDifference {
    double log_ratio = 0;                       ///< mean d
    double log_ratio_error = 0;                 ///< its standard error; infinite after one window, as the interval
    double perplexity_difference = 0;           ///< ppl_b - ppl_a
    double interval_low = 0, interval_high = 0; ///< 95 % for the difference, by the delta method on ppl_a (exp(d) - 1)
    double percent = 0;
    bool significant = false; ///< the interval does not contain 0
};

/// The difference over the first window, the first two, ... as far as both have losses: what a run under way shows.
/// Its last entry is what `compare` says of finished runs. After one window the interval is infinite.
[[nodiscard]] std::vector<PairedDifference> running_difference(const std::vector<double>& baseline_losses,
                                                               const std::vector<double>& other_losses);

struct Comparison {
    std::optional<PairedDifference> difference; ///< absent when the protocols differ
    Diagnostics notes;                          ///< what differs: protocol, model, data
};
[[nodiscard]] Comparison compare(const Evaluation& baseline, const Evaluation& other);

} // namespace graticule
