// Inputs of an integer product in one read: extremes of a token, its scale, int8 codes and their sum.
//
// One thread block per token. Each thread keeps its share of the token in registers from the search for the extremes
// until the codes are stored, so that memory is read once (2 bytes per value from bf16) and written once (1 byte). A
// token too long for that is read twice, the second time from the cache. Inputs that are made of others on the way:
// make_input.cu.
#include <limits>
#include <string>

#include "kernels/api/kernel_error.h"
#include "kernels/cuda/gemm/quantize_row.cuh"

namespace graticule::cuda {
namespace {

struct PlainArguments {
    QuantizeArguments quantize;
    Rows values;
};

/// `kept`: groups of eight a thread keeps; 0: none, the row is read twice.
template <ValueType type, int kept, int threads>
__global__ void __launch_bounds__(threads) quantize_rows(const __grid_constant__ PlainArguments arguments) {
    __shared__ RowShared<threads> shared;
#if __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.launch_dependents;");
    asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
    const QuantizeArguments& a = arguments.quantize;
    const auto token = static_cast<std::int32_t>(blockIdx.x), thread = static_cast<std::int32_t>(threadIdx.x);
    const void* row = arguments.values.data + token * arguments.values.row_bytes;
    const auto load = [&](std::int32_t v) { return load_eight<type>(row, v, a.columns, arguments.values.wide); };
    if constexpr (kept > 0) {
        Eight<type> mine[kept];
#pragma unroll
        for (int i = 0; i < kept; ++i) mine[i] = load(i * threads + thread);
        quantize_row<threads>(a, token, shared, [&](const auto& use) {
#pragma unroll
            for (int i = 0; i < kept; ++i) use(mine[i], i * threads + thread);
        });
    } else {
        const std::int32_t eights = (padded_columns(a) + 7) / 8;
        quantize_row<threads>(a, token, shared, [&](const auto& use) {
            for (std::int32_t v = thread; v < eights; v += threads) use(load(v), v);
        });
    }
}

template <ValueType type, int kept, int threads>
void launch(const PlainArguments& arguments, cudaStream_t stream) {
    launch_overlapped(quantize_rows<type, kept, threads>, arguments, arguments.quantize.tokens, threads, 0, stream);
}

template <ValueType type>
void launch_for_length(const PlainArguments& arguments, cudaStream_t stream) {
    const std::int32_t eights = (arguments.quantize.columns + 127) / 128 * 16;
    if (eights <= 256) return launch<type, 1, 256>(arguments, stream);
    if (eights <= 512) return launch<type, 2, 256>(arguments, stream);
    if (eights <= 1024) return launch<type, 4, 256>(arguments, stream);
    if (eights <= 1536) return launch<type, 3, 512>(arguments, stream);
    if (eights <= 2048) return launch<type, 4, 512>(arguments, stream);
    if (eights <= 3584) return launch<type, 7, 512>(arguments, stream);
    launch<type, 0, 512>(arguments, stream);
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
