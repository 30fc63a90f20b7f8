// One block of GPTQ's columns, in the two loops of GptqLoop. Private to the solvers.
#pragma once

#include "core/method/solvers/tensor_quantizer.h"
#include "core/runtime/torch_bridge.h"

namespace graticule::solvers {

struct GptqBlock {
    at::Tensor weight; ///< (out, columns) current values of the block's columns, contiguous
    at::Tensor factor; ///< (columns, columns) the block of U, upper triangular, contiguous
    at::Tensor scale;  ///< (out, columns) of every element
    at::Tensor zero;   ///< (out, columns)
};

struct GptqBlockResult {
    at::Tensor codes;  ///< (out, columns) uint8
    at::Tensor values; ///< (out, columns)
    at::Tensor error;  ///< (out, columns) (w - q) / d, what the later columns receive
};

[[nodiscard]] GptqBlockResult gptq_block_by_columns(const GptqBlock& block, const CodeGrid& grid, const Device& device);
[[nodiscard]] GptqBlockResult gptq_block_by_rows(const GptqBlock& block, const CodeGrid& grid, const Device& device);

} // namespace graticule::solvers
