// Codes and parameters into the packed layout (packed_weight.h): a thread per 32-bit word of codes, a warp per output's
// record. Runs once per weight; what counts is that it is right.
#include "kernels/cuda/device/check.h"
#include "kernels/cuda/gemm/decode.cuh"
#include "kernels/cuda/gemm/products.h"

namespace graticule::cuda {
namespace {

struct PackArguments {
    const std::uint8_t* codes;
    std::int64_t code_stride;
    const float* scale;
    const float* zero;
    const std::int8_t* group_scale; ///< dual only
    const float* bias;
    std::int64_t outputs, inputs, group, groups;
    std::int64_t input_blocks, block_bytes, constant_bytes;
    IntegerCodes integers;
    CodeKind format;
    GemmGrain grain;
    std::uint8_t* packed;
    std::int64_t blocks_offset, group_scales_offset, padded_outputs, padded_groups;

    [[nodiscard]] __device__ std::uint32_t code(std::int64_t output, std::int64_t input) const {
        return output < outputs && input < inputs ? codes[output * code_stride + input] : 0U;
    }
    [[nodiscard]] __device__ std::int32_t zero_of(std::int64_t output, std::int64_t input) const {
        return static_cast<std::int32_t>(zero[output * groups + input / group]);
    }
    [[nodiscard]] __device__ std::int32_t scale_of(std::int64_t output, std::int64_t input) const {
        return grain == GemmGrain::dual ? group_scale[output * groups + input / group] : 1;
    }
};

/// One warp per output: what the epilogue knows of it.
__global__ void pack_records(const PackArguments a) {
    const std::int64_t output = blockIdx.x * 8LL + threadIdx.x / 32;
    const int lane = static_cast<int>(threadIdx.x) % 32;
    if (output >= a.padded_outputs) return;
    std::int32_t sum = 0;
    if (output < a.outputs)
        for (std::int64_t input = lane; input < a.inputs; input += 32)
            sum += a.integers.value(static_cast<std::int32_t>(a.code(output, input)), a.zero_of(output, input)) *
                   a.scale_of(output, input);
    for (int step = 16; step > 0; step /= 2) sum += __shfl_xor_sync(0xFFFFFFFFU, sum, step);
    if (lane == 0) {
        ChannelRecord record{0.0F, -0.0F, 0, sum};
        if (output < a.outputs) {
            if (a.grain != GemmGrain::group) record.scale = a.integers.scale(a.scale[output]);
            if (a.bias != nullptr) record.bias = a.bias[output];
            const auto zero = static_cast<std::int32_t>(a.zero[output * a.groups]);
            if (a.grain == GemmGrain::dual)
                record.correction = 128; // bytes are w + 128
            else if (a.grain == GemmGrain::channel)
                record.correction = a.format == CodeKind::int4    ? zero
                                    : a.format == CodeKind::dint4 ? 2 * zero + 1
                                                                  : zero - 128;
        } else if (a.format == CodeKind::dint4) {
            record.correction = 1; // a zero point of 0, which the decoder's table is made of
        }
        reinterpret_cast<ChannelRecord*>(a.packed)[output] = record;
    }
    __threadfence(); // a product started early by programmatic launch may read ahead
}

/// One thread per 32-bit word of a block of 64 x 128 four-bit codes, and the constants behind them.
__global__ void pack_nibbles(const PackArguments a) {
    const std::int64_t block = blockIdx.x; // (tile of outputs, block of inputs, half of the tile)
    const std::int64_t first_output = block / 2 / a.input_blocks * tile_rows + block % 2 * block_rows;
    const std::int64_t first_input = block / 2 % a.input_blocks * block_inputs;
    std::uint8_t* to = a.packed + a.blocks_offset + block * a.block_bytes;
    for (int word = static_cast<int>(threadIdx.x); word < block_words; word += static_cast<int>(blockDim.x)) {
        const WordPlace place = place_of_word(word);
        const std::int64_t output = first_output + place.row, input = first_input + place.input;
        std::uint32_t bits = 0;
        for (int i = 0; i < 4; ++i) {
            const std::uint32_t first = a.code(output, input + i), second = a.code(output, input + 16 + i);
            bits |= a.format == CodeKind::int4 ? (first | second << 4) << (8 * i)
                                               : dint_nibble(first) << (4 * i) | dint_nibble(second) << (16 + 4 * i);
        }
        reinterpret_cast<std::uint32_t*>(to)[word] = bits;
    }
    for (int pair = static_cast<int>(threadIdx.x); pair < a.constant_bytes / 2; pair += static_cast<int>(blockDim.x)) {
        const int in_group = pair % 64; // [warp][lane / 4][row]
        const std::int64_t output = first_output + in_group / 16 * 16 + in_group / 2 % 8 + 8 * (in_group % 2);
        const std::int64_t input = first_input + pair / 64 * a.group;
        const bool there = output < a.outputs && input < a.inputs;
        to[4096 + 2 * pair] = static_cast<std::uint8_t>(there ? a.scale_of(output, input) : 0);
        to[4096 + 2 * pair + 1] = static_cast<std::uint8_t>(there ? a.zero_of(output, input) : 0);
    }
    __threadfence();
}

/// One thread per 16-byte piece of a block of 64 x 128 bytes.
__global__ void pack_bytes(const PackArguments a) {
    const std::int64_t block = blockIdx.x;
    const std::int64_t first_output = block / 2 / a.input_blocks * tile_rows + block % 2 * block_rows;
    const std::int64_t first_input = block / 2 % a.input_blocks * block_inputs;
    std::uint8_t* to = a.packed + a.blocks_offset + block * a.block_bytes;
    for (int piece = static_cast<int>(threadIdx.x); piece < 512; piece += static_cast<int>(blockDim.x)) {
        const int row = piece / 8, place = piece % 8 ^ row % 8;
        for (int i = 0; i < 16; ++i)
            to[row * 128 + place * 16 + i] =
                static_cast<std::uint8_t>(a.code(first_output + row, first_input + piece % 8 * 16 + i) - 128U);
    }
    __threadfence();
}

/// Scales of groups as the group kernel reads them: (groups, outputs).
__global__ void pack_group_scales(const PackArguments a) {
    float* to = reinterpret_cast<float*>(a.packed + a.group_scales_offset);
    const std::int64_t count = a.padded_groups * a.padded_outputs;
    for (std::int64_t i = blockIdx.x * 256LL + threadIdx.x; i < count; i += gridDim.x * 256LL) {
        const std::int64_t output = i % a.padded_outputs, group = i / a.padded_outputs;
        to[i] = output < a.outputs && group < a.groups ? a.integers.scale(a.scale[output * a.groups + group]) : 0.0F;
    }
    __threadfence();
}

} // namespace

std::size_t packed_weight_bytes(const GemmProblem& problem) { return PackedLayout(problem).bytes(); }

void pack_weight(const GemmProblem& problem, const GemmWeights& weights, void* packed, Stream stream) {
    check_gemm_pack(problem, weights, packed);
    pack_weight(problem, weights, packed, static_cast<cudaStream_t>(stream.handle));
}

void pack_weight(const GemmProblem& problem, const GemmWeights& weights, void* packed, cudaStream_t stream) {
    const PackedLayout layout(problem);
    PackArguments a{};
    a.codes = weights.codes.data;
    a.code_stride = weights.codes.row_stride;
    a.scale = weights.scale;
    a.zero = weights.zero;
    a.group_scale = weights.group_scale;
    a.bias = weights.bias;
    a.outputs = problem.outputs;
    a.inputs = problem.inputs;
    a.groups = groups_of(problem);
    a.group = problem.inputs / a.groups;
    a.input_blocks = layout.input_blocks;
    a.block_bytes = layout.block_bytes;
    a.constant_bytes = layout.constant_bytes;
    a.integers = integer_codes(*problem.grid);
    a.format = code_kind(*problem.grid);
    a.grain = problem.grain;
    a.packed = static_cast<std::uint8_t*>(packed);
    a.blocks_offset = layout.blocks_offset();
    a.group_scales_offset = layout.group_scales_offset();
    a.padded_outputs = layout.channel_tiles * tile_rows;
    a.padded_groups = layout.group_scales / a.padded_outputs;
    const auto blocks = static_cast<unsigned>(layout.channel_tiles * layout.input_blocks * 2);
    pack_records<<<static_cast<unsigned>(a.padded_outputs / 8), 256, 0, stream>>>(a);
    if (a.format == CodeKind::int8)
        pack_bytes<<<blocks, 256, 0, stream>>>(a);
    else
        pack_nibbles<<<blocks, 256, 0, stream>>>(a);
    if (a.grain == GemmGrain::group) pack_group_scales<<<1024, 256, 0, stream>>>(a);
    GRATICULE_CUDA_CHECK(cudaGetLastError());
}

} // namespace graticule::cuda
