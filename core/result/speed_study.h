// How fast a model runs on one device, measured (DGQ, Zhang et al. 2023, figures 1 and 4): forward passes at several
// lengths under several settings, beside what the device could do at best.
//
//     for (const SpeedRun& run : study.runs)
//         for (const SpeedPoint& point : run.points)
//             if (point.measured()) std::cout << run.label() << ' ' << point.tokens_per_second();
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "core/base/execution.h"
#include "core/base/provenance.h"
#include "core/result/evaluation.h"

namespace graticule {

/// What the device reached when it did nothing else, in the same run.
struct SpeedCeilings {
    double bytes_per_second = 0;                ///< of memory
    double float_operations = 0;                ///< per second, of products in the compute type; 2 per multiply-add
    std::optional<double> integer_operations;   ///< of int8 products with int32 sums; absent: no kernel
    std::string bytes_by, float_by, integer_by; ///< what reached them

    /// Of each kind the greater of both.
    void take_better(const SpeedCeilings& other);
    /// The least share that these are of `best`, over the kinds: 1 where nothing is below.
    [[nodiscard]] double share_of(const SpeedCeilings& best) const;
};

enum class SpeedPhase : std::uint8_t {
    prefill, ///< one sequence of `length` tokens, and the logits of its last token
    decode,  ///< one token of each of `batch` sequences behind `before` others: products have M = batch
};
[[nodiscard]] std::string_view to_text(SpeedPhase phase);

/// Equal products of one kind of layer in one pass.
struct SpeedWork {
    std::int64_t products = 0;
    /// Of one: the weight as it is held, inputs and outputs; 2 operations per multiply-add.
    double bytes = 0, operations = 0;
    bool integers = false;
    [[nodiscard]] double floor_seconds(const SpeedCeilings& ceilings) const; ///< of all of them; see SpeedPoint
};

/// A kind of layer: a role ("q", "down") or what is around the linears. Input rounding counts for the first linear of
/// its site that runs, and the seconds of all kinds add up to those of the pass they are from.
struct SpeedShare {
    std::string kind;
    std::string kernel; ///< LinearOp::kernel_for, several with commas; empty: no linears
    double seconds = 0, share = 0;
    std::vector<SpeedWork> work;         ///< empty: no products
    std::optional<double> floor_seconds; ///< see SpeedPoint; absent: no products
};

struct SpeedPoint {
    SpeedPhase phase = SpeedPhase::prefill;
    std::int64_t batch = 1, length = 1; ///< sequences, and tokens of each
    /// Tokens of each sequence that came earlier: attention reads their keys and values. 0 too where a recipe rounds
    /// over several tokens at once, so that nothing of them may be kept.
    std::int64_t before = 0;
    std::string problem;                     ///< why it was not measured, so that nothing below says anything
    double seconds = 0, least_seconds = 0;   ///< of a pass: median and least
    double p10_seconds = 0, p90_seconds = 0; ///< of the passes that were timed; of few their least and greatest
    int passes = 0;                          ///< that were timed; one before them was not
    /// On a card: what follows the embedding was started as one CUDA graph, as servers do. Absent: it could not be
    /// recorded (experts, whose choice is waited for), or the device is no card. Else the median of passes whose kernels
    /// the host starts one by one: of few tokens most of it is the host's.
    std::optional<double> one_by_one_seconds;
    std::int64_t peak_bytes = 0; ///< at most: weights, embedding and head, keys and values, activations, scratch
    /// The least time of the products of linears and head at the study's ceilings: for each the greater of bytes
    /// (weights as they are held, inputs, outputs) / bytes_per_second and operations / those of its arithmetic.
    double floor_seconds = 0;
    std::vector<SpeedShare> shares; ///< of a further pass, the middle one of a few; in the order of execution

    [[nodiscard]] bool measured() const { return problem.empty(); }
    [[nodiscard]] std::int64_t tokens() const { return batch * length; }
    [[nodiscard]] double tokens_per_second() const { return static_cast<double>(tokens()) / seconds; } ///< if measured
    /// The passes differ by more than a quarter: other work was in the way, and their median says little.
    [[nodiscard]] bool unsteady() const { return p90_seconds > 1.25 * p10_seconds; }
    /// A pass took less than what the device was seen to allow: other work was in the way of the ceilings.
    [[nodiscard]] bool below_floor() const { return measured() && floor_seconds > least_seconds; }
    [[nodiscard]] std::string name() const; ///< "prefill 512", "decode 16 behind 512"
};

struct SpeedRun {
    std::string name;        ///< "A8W4 dual grain"
    std::string recipe_line; ///< empty: full precision
    Execution execution;
    std::int64_t weight_bytes = 0; ///< of the linears, as the kernels hold them
    std::vector<KernelUse> kernels;
    std::vector<SpeedPoint> points; ///< prefill by length, then decode by batch; of every run the same
    /// What the device reached alone just before and after this run, as a share of the study's ceilings: the least.
    double device_share = 1;

    /// The device did a quarter more at other times, so other work was in the way of this run, maybe all along.
    [[nodiscard]] bool unsteady() const { return device_share < 0.8; }
    [[nodiscard]] bool doubtful(const SpeedPoint& point) const {
        return point.measured() && (unsteady() || point.unsteady() || point.below_floor());
    }
    /// What stands in for kernels that this device does not have: "simulated" (values are rounded and multiplied in
    /// the compute type) or "reference" (the definition of the kernels, slow and with wider weights); "partly ..." where
    /// it is some of the layers. Its times are not those of the setting. Empty: nothing.
    [[nodiscard]] std::string stand_in() const;
    [[nodiscard]] std::string label() const; ///< the name, and in brackets what stands in
};

struct SpeedStudy {
    SpeedCeilings ceilings; ///< the best of what was measured before every run and after the last
    std::vector<SpeedRun> runs;
    Provenance provenance;
    double seconds = 0;
    bool complete = false;            ///< all runs are there
    std::optional<ErrorInfo> failure; ///< the first of what should have been measured and could not

    /// Ratio of the first run's time to this one's; absent where one of them was not measured.
    [[nodiscard]] std::optional<double> times_first(const SpeedRun& run, std::size_t point) const;
    /// One line for each reason why something was not measured: "A16W4, A8W4 dual grain: ..." of whole runs, else
    /// "A8W8 at decode 4096 behind 1900: ...".
    [[nodiscard]] std::vector<std::string> problems() const;
    /// Takes the better of each ceiling, and works out what every point's floor then is.
    void take_ceilings(const SpeedCeilings& measured);
};

} // namespace graticule
