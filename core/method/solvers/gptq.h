// GPTQ (Frantar et al. 2023; IST-DASLab/gptq 2d65066; algorithms.md section 6): rounds one column after the other and
// moves each column's error into the columns not yet rounded, in the metric of the inputs.
//
//     for (...) add_gram(gram, inputs);                                          // fixed_sums.h; (tokens, channels)
//     const GptqResult result = gptq(weight, hessian_of(gram, sequences), quantizer,
//                                    {.act_order = true, .static_groups = true}, device);
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/method/solvers/tensor_quantizer.h"
#include "core/runtime/torch_bridge.h"

namespace graticule::solvers {

/// H = 2/n X^T X over all tokens, n counting sequences as the reference does.
[[nodiscard]] at::Tensor hessian_of(const at::Tensor& gram, std::int64_t sequences);

/// Walks a block's columns either as the reference does, a few operations of Torch a column, or row by row in one
/// kernel (Backend::gptq_walk): a row's columns do not look at other rows.
enum class GptqLoop : std::uint8_t { by_columns, by_rows };

struct GptqOptions {
    double damping = 0.01;      ///< times the mean of H's diagonal, added to the diagonal
    std::int64_t block = 128;   ///< columns between two updates of all later ones
    bool act_order = false;     ///< columns in order of falling H diagonal
    bool static_groups = false; ///< scales of all groups from the weight before any update
    GptqLoop loop = GptqLoop::by_rows;
};

/// How strongly rounding one column moves the others: max_j |(H_F^-1)_jq| / (H_F^-1)_qq over the columns F not yet
/// rounded, for every column q (SLAC: Lee et al. 2023, section 3.3).
struct UpdateRatio {
    double largest = 0; ///< over all columns
    double mean = 0;    ///< over all columns
};

/// Of a Hessian as `gptq` would use it: dead columns repaired, damped, columns in their own order. Absent: it is not
/// positive definite.
[[nodiscard]] std::optional<UpdateRatio> update_ratio(const at::Tensor& hessian, double damping);

struct GptqResult {
    QuantizedTensor rounded;
    double loss = 0;               ///< sum (w - q)^2 / d^2 / 2, the reference's printed error
    double loss_nearest = 0;       ///< tr(dW H dW^T) / 2 of plain rounding with the same damped H, to compare
    std::int64_t dead_columns = 0; ///< inputs that never fired: their weights became 0
    bool cholesky_failed = false;  ///< H was not positive definite: rounded to nearest instead
    std::string failure;           ///< why, and the way out; empty when all went well
    UpdateRatio update_ratio;      ///< zeros when Cholesky failed
};

/// weight (out, in) float32, hessian (in, in). Granularity tensor, channel or group; act_order with groups needs
/// static_groups, since the groups would not be neighbours otherwise: Error{unsupported}.
[[nodiscard]] GptqResult gptq(const at::Tensor& weight, const at::Tensor& hessian, const TensorQuantizer& quantizer,
                              const GptqOptions& options, const Device& device);

} // namespace graticule::solvers
