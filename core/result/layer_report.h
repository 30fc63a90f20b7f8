// What quantizing one linear cost. Values only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

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
    std::optional<double> output_mse;              ///< both quantized, against the full-precision output
    std::optional<double> output_sqnr_db;          ///< 10 log10(E[y^2] / E[(y^ - y)^2])
    std::optional<double> search_loss;             ///< what the method's own objective reached, where it has one
    std::optional<double> search_loss_before;      ///< the same objective without the method
    std::string method_note;                       ///< e.g. "Cholesky failed, rounded to nearest"; dead channels met
    std::int64_t bytes_before = 0;                 ///< as stored in the checkpoint
    std::int64_t bytes_after = 0;                  ///< packed codes + scales + zero points
    double seconds = 0;
};

} // namespace graticule
