// DGQ (Zhang et al. 2023; ilur98/DGQ 141eef7; algorithms.md section 7): weights in a dual grain
//
//     w^ = (q - z) S2 s1,    q in 0..15, z and S2 >= 1 integers per group, s1 a float per row,  |(q - z) S2| <= 127,
//
// so that (q - z) S2 is an INT8 operand. Phase 1 finds each group's range, phase 2 each row's s1.
//
//     const at::Tensor gram = mean_gram(inputs);                                // fixed_sums.h
//     const DgqGroups groups = dgq_phase1(weight, gram, 128, {});
//     const DualGrain result = dgq_phase2(weight, gram, groups, {});
//
// Objectives are written with X^T X, so tokens are multiplied once per site: phase 1 costs (out, in, group) per
// candidate, phase 2 (out, in, in). The published program, as it was run, is dgq_published.
#pragma once

#include <cstdint>

#include "core/method/solvers/tensor_quantizer.h"
#include "core/runtime/torch_bridge.h"

namespace graticule::solvers {

struct DgqOptions {
    int levels = 16;       ///< codes of the weight: 4 bits
    int phase1_steps = 20; ///< ratio 1.02 - (i+1)/steps * 0.22: 1.009 ... 0.80
    double phase1_span = 0.22;
    int phase2_steps = 80; ///< ratio 1.02 - (i+1)/steps * 0.82: 1.00975 ... 0.20
    double phase2_span = 0.82;
};

/// A float scale and a zero point per group.
struct DgqGroups {
    std::int64_t group = 0;
    at::Tensor scale; ///< (out, groups)
    at::Tensor zero;  ///< (out, groups) integers in 0 .. levels-1
    at::Tensor loss;  ///< (out) sum over groups of the mean over tokens of the squared partial output error
};

struct DualGrain {
    std::int64_t group = 0;
    at::Tensor codes;         ///< (out, in) uint8
    at::Tensor zero;          ///< (out, groups) float32 holding integers
    at::Tensor group_scale;   ///< S2 (out, groups) float32 holding integers 1 .. 127
    at::Tensor channel_scale; ///< s1 (out)
    at::Tensor dequantized;   ///< (out, in)
    at::Tensor loss;          ///< (out) mean over tokens of the squared output error; undefined without a Gram matrix

    /// S2 s1 and the zero points, as every other quantizer states its blocks.
    [[nodiscard]] BlockParams params() const;
};

/// For every row and group the range that loses least of the group's own output x_g w_g. The range is made to include
/// zero first, so zero points stay codes. Of equals the widest range is kept.
[[nodiscard]] DgqGroups dgq_phase1(const at::Tensor& weight, const at::Tensor& gram, std::int64_t group,
                                   const DgqOptions& options);
/// For every row the s1 that loses least of the row's whole output; S2 = max(1, rn(s / s1)).
[[nodiscard]] DualGrain dgq_phase2(const at::Tensor& weight, const at::Tensor& gram, const DgqGroups& groups,
                                   const DgqOptions& options);

/// Plain rounding of group scales into the dual grain: s1 = absmax of the row / 127 (trials.md trap 6). `params` are
/// those of rounding to nearest with groups. `gram` may be undefined: no loss then.
[[nodiscard]] DualGrain round_to_dual_grain(const at::Tensor& weight, const BlockParams& params, const at::Tensor& gram,
                                            const DgqOptions& options);

/// The same codes and whole numbers with s1 rounded to the scheme's coding, which must not be zero then; `loss` is that
/// of before.
[[nodiscard]] DualGrain with_coded_channels(DualGrain found, const ScaleCoding& coding);

/// Mean over tokens of the squared output error of every row, (out).
[[nodiscard]] at::Tensor row_losses(const at::Tensor& difference, const at::Tensor& gram);

} // namespace graticule::solvers
