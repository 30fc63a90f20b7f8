// DGQ as ilur98/DGQ 141eef7 runs it (algorithms.md sections 7.2, 7.5-7.8), to reproduce its numbers: it sees the last
// calibration sample only, computes outputs rather than Gram matrices and, as published, rounds every intermediate
// result to bfloat16.
#pragma once

#include "core/method/solvers/dgq.h"
#include "core/runtime/torch_bridge.h"

namespace graticule::solvers {

enum class DgqArithmetic : std::uint8_t {
    bfloat16, ///< as published: eight significant bits, ties are common and keep the widest range
    float32,  ///< the same steps without that noise
};

/// Both phases. `last_sample` (tokens, in): the inputs of the last calibration sequence. One thing is not reproduced: a
/// group that lies on one side of zero gets a zero point beyond the codes there and corrupt packing; here the range is
/// made to include zero, which changes nothing for all other groups. `loss` of the result is by float32 on that sample.
[[nodiscard]] DualGrain dgq_published(const at::Tensor& weight, const at::Tensor& last_sample, std::int64_t group,
                                      const DgqOptions& options, DgqArithmetic arithmetic);
/// Its phase 1 alone, parameters as float32.
[[nodiscard]] DgqGroups dgq_published_phase1(const at::Tensor& weight, const at::Tensor& last_sample,
                                             std::int64_t group, const DgqOptions& options, DgqArithmetic arithmetic);

} // namespace graticule::solvers
