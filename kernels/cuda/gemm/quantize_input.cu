// Inputs of an integer product in one read: extremes of a token, its scale, int8 codes and their sum.
//
// **Formula** (scale_rule.h, grid_points.h), of a token's values x: scale = max |x| / 127, or (max - min) / 255 with a
// zero point; code = round(x / scale) + zero, kept less 128; row_sum = sum of what is kept.
//
// **Parallel split.** One thread block per token. Each thread keeps its share of the token in registers from the search
// for the extremes until the codes are stored, so that memory is read once (2 bytes per value from bf16) and written
// once (1 byte).
//
// clang-format off
//     columns          0 ... 7   8 ... 15   ...               8 threads ...      16 threads ...
//     thread              0          1      ... threads - 1 | 0   1   ...      | 0   1   ...           `kept` times
//
//     load eights -> extremes -> lane, warp, thread block -> scale -> codes of the same eights -> 8 bytes each, row sum
// clang-format on
//
// With a fixed scale there is nothing to search for: each eight is loaded, coded and stored.
//
// **Limits.** Tokens as many as int32 holds, columns up to 2^30. More than 32,768 values (4 eights of 1,024 threads)
// are read twice, the second time from the cache; so are tokens with a NaN or an infinity. Inputs that are made of
// others on the way: make_input.cu.
#include <algorithm>
#include <limits>
#include <string>

#include "kernels/api/kernel_error.h"
#include "kernels/cuda/device/workspace.h"
#include "kernels/cuda/gemm/quantize_row.cuh"

namespace graticule::cuda {
namespace {

struct PlainArguments {
    QuantizeArguments quantize;
    Rows values;
};

/// `kept`: groups of eight a thread keeps; 0: none, and unless the scale is fixed the row is read twice.
template <ValueType type, int kept>
__global__ void __launch_bounds__(1024) quantize_rows(const __grid_constant__ PlainArguments arguments) {
    __shared__ RowShared shared;
#if __CUDA_ARCH__ >= 900
    launch_dependents();
    wait_for_predecessor();
#endif
    const QuantizeArguments& a = arguments.quantize;
    const auto token = static_cast<std::int32_t>(blockIdx.x), thread = static_cast<std::int32_t>(threadIdx.x);
    const auto threads = static_cast<std::int32_t>(blockDim.x);
    const void* row = arguments.values.data + token * arguments.values.row_bytes;
    const auto load = [&](std::int32_t v) { return load_eight<type>(row, v, a.columns, arguments.values.wide); };
    const std::int32_t eights = (padded_columns(a) + 7) / 8;
    const auto visit_in_memory = [&](const auto& use) {
        for (std::int32_t v = thread; v < eights; v += threads) use(load(v), v);
    };
    if constexpr (kept > 0) {
        Eight<type> mine[kept];
#pragma unroll
        for (int i = 0; i < kept; ++i) mine[i] = load(i * threads + thread);
        const auto visit = [&](const auto& use) {
#pragma unroll
            for (int i = 0; i < kept; ++i) use(mine[i], i * threads + thread);
        };
        quantize_row<type>(a, token, threads / 32, shared, visit, visit_in_memory);
    } else {
        quantize_row<type>(a, token, threads / 32, shared, visit_in_memory, visit_in_memory);
    }
}

/// With as many warps as it takes for each thread to have `each` of the row's eights.
template <ValueType type, int kept>
void launch(const PlainArguments& arguments, std::int32_t eights, std::int32_t each, cudaStream_t stream) {
    const std::int32_t wanted = (eights + 32 * each - 1) / (32 * each),
                       warps = kept == 0 ? std::min(wanted, 16) : wanted;
    launch_overlapped(quantize_rows<type, kept>, arguments, arguments.quantize.tokens, 32 * warps, 0, stream);
}

/// What each thread does once per row, its scale above all, costs as much as some eight values. So a thread keeps many
/// of them, unless there are so few tokens that the time is that of one of them.
template <ValueType type>
void launch_for_length(const PlainArguments& arguments, cudaStream_t stream) {
    const std::int32_t eights = (arguments.quantize.columns + 127) / 128 * 16;
    const bool few = arguments.quantize.tokens <= multiprocessors();
    // A fixed scale is known before the row is: nothing is kept.
    if (arguments.quantize.fixed_scale != nullptr) return launch<type, 0>(arguments, eights, few ? 1 : 4, stream);
    if (few && eights <= 1024) return launch<type, 1>(arguments, eights, 1, stream);
    if (few && eights <= 2048) return launch<type, 2>(arguments, eights, 2, stream);
    if (eights <= 4096) return launch<type, 4>(arguments, eights, 4, stream);
    launch<type, 0>(arguments, eights, 1, stream);
}

} // namespace

void quantize_input(const InputSource& source, const InputRounding& rounding, InputLayout layout,
                    const QuantizedInput& out, Stream stream) {
    check_quantize_input(source, rounding, out);
    const ValueMatrix& values = source.values;
    if (values.rows == 0) return;
    if (values.rows > std::numeric_limits<std::int32_t>::max() || values.columns > (std::int64_t{1} << 30))
        throw KernelError(KernelError::Kind::invalid_argument,
                          std::to_string(values.rows) + " x " + std::to_string(values.columns) +
                              " inputs are more than one call takes; split the tokens");
    CodeGrid int8;
    int8.levels = 256;
    QuantizeArguments a{};
    a.tokens = static_cast<std::int32_t>(values.rows);
    a.columns = static_cast<std::int32_t>(values.columns);
    a.wide_stores = reinterpret_cast<std::uintptr_t>(out.values) % 8 == 0 &&
                    (layout == InputLayout::tiles || values.columns % 8 == 0);
    a.layout = layout;
    a.options = rounding.options;
    a.fixed_scale = rounding.fixed_scale;
    a.fixed_zero = rounding.fixed_zero;
    a.out = out;
    a.points = prepare_grid(int8);
    const auto queue = static_cast<cudaStream_t>(stream.handle);
    if (!source.is_plain()) return make_input(a, source, queue);
    const PlainArguments arguments{a, Rows(values)};
    if (values.type == ValueType::f32)
        launch_for_length<ValueType::f32>(arguments, queue);
    else if (values.type == ValueType::bf16)
        launch_for_length<ValueType::bf16>(arguments, queue);
    else
        launch_for_length<ValueType::f16>(arguments, queue);
}

} // namespace graticule::cuda
