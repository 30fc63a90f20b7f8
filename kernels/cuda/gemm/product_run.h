// The host's side of a product that both rows share.
#pragma once

#include "kernels/cuda/device/workspace.h"
#include "kernels/cuda/gemm/product_frame.cuh"
#include "kernels/cuda/gemm/products.h"

namespace graticule::cuda {

/// Everything but the schedule.
[[nodiscard]] inline ProductArguments product_arguments(const GemmProblem& problem, const PackedLayout& layout,
                                                        const void* packed, const GemmInput& input, const GemmOutput& y,
                                                        void* workspace) {
    const auto* bytes = static_cast<const std::uint8_t*>(packed);
    ProductArguments arguments{};
    arguments.channels = reinterpret_cast<const ChannelRecord*>(bytes);
    arguments.blocks = bytes + layout.blocks_offset();
    arguments.group_scales = reinterpret_cast<const float*>(bytes + layout.group_scales_offset());
    arguments.x = input.values;
    arguments.x_scale = input.scale;
    arguments.x_zero = problem.input_zeros ? input.zero : nullptr;
    arguments.row_sum = input.row_sum;
    arguments.y = y.data;
    arguments.y_stride = y.row_stride;
    arguments.tickets = static_cast<std::int32_t*>(workspace);
    arguments.parts = reinterpret_cast<int4*>(static_cast<std::uint8_t*>(workspace) + gemm_counter_bytes);
    arguments.outputs = static_cast<std::int32_t>(problem.outputs);
    arguments.tokens = static_cast<std::int32_t>(problem.tokens);
    arguments.padded_tokens = (arguments.tokens + 7) / 8 * 8;
    arguments.output = problem.output;
    arguments.wide_stores = reinterpret_cast<std::uintptr_t>(y.data) % 16 == 0 && y.row_stride % 8 == 0;
    return arguments;
}

/// Thread blocks of a product that run at once: one a multiprocessor, as far as there is room for their sums.
[[nodiscard]] inline int blocks_at_once() { return std::min(multiprocessors(), most_blocks); }

} // namespace graticule::cuda
