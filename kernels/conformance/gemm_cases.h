// Weights and inputs of the integer products' cases: made by rule, the same everywhere.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/api/gemm.h"

namespace graticule::conformance {

struct GemmKind {
    std::string name; ///< "int4 dual64"
    CodeGrid grid;
    GemmGrain grain = GemmGrain::channel;
    std::int64_t group = 0;
};

struct GemmShape {
    std::int64_t outputs = 0, inputs = 0;
    std::vector<std::int64_t> tokens;
    bool quick = false;
};

[[nodiscard]] std::vector<GemmKind> gemm_kinds();
/// Of the weight-only products.
[[nodiscard]] std::vector<GemmKind> weight_only_kinds();
[[nodiscard]] std::vector<GemmShape> gemm_shapes();

struct GemmData {
    std::vector<std::uint8_t> codes;
    std::vector<float> scale, zero, bias;
    std::vector<std::int8_t> group_scale;
};

/// Uses every code; dual grain: |w| <= 127 whatever the code, some group scales negative.
[[nodiscard]] GemmData make_gemm_data(const GemmProblem& problem, std::uint32_t seed);

/// The largest weights of either sign there can be: zero points at both ends of their range and in the middle, codes all
/// the largest, all the smallest, or every one in turn. Scales are small enough for sums near 2^31 to be finite in f16.
[[nodiscard]] GemmData make_extreme_gemm_data(const GemmProblem& problem);
/// Inputs per row of those, whose products nearly fill 32 bits. The CPU's fast rows end at the first.
inline constexpr std::int64_t extreme_inputs[] = {32768, 65536};
/// Tokens that become -128, 127 and both in turn: with a fixed scale of 1, or (`zeros`) with zero points at both ends.
[[nodiscard]] std::vector<float> make_extreme_gemm_inputs(std::int64_t tokens, std::int64_t inputs, bool zeros);

/// Normal-like values with a few columns twenty times larger.
[[nodiscard]] std::vector<float> make_gemm_inputs(std::int64_t tokens, std::int64_t inputs, std::uint32_t seed);

/// Weights whose codes become values again.
struct PackedKind {
    std::string name; ///< "4 bits with specials"
    CodeGrid grid;
    int bits = 8;
};
struct PackedShape {
    std::int64_t rows = 0, columns = 0;
    BlockLayout layout;
};
struct PackedData {
    std::vector<std::uint8_t> codes, packed; ///< a byte each; as in PackedMatrix
    std::vector<float> scale, zero;
};

[[nodiscard]] std::vector<PackedKind> packed_kinds();
[[nodiscard]] std::vector<PackedShape> packed_shapes();
[[nodiscard]] PackedData make_packed_data(const PackedKind& kind, const PackedShape& shape);

} // namespace graticule::conformance
