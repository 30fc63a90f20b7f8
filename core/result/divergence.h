// How far a recipe's predictions are from its baseline's, token by token: what a user may feel although the perplexity
// is the same.
//
//     const std::optional<Divergence> divergence = divergence_between(*baseline, *evaluation);
//     if (divergence) std::cout << divergence->mean << " nats, " << to_text(divergence->verdict);
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result/evaluation.h"
#include "core/result/statistical_tests.h"

namespace graticule {

/// What the text says of the recipe's quality against the baseline's.
enum class Verdict { indistinguishable, better, worse, undecided };
[[nodiscard]] std::string_view to_text(Verdict verdict);

struct Divergence {
    std::string baseline_name;
    std::int64_t tokens = 0; ///< compared

    // KL(baseline || recipe) of the next token's distribution, nats.
    double mean = 0, median = 0, p90 = 0, p99 = 0, maximum = 0;
    std::vector<double> window_means;
    /// The mean of those. Its interval is Student's, cut at 0: no divergence is below.
    MeanEstimate over_windows;

    /// Over all windows by place in the window, which is cut into equal parts, 32 where it has as many targets: whether
    /// the recipe gets worse with the length of what it has read.
    std::vector<double> position_means;
    std::vector<Interval> position_intervals; ///< of those, over windows, as of over_windows

    std::vector<double> state_errors; ///< Evaluation::state_errors of the recipe: how its error grows over depth

    double same_first_choice = 0; ///< share of positions where both think the same token most likely
    Interval same_interval;       ///< of that share, Wilson's, positions taken as independent
    /// Positions where only the recipe's first choice is the text's token, and where only the baseline's is.
    std::int64_t became_right = 0, became_wrong = 0;
    double first_choice_p = 1; ///< McNemar's, of those two

    /// By window: the tokens of it that both have read when their first choices differ for the first time, among the
    /// places that are scored; absent where they never do. Both read the text throughout; continuations that each
    /// writes by itself (`generate`) have the same tokens up to their first parting and no further.
    std::vector<std::optional<std::int64_t>> partings;
    /// The median of those, a window that never parts counting as longer than any other (between two, the mean);
    /// absent where that leaves none.
    [[nodiscard]] std::optional<double> first_parting() const;
    [[nodiscard]] double parting_share() const; ///< of the windows: those that part at all; 0 without windows

    double mean_nll_difference = 0; ///< mean of log p_baseline - log p_recipe of the text's tokens
    MeanEstimate nll_difference;    ///< the same over the means of windows, paired
    std::optional<double> nll_p;    ///< Student's, of that difference; absent: one window, which has no spread

    Verdict verdict = Verdict::indistinguishable; ///< by verdict_test
};

/// How the verdict comes about, in a sentence.
inline constexpr std::string_view verdict_test =
    "two paired tests, at 5 % together by Holm's correction: losses over windows (Student's t) and first choices over "
    "tokens (McNemar, exact); indistinguishable where neither tells the recipe from its baseline; undecided where one "
    "window leaves the second alone and it does not tell";

/// What first_parting is, in a sentence.
inline constexpr std::string_view first_parting_meaning =
    "tokens of a window that both have read when their first choices differ for the first time; both read the text "
    "throughout, which is no continuation of their own";

/// The mean over the first window, the first two, ... with its interval: what a run under way shows. The last is
/// Divergence::over_windows.
[[nodiscard]] std::vector<MeanEstimate> running_divergence(std::span<const double> window_means);

/// Of two sides of one pass that kept predictions, perhaps not of all windows yet, `other` measured against `baseline`;
/// absent where they have none.
[[nodiscard]] std::optional<Divergence> divergence_between(const Evaluation& baseline, const Evaluation& other);

} // namespace graticule
