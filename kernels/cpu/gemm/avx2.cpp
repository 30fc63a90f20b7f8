// Integer products with AVX2, for processors without VNNI: VPMADDUBSW multiplies unsigned codes by signed inputs and
// adds neighbours to 16 bits.
//
// **Formula.** sum w x = multiplier (sum byte x - zero sum x) - x_zero sum w, with the unsigned `byte` of
// blocked_weight.h (at most 15 for INT4, 28 for dINT4), so that two products stay below 2^15: 8 steps of four inputs
// (dINT4: 4) fit 16 bits before they are widened. A panel of finished int8 weights would saturate here; codes do not.
//
// **Register tile.** Two tokens x 32 outputs: eight 16-bit sums, four vectors of codes, unpacked once for both tokens.
//
//     sums16[2 tokens][4 x 8 outputs] += x[token][k ... k + 3] (broadcast) * bytes[k ... k + 3][4 x 8 outputs]
//     every 8 (dINT4: 4) steps: sums32 += neighbours of sums16
//
// **Parallel split.** Threads take blocks of 64 outputs, each with all tokens, two at a time, half a block after the
// other.
//
// **Limits.** INT4 and dINT4; inputs a multiple of 8 and at most 32,768, groups multiples of 8.
#include <immintrin.h>

#include <algorithm>
#include <cstring>

#include "kernels/cpu/gemm/blocked_run.h"
#include "kernels/cpu/gemm/rows.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define GRATICULE_AVX2 [[gnu::target("avx2,fma")]]

namespace graticule::cpu {
namespace {

constexpr int most_rows = 2;

/// sums[r][j]: eight outputs each, of the 32 whose codes start at `codes`.
template <CodeKind kind, int rows>
GRATICULE_AVX2 void accumulate(const std::uint8_t* codes, const std::uint8_t* x, std::int64_t row_stride,
                               std::int64_t fours, const __m256i* twice_zero, __m256i (*sums)[4]) {
    constexpr std::int64_t fit = kind == CodeKind::int4 ? 8 : 4; // steps that 16 bits hold
    const __m256i low = _mm256_set1_epi8(15), last_lattice = _mm256_set1_epi8(13), ones = _mm256_set1_epi16(1);
    const __m256i table = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 2, 0)); // 2 code + 1; specials less 2 zero
    for (int r = 0; r < rows; ++r)
        for (int j = 0; j < 4; ++j) sums[r][j] = _mm256_setzero_si256();
    for (std::int64_t begin = 0; begin < fours; begin += fit) {
        __m256i acc[rows][4];
#pragma GCC unroll 2
        for (int r = 0; r < rows; ++r)
#pragma GCC unroll 4
            for (int j = 0; j < 4; ++j) acc[r][j] = _mm256_setzero_si256();
        for (std::int64_t k = begin; k < std::min(fours, begin + fit); ++k, codes += 128) {
            const __m256i first = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(codes));
            const __m256i second = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(codes + 32));
            __m256i w[4] = {_mm256_and_si256(first, low), _mm256_and_si256(second, low),
                            _mm256_and_si256(_mm256_srli_epi16(first, 4), low),
                            _mm256_and_si256(_mm256_srli_epi16(second, 4), low)};
            if constexpr (kind == CodeKind::dint4) {
#pragma GCC unroll 4
                for (int j = 0; j < 4; ++j) {
                    const __m256i special = _mm256_cmpgt_epi8(w[j], last_lattice);
                    w[j] = _mm256_add_epi8(_mm256_shuffle_epi8(table, w[j]), _mm256_and_si256(special, twice_zero[j]));
                }
            }
#pragma GCC unroll 2
            for (int r = 0; r < rows; ++r) {
                std::int32_t four;
                std::memcpy(&four, x + r * row_stride + 4 * k, sizeof four);
                const __m256i input = _mm256_set1_epi32(four);
#pragma GCC unroll 4
                for (int j = 0; j < 4; ++j) acc[r][j] = _mm256_add_epi16(acc[r][j], _mm256_maddubs_epi16(w[j], input));
            }
        }
#pragma GCC unroll 2
        for (int r = 0; r < rows; ++r)
#pragma GCC unroll 4
            for (int j = 0; j < 4; ++j) sums[r][j] = _mm256_add_epi32(sums[r][j], _mm256_madd_epi16(acc[r][j], ones));
    }
}

GRATICULE_AVX2 __m256i lanes(const std::int8_t* values) {
    return _mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(values)));
}
GRATICULE_AVX2 __m256i lanes(const std::int16_t* values) {
    return _mm256_cvtepi16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(values)));
}

template <CodeKind kind>
GRATICULE_AVX2 void multiply_block(const RunShape& shape, const WeightBlock& block, const BlockOutput& output) {
    const std::int64_t fours = shape.length / 4;
    for (std::int64_t first = 0; first < shape.problem.tokens; first += most_rows) {
        const std::int64_t rows = std::min<std::int64_t>(most_rows, shape.problem.tokens - first);
        alignas(32) std::int32_t totals[most_rows][block_outputs] = {};
        alignas(32) float floats[most_rows][block_outputs] = {};
        for (std::int64_t group = 0; group < shape.groups; ++group)
            for (std::int64_t half = 0; half < 2; ++half) {
                const std::int64_t parameters = group * block_outputs + 32 * half;
                __m256i twice_zero[4], sums[most_rows][4];
                for (int j = 0; j < 4; ++j)
                    twice_zero[j] = _mm256_mullo_epi32(
                        _mm256_sub_epi32(lanes(block.zero + parameters + 8 * j), _mm256_set1_epi32(1)),
                        _mm256_set1_epi32(0x01010101));
                const auto accumulate_rows = rows == 1 ? accumulate<kind, 1> : accumulate<kind, 2>;
                accumulate_rows(block.codes + group * fours * 128 + 64 * half,
                                shape.x + first * shape.problem.inputs + group * shape.length, shape.problem.inputs,
                                fours, twice_zero, sums);
                const bool last = shape.grouped || group + 1 == shape.groups;
                const std::int64_t scales = (shape.grouped ? group : 0) * block_outputs + 32 * half;
                for (std::int64_t r = 0; r < rows; ++r) {
                    const __m256i input_sum = _mm256_set1_epi32(shape.sums[(first + r) * shape.groups + group]);
                    const __m256i input_zero = _mm256_set1_epi32(shape.input_zero(first + r));
                    for (int j = 0; j < 4; ++j) {
                        __m256i sum = _mm256_sub_epi32(
                            sums[r][j], _mm256_mullo_epi32(lanes(block.zero + parameters + 8 * j), input_sum));
                        sum = _mm256_mullo_epi32(sum, lanes(block.multiplier + parameters + 8 * j));
                        if (last)
                            sum = _mm256_sub_epi32(
                                sum, _mm256_mullo_epi32(input_zero, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(
                                                                        block.weight_sum + scales + 8 * j))));
                        if (shape.grouped) {
                            float* to = floats[r] + 32 * half + 8 * j;
                            _mm256_store_ps(to, _mm256_fmadd_ps(_mm256_cvtepi32_ps(sum),
                                                                _mm256_loadu_ps(block.scale + scales + 8 * j),
                                                                _mm256_load_ps(to)));
                        } else {
                            auto* to = reinterpret_cast<__m256i*>(totals[r] + 32 * half + 8 * j);
                            _mm256_store_si256(to, _mm256_add_epi32(_mm256_load_si256(to), sum));
                        }
                    }
                }
            }
        for (std::int64_t r = 0; r < rows; ++r) {
            if (shape.grouped)
                output.store_groups(first + r, floats[r]);
            else
                output.store(first + r, totals[r]);
        }
    }
}

void multiply(const RunShape& shape, const WeightBlock& block, std::uint8_t*, const BlockOutput& output) {
    if (shape.kind == CodeKind::int4) return multiply_block<CodeKind::int4>(shape, block, output);
    multiply_block<CodeKind::dint4>(shape, block, output);
}

std::optional<std::string> refuses(const GemmProblem& problem) {
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return "this processor has no AVX2";
    if (auto reason = not_blocked(problem)) return reason;
    if (code_kind(*problem.grid) == CodeKind::int8) return "INT8 codes, whose products do not fit 16 bits";
    return std::nullopt;
}

void run(const GemmProblem& problem, const void* packed, const GemmInput& input, GemmOutput y, void* workspace,
         Stream) {
    run_blocked(problem, packed, input, y, workspace, 0, multiply);
}

} // namespace

const GemmRow avx2_gemm{"integer avx2",          InputLayout::plain,  refuses, blocked_weight_bytes,
                        blocked_workspace_bytes, pack_blocked_weight, run};

} // namespace graticule::cpu
#endif
