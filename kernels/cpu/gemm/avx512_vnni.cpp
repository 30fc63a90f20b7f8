// Integer products with AVX-512 VNNI: VPDPBUSD adds four products of an unsigned and a signed byte to each of sixteen
// 32-bit sums.
//
// **Formula.** Inputs are the unsigned side, x + 128; weights the signed one. For a span of inputs that shares a zero
// and a multiplier (blocked_weight.h),
//     sum w x = multiplier (sum byte (x + 128) - zero sum (x + 128)) - 128 sum w,
// so that inner loops multiply bare codes: no multiplication and no subtraction per weight. Spans are whole rows or
// groups; the sums (x + 128) of each token and span are taken once.
//
// **Two paths.** Few tokens: *direct*, codes are unpacked in registers (a mask, a shift and a mask per 128 codes) and
// multiplied at once by up to six tokens; one token streams weights at the speed of memory. Many tokens: *panel*, the
// 64 outputs' codes become finished int8 weights (64 x inputs bytes, in the second-level cache) once, by the packed
// multiply-add that the GPU's products use as well (kernels/cuda/gemm/decode.cuh), then six tokens x 64 outputs are a
// register tile: 24 sums, four loads and six broadcasts per 24 VPDPBUSD.
//
//     acc[6 tokens][4 x 16 outputs] += x[token][k ... k + 3] (broadcast) * weights[k ... k + 3][4 x 16 outputs]
//
// **Parallel split.** Threads, as many as there are processors, take blocks of 64 outputs. Functions carry their target by attribute, so that nothing
// inline of this file can leak into a program for an older processor.
//
// **Limits.** Inputs a multiple of 8 and at most 32,768, groups multiples of 8; INT4, dINT4, INT8. What Speed calls the
// most integer operations a second is what this table's own rows reach (measure_ceilings), not what VPDPBUSD could do.
#include <immintrin.h>

#include <algorithm>
#include <cstring>

#include "kernels/cpu/gemm/blocked_run.h"
#include "kernels/cpu/gemm/rows.h"

#if defined(__x86_64__) && defined(__GNUC__)
// GCC 12 calls the undefined operands of its own header uninitialized (GCC bug 105593).
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#define GRATICULE_VNNI [[gnu::target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,fma")]]

namespace graticule::cpu {
namespace {

constexpr int most_rows = 6;            ///< tokens of a register tile
constexpr std::int64_t panel_pays = 25; ///< tokens from which expanding a block costs less than it saves

enum class Source { int4, dint4, panel };

/// sums[r][j] = sum over `fours` of bytes[k][j] x[r][k]; j counts 16 outputs. `twice_zero` (dINT4): 2 zero in each
/// byte.
template <Source source, int rows>
GRATICULE_VNNI void accumulate(const std::uint8_t* codes, const std::uint8_t* x, std::int64_t row_stride,
                               std::int64_t fours, const __m512i* twice_zero, __m512i (*sums)[4]) {
    constexpr int sets = rows == 1 ? 2 : 1; // one token: two sets of sums hide the latency
    constexpr std::int64_t bytes = source == Source::panel ? 256 : 128;
    const __m512i low = _mm512_set1_epi8(15), last_lattice = _mm512_set1_epi8(13);
    const __m512i table = _mm512_broadcast_i32x4(
        _mm_setr_epi8(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 2, 0)); // 2 code + 1; specials less 2 zero
    __m512i acc[sets * rows][4];
#pragma GCC unroll 8
    for (int r = 0; r < sets * rows; ++r)
#pragma GCC unroll 4
        for (int j = 0; j < 4; ++j) acc[r][j] = _mm512_setzero_si512();
    for (std::int64_t k = 0; k < fours; k += sets) {
#pragma GCC unroll 2
        for (int set = 0; set < sets; ++set) {
            __m512i w[4];
            if constexpr (source == Source::panel) {
#pragma GCC unroll 4
                for (int j = 0; j < 4; ++j) w[j] = _mm512_loadu_si512(codes + 64 * j);
            } else {
                const __m512i first = _mm512_loadu_si512(codes), second = _mm512_loadu_si512(codes + 64);
                if constexpr (rows == 1) {
                    _mm_prefetch(reinterpret_cast<const char*>(codes) + 4096, _MM_HINT_T0);
                    _mm_prefetch(reinterpret_cast<const char*>(codes) + 4160, _MM_HINT_T0);
                }
                w[0] = _mm512_and_si512(first, low);
                w[1] = _mm512_and_si512(_mm512_srli_epi16(first, 4), low);
                w[2] = _mm512_and_si512(second, low);
                w[3] = _mm512_and_si512(_mm512_srli_epi16(second, 4), low);
                if constexpr (source == Source::dint4) {
#pragma GCC unroll 4
                    for (int j = 0; j < 4; ++j) {
                        const __mmask64 special = _mm512_cmpgt_epi8_mask(w[j], last_lattice);
                        w[j] = _mm512_shuffle_epi8(table, w[j]);
                        w[j] = _mm512_mask_add_epi8(w[j], special, w[j], twice_zero[j]);
                    }
                }
            }
            codes += bytes;
#pragma GCC unroll 8
            for (int r = 0; r < rows; ++r) {
                std::int32_t four;
                std::memcpy(&four, x + r * row_stride + 4 * (k + set), sizeof four);
                const __m512i input = _mm512_set1_epi32(four);
#pragma GCC unroll 4
                for (int j = 0; j < 4; ++j)
                    acc[set * rows + r][j] = _mm512_dpbusd_epi32(acc[set * rows + r][j], input, w[j]);
            }
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r)
#pragma GCC unroll 4
        for (int j = 0; j < 4; ++j)
            sums[r][j] = sets == 2 ? _mm512_add_epi32(acc[r][j], acc[(sets - 1) * rows + r][j]) : acc[r][j];
}

using Accumulate = void (*)(const std::uint8_t*, const std::uint8_t*, std::int64_t, std::int64_t, const __m512i*,
                            __m512i (*)[4]);
template <Source source>
Accumulate accumulate_rows(std::int64_t rows) {
    constexpr Accumulate of[most_rows] = {accumulate<source, 1>, accumulate<source, 2>, accumulate<source, 3>,
                                          accumulate<source, 4>, accumulate<source, 5>, accumulate<source, 6>};
    return of[rows - 1];
}

/// 16 int8 or int16 parameters as 32-bit lanes.
GRATICULE_VNNI __m512i lanes(const std::int8_t* values) {
    return _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(values)));
}
GRATICULE_VNNI __m512i lanes(const std::int16_t* values) {
    return _mm512_cvtepi16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(values)));
}

/// 2 zero in every byte, from the stored 2 zero + 1.
GRATICULE_VNNI void twice_zeros(const std::int16_t* zero, __m512i* twice_zero) {
    for (int j = 0; j < 4; ++j)
        twice_zero[j] = _mm512_mullo_epi32(_mm512_sub_epi32(lanes(zero + 16 * j), _mm512_set1_epi32(1)),
                                           _mm512_set1_epi32(0x01010101));
}

/// The codes of a block as finished int8 weights, (inputs / 4)[4 x 16 outputs][4].
GRATICULE_VNNI void expand(const RunShape& shape, const WeightBlock& block, std::uint8_t* panel) {
    const __m512i low = _mm512_set1_epi8(15), last_lattice = _mm512_set1_epi8(13), sign = _mm512_set1_epi8(-128);
    const __m512i every_byte = _mm512_set1_epi32(0x01010101);
    const __m512i table =
        _mm512_broadcast_i32x4(_mm_setr_epi8(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 2, 0));
    const bool dint = shape.kind == CodeKind::dint4, multiplied = shape.multiplied;
    const std::uint8_t* codes = block.codes;
    for (std::int64_t group = 0; group < shape.groups; ++group) {
        __m512i multiplier[4], offset[4], twice_zero[4];
        twice_zeros(block.zero + group * block_outputs, twice_zero);
        for (int j = 0; j < 4; ++j) {
            multiplier[j] = lanes(block.multiplier + group * block_outputs + 16 * j);
            const __m512i zero = lanes(block.zero + group * block_outputs + 16 * j);
            offset[j] = _mm512_mullo_epi32(
                _mm512_sub_epi32(_mm512_set1_epi32(128), _mm512_mullo_epi32(multiplier[j], zero)), every_byte);
        }
        for (std::int64_t k = 0; k < shape.length / 4; ++k, codes += 128, panel += 256) {
            const __m512i first = _mm512_loadu_si512(codes), second = _mm512_loadu_si512(codes + 64);
            const __m512i w[4] = {_mm512_and_si512(first, low), _mm512_and_si512(_mm512_srli_epi16(first, 4), low),
                                  _mm512_and_si512(second, low), _mm512_and_si512(_mm512_srli_epi16(second, 4), low)};
            for (int j = 0; j < 4; ++j) {
                __m512i byte = w[j];
                if (dint) {
                    const __mmask64 special = _mm512_cmpgt_epi8_mask(byte, last_lattice);
                    byte = _mm512_shuffle_epi8(table, byte);
                    byte = _mm512_mask_add_epi8(byte, special, byte, twice_zero[j]);
                }
                // w + 128 in every byte, whatever carries between them (decode.cuh), then the sign bit turned.
                byte = multiplied ? _mm512_mullo_epi32(byte, multiplier[j]) : byte;
                byte = _mm512_xor_si512(_mm512_add_epi32(byte, offset[j]), sign);
                _mm512_storeu_si512(panel + 64 * j, byte);
            }
        }
    }
}

/// The sums of one span are bytes times (x + 128); this makes them sums of w x and adds them up.
struct Finisher {
    const RunShape& shape;
    const WeightBlock& block;
    bool finished_weights; ///< the bytes are w already: panel

    GRATICULE_VNNI void add(std::int64_t span, std::int64_t token, const __m512i* sums, __m512i* totals,
                            __m512* floats) const {
        const std::int64_t scale_of_span = shape.grouped ? span : 0;
        const bool last = shape.grouped || span + 1 == shape.spans(finished_weights);
        const __m512i over = _mm512_set1_epi32(128 + shape.input_zero(token));
        for (int j = 0; j < 4; ++j) {
            __m512i sum = sums[j];
            if (!finished_weights) {
                const __m512i zero = lanes(block.zero + span * block_outputs + 16 * j);
                sum = _mm512_sub_epi32(
                    sum, _mm512_mullo_epi32(zero, _mm512_set1_epi32(shape.sums[token * shape.groups + span])));
                if (shape.multiplied)
                    sum = _mm512_mullo_epi32(sum, lanes(block.multiplier + span * block_outputs + 16 * j));
            }
            if (last)
                sum = _mm512_sub_epi32(
                    sum, _mm512_mullo_epi32(
                             over, _mm512_loadu_si512(block.weight_sum + scale_of_span * block_outputs + 16 * j)));
            if (shape.grouped)
                floats[j] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum),
                                            _mm512_loadu_ps(block.scale + span * block_outputs + 16 * j), floats[j]);
            else
                totals[j] = _mm512_add_epi32(totals[j], sum);
        }
    }
};

template <Source source>
GRATICULE_VNNI void multiply_block(const RunShape& shape, const WeightBlock& block, const std::uint8_t* bytes,
                                   const BlockOutput& output) {
    constexpr bool panel = source == Source::panel;
    constexpr std::int64_t bytes_per_four = panel ? 256 : 128;
    // INT8 codes are read as a panel, but are not finished weights: their zero is still to be taken off.
    const Finisher finisher{shape, block, panel && shape.kind != CodeKind::int8};
    const std::int64_t spans = shape.spans(finisher.finished_weights);
    const std::int64_t fours = shape.problem.inputs / spans / 4;
    for (std::int64_t first = 0; first < shape.problem.tokens; first += most_rows) {
        const std::int64_t rows = std::min<std::int64_t>(most_rows, shape.problem.tokens - first);
        const Accumulate accumulate_span = accumulate_rows<source>(rows);
        __m512i sums[most_rows][4], totals[most_rows][4];
        __m512 floats[most_rows][4];
        for (int r = 0; r < most_rows; ++r)
            for (int j = 0; j < 4; ++j) {
                totals[r][j] = _mm512_setzero_si512();
                floats[r][j] = _mm512_setzero_ps();
            }
        for (std::int64_t span = 0; span < spans; ++span) {
            __m512i twice_zero[4];
            if constexpr (source == Source::dint4) twice_zeros(block.zero + span * block_outputs, twice_zero);
            accumulate_span(bytes + span * fours * bytes_per_four,
                            shape.x + first * shape.problem.inputs + span * fours * 4, shape.problem.inputs, fours,
                            twice_zero, sums);
            for (std::int64_t r = 0; r < rows; ++r) finisher.add(span, first + r, sums[r], totals[r], floats[r]);
        }
        for (std::int64_t r = 0; r < rows; ++r) {
            alignas(64) std::int32_t whole[block_outputs];
            alignas(64) float scaled[block_outputs];
            for (int j = 0; j < 4; ++j) {
                _mm512_store_si512(whole + 16 * j, totals[r][j]);
                _mm512_store_ps(scaled + 16 * j, floats[r][j]);
            }
            if (shape.grouped)
                output.store_groups(first + r, scaled);
            else
                output.store(first + r, whole);
        }
    }
}

void multiply(const RunShape& shape, const WeightBlock& block, std::uint8_t* panel, const BlockOutput& output) {
    if (shape.kind == CodeKind::int8) return multiply_block<Source::panel>(shape, block, block.codes, output);
    if (shape.problem.tokens >= panel_pays) {
        expand(shape, block, panel);
        return multiply_block<Source::panel>(shape, block, panel, output);
    }
    if (shape.kind == CodeKind::int4) return multiply_block<Source::int4>(shape, block, block.codes, output);
    multiply_block<Source::dint4>(shape, block, block.codes, output);
}

std::optional<std::string> refuses(const GemmProblem& problem) {
    if (!__builtin_cpu_supports("avx512vnni") || !__builtin_cpu_supports("avx512bw") ||
        !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl"))
        return "this processor has no AVX-512 VNNI";
    return not_blocked(problem);
}

void run(const GemmProblem& problem, const void* packed, const GemmInput& input, GemmOutput y, void* workspace,
         Stream) {
    run_blocked(problem, packed, input, y, workspace, 128, multiply);
}

} // namespace

const GemmRow avx512_gemm{"integer avx512 vnni",   InputLayout::plain,  refuses, blocked_weight_bytes,
                          blocked_workspace_bytes, pack_blocked_weight, run};

} // namespace graticule::cpu
#endif
