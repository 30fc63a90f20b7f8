// What quantizing one linear cost. Values only.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/base/ids.h"
#include "core/recipe/tensor_scheme.h"
#include "kernels/api/backend.h"

namespace graticule {

struct ErrorSplit {       ///< of the mean squared output error, aqas_slac_dint.md section 5 (Eq. 4), clipping split off
                          ///< rounding
    double underflow = 0; ///< E[(Du X)^2]: weights that became zero
    double rounding = 0;  ///< E[(Dr X)^2]: in range, not zero
    double clipping = 0;  ///< E[(Dc X)^2]
    double cross = 0;     ///< total - the three; may be negative
    double total = 0;     ///< E[((W^ - W) X)^2] per output element
    bool operator==(const ErrorSplit&) const = default;
};

/// Where the mean squared error of a linear's output comes from, weights and inputs both quantized: the parts of both
/// operands, each alone, and what they add to or take from each other. The seven add up to the total.
struct ErrorSources {
    struct Parts {
        double underflow = 0; ///< values that became zero
        double rounding = 0;  ///< in range, not zero
        double clipping = 0;  ///< beyond the range
        bool operator==(const Parts&) const = default;
    };
    Parts weight;     ///< E[(D X)^2] of each part D of W^ - W, the input in full precision
    Parts input;      ///< E[(W d)^2] of each part d of X^ - X, the weight in full precision
    double cross = 0; ///< the rest; may be negative. Low-rank compensation, which takes error away, is in it
    double total = 0; ///< E[(W^ X^ - W X)^2] per output element: `output_mse`
    bool operator==(const ErrorSources&) const = default;
};

/// All of it times `factor`, as in percent of an output's power.
[[nodiscard]] ErrorSources scaled(const ErrorSources& error, double factor);

/// A source alone would make more than all of them together: they take away from each other, and the cross term is
/// negative, as rounding that compensates (GPTQ) has it. A share of the total is then no part of it.
[[nodiscard]] bool errors_cancel(const ErrorSources& error);

/// The sources as a table, in the order in which they are drawn and written.
struct ErrorSource {
    std::string_view key;     ///< in CSV: "weight_underflow"
    std::string_view label;   ///< on screen: "weights: underflow"
    std::string_view shorter; ///< where that has no room: "w underflow"
    std::string_view brief;   ///< above a narrow column: "w un"
    double (*of)(const ErrorSources&);
};
[[nodiscard]] std::span<const ErrorSource> error_sources(); ///< their values add up to the total

struct LayerReport {
    LayerId layer{};
    std::string name;        ///< short name
    std::string scheme_line; ///< scheme and methods in the notation
    double weight_mse = 0;   ///< mean (W^ - W)^2, in the scaled domain of folded layers
    double weight_sqnr_db = 0;
    QuantizeCounts weight_counts;        ///< underflow, clipped, codes used
    double weight_underflow_percent = 0; ///< of the weights that are not zero, kept columns left out
    std::int32_t levels_unused = 0;
    std::optional<ErrorSplit> weight_output_error; ///< weights quantized, input in full precision
    std::optional<double> input_mse;               ///< mean (X^ - X)^2 on the kept rows, when the input is quantized
    std::optional<double> input_underflow_percent; ///< of the inputs that are not zero
    std::optional<ErrorSources> output_error;      ///< both quantized, by source
    std::optional<double> output_mse;              ///< both quantized, against the full-precision output
    std::optional<double> output_sqnr_db;          ///< 10 log10(E[y^2] / E[(y^ - y)^2])
    std::int64_t rows_scored = 0;                  ///< input rows that the output errors are means over
    /// A what-if on the rows that calibration kept; false: measured by a run.
    bool estimated = false;
    /// Of a method that looks at inputs: of an estimate the kept rows it was fitted on, none of which is scored; of a
    /// run the calibration tokens that a rounding was fitted on, the scored ones among them.
    std::int64_t rows_fitted = 0;
    /// Its rounding compensates through X^T X and had fewer rows than inputs, which leave that undetermined: more
    /// freedom than data, so its figures are not to be trusted. Of an estimate: fewer than four times the inputs.
    bool too_few_rows = false;
    std::optional<double> search_loss;        ///< what the method's own objective reached, where it has one
    std::optional<double> search_loss_before; ///< the same objective without the method
    /// Why an SQNR above is not a number: "its outputs leave the range of float32"; empty: it is one.
    std::string not_measured;
    std::string method_note;       ///< e.g. "Cholesky failed, rounded to nearest"; dead channels met
    std::int64_t bytes_before = 0; ///< as stored in the checkpoint
    std::int64_t bytes_after = 0;  ///< packed codes + scales + zero points
    double seconds = 0;
};

/// Which of the kept rows that a what-if sees it is scored on, where its methods fit themselves to none. One that fits
/// itself holds rows out and is scored on those; so is another that is to be compared with it.
enum class ScoredOn : std::uint8_t { all_seen, held_out };

/// What is said of shares of these layers' errors, as the end of a sentence: "they add up to 100 %", and where one is
/// above that (errors_cancel), how.
[[nodiscard]] std::string shares_note(std::span<const LayerReport* const> reports);

/// What layers are put in order by, the worst first: the SQNR of the output, of the weight where no output was seen.
/// One that could not be measured comes before all that could.
[[nodiscard]] double sqnr_for_order(const LayerReport& report);

/// Figures of a report that are shown in many places, under the same words in all of them: the window's tables and
/// card, the reports, the command line.
enum class Figure { output_sqnr, weight_sqnr, weight_underflow, input_underflow };
struct FigureWords {
    std::string_view label; ///< with its unit: "weight underflow, %"
    std::string_view brief; ///< above a narrow column, whose tip or footnote has the label: "w underfl., %"
    std::optional<double> (*of)(const LayerReport&);
};
[[nodiscard]] std::span<const FigureWords> figure_words(); ///< in the order of Figure
[[nodiscard]] const FigureWords& words_of(Figure figure);

} // namespace graticule
