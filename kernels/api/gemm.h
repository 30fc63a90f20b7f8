// Products y = x W^T with quantized weights: tables of rows, one per kernel (ENGINE.md section 2). Most are integer
// products, whose inputs are quantized as well. A row says in words what it does not take; the first that takes a
// problem runs it. The reference (kernels/cpu/gemm/reference.cpp) takes everything and is the definition; every other
// row gives the same bits.
//
//     std::string why;
//     const GemmRow* row = choose_gemm(cpu_gemms(), problem, why);        // null: `why` says what every row lacks
//     row->pack(problem, weights, packed, stream);                        // once per weight
//     cpu_gemms().quantize_input(values, rounding, row->input_layout, input, stream); // once per site
//     row->run(problem, packed, input, {y, outputs}, workspace, stream);
//
// **Integers.** A weight is w = code - zero; a grid with the specials +-1/2 (dINT, Lee et al. 2023, section 4.2) is
// counted in half steps: w = 2 (code - zero), specials +-1, scales halved. Dual grain (DGQ, Zhang et al. 2023, section
// 3): w = (code - zero) * group_scale with |w| <= 127. Zero points are those of zero_range: up to 16 codes w fits a
// signed byte whatever the grain. Inputs are int8; with an input zero point x stands for (x - zero) * scale. Sums of
// products are exact in 32 bits.
//
// **Numeric contract**, each step rounded once to float32, so that every device gives the same bits:
//     channel, dual:  y = ((float(sum_k w (x - x_zero)) * x_scale) * w_scale) + bias
//     group:          s = 0; for each group in order: s = fma(float(sum of the group), w_scale[group], s);
//                     y = (s * x_scale) + bias
// and then once more to bf16 or f16 where those are asked for. Without a bias nothing is added.
//
// **Weight-only products** (W4A16: bf16 or f16 inputs as they are, 4-bit weights) stand beside them, rows of their own.
// With w = (code - zero), products x w are exact in float32 and nothing of the weight is rounded to 16 bits:
//     channel: y = ((sum_k x w) * w_scale) + bias
//     group:   y = sum over groups of (sum of the group) * w_scale[group] + bias
// Sums are float32 in whatever order suits the device, always the same one, so a row gives the same bits every time on
// one kind of card, and the exact value within weight_only_error. Scales of groups are kept with 16 significant bits
// (kept_scale), which every f16 or bf16 scale has.
//
// All memory is the back end's own and the caller's; kernels never allocate. Errors are KernelError.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "kernels/api/backend.h"
#include "kernels/api/value_type.h"

namespace graticule {

/// Who shares a weight's scale.
enum class GemmGrain : std::uint8_t {
    channel, ///< scale and zero per output
    group,   ///< scale and zero per output and group of inputs; groups are added in float32
    dual,    ///< DGQ: int8 scale and zero per output and group, float scale per output; one integer sum
};

[[nodiscard]] std::string_view name_of(GemmGrain grain);

struct GemmProblem {
    std::int64_t tokens = 0;        ///< rows of x; may be 0 where a weight is packed: packing does not depend on it
    std::int64_t outputs = 0;       ///< rows of W
    std::int64_t inputs = 0;        ///< columns of both
    const CodeGrid* grid = nullptr; ///< of the weight's codes; a lattice, without specials or with +1/2 and -1/2
    GemmGrain grain = GemmGrain::channel;
    std::int64_t group = 0;   ///< inputs per group (group, dual); divides `inputs`
    bool input_zeros = false; ///< whether inputs have zero points
    ValueType output = ValueType::f32;
};

/// Codes and parameters as quantizing leaves them (core's QParams), in the back end's memory.
struct GemmWeights {
    MatrixView<const std::uint8_t> codes;     ///< (outputs, inputs), a byte each
    const float* scale = nullptr;             ///< channel and dual: (outputs); group: (outputs, groups)
    const float* zero = nullptr;              ///< integers in zero_range: channel (outputs), else (outputs, groups)
    const std::int8_t* group_scale = nullptr; ///< dual: (outputs, groups)
    const float* bias = nullptr;              ///< (outputs) or null
};

/// How a row wants the int8 inputs to lie.
enum class InputLayout : std::uint8_t {
    plain, ///< (tokens, inputs), row-major
    /// (inputs / 128, tokens, 128) with both rounded up, to 128 inputs and 8 tokens; the eight 16-byte pieces of a
    /// token's 128 bytes are permuted, piece p lies at place p ^ (token mod 8): a bulk copy of any 8 n tokens is a
    /// shared-memory operand of wgmma as it stands. Inputs past the end are 0, tokens past the end anything.
    tiles,
};

/// Inputs of a product in the back end's memory.
struct GemmInput {
    const std::int8_t* values = nullptr;   ///< in the layout the row asks for
    const float* scale = nullptr;          ///< (tokens)
    const float* zero = nullptr;           ///< (tokens), integers; null without `input_zeros`
    const std::int32_t* row_sum = nullptr; ///< (tokens): sum of the token's values
};

struct GemmOutput {
    void* data = nullptr;        ///< (tokens, outputs) of the problem's output type
    std::int64_t row_stride = 0; ///< in elements
};

struct GemmRow {
    std::string_view name; ///< what results call it: "int reference", "integer wgmma sm_90a"
    InputLayout input_layout = InputLayout::plain;
    /// Why it does not take the problem on this machine, in words; nothing when it does.
    std::optional<std::string> (*refuses)(const GemmProblem& problem) = nullptr;
    std::size_t (*packed_bytes)(const GemmProblem& problem) = nullptr;
    /// Scratch memory of `run`. The first gemm_counter_bytes of it must be zero at the first call; every call leaves
    /// them zero, so that one workspace serves all products of a stream. On a card one stream at a time may have
    /// products, whatever their workspaces: thread blocks of one wait for each other (kernels/cuda/gemm/part_sums.cuh).
    std::size_t (*workspace_bytes)(const GemmProblem& problem) = nullptr;
    /// Codes and parameters into the row's own layout. Reads `weights` on `stream` and keeps nothing of them.
    void (*pack)(const GemmProblem& problem, const GemmWeights& weights, void* packed, Stream stream) = nullptr;
    void (*run)(const GemmProblem& problem, const void* packed, const GemmInput& input, GemmOutput y, void* workspace,
                Stream stream) = nullptr;
};

/// A matrix of floats of any type, (tokens, inputs).
struct ValueMatrix {
    const void* data = nullptr;
    ValueType type = ValueType::f32;
    std::int64_t rows = 0, columns = 0, row_stride = 0;
};

/// A product of 16-bit inputs with codes, grains `channel` and `group`. Inputs have the type of the problem's output,
/// bf16 or f16. Members as in GemmRow; `workspace` likewise.
struct WeightOnlyRow {
    std::string_view name; ///< "w4a16 mma.sync"
    std::optional<std::string> (*refuses)(const GemmProblem& problem) = nullptr;
    std::size_t (*packed_bytes)(const GemmProblem& problem) = nullptr;
    std::size_t (*workspace_bytes)(const GemmProblem& problem) = nullptr;
    void (*pack)(const GemmProblem& problem, const GemmWeights& weights, void* packed, Stream stream) = nullptr;
    void (*run)(const GemmProblem& problem, const void* packed, const ValueMatrix& x, GemmOutput y, void* workspace,
                Stream stream) = nullptr;
    /// The weight (outputs, inputs), dense, of the problem's type: (code - zero) * scale, rounded once to float32 and
    /// once to the type. From `dense_tokens` on this and a dense product take less time than `run`.
    void (*expand)(const GemmProblem& problem, const void* packed, void* values, Stream stream) = nullptr;
    std::int64_t dense_tokens = 0;
};

/// Counters, and behind their 64 KiB room for sums that wait for others (products of few tokens on a card).
inline constexpr std::size_t gemm_counter_bytes = std::size_t{65} << 16;
/// Alignment of `packed`, `workspace` and tiled inputs.
inline constexpr std::size_t gemm_alignment = 256;

/// What values go through before they are quantized, in the same read: kernels/api/input_fronts.h.
enum class InputFront : std::uint8_t { none, rms_norm, layer_norm, silu_product };

[[nodiscard]] std::string_view name_of(InputFront front);

/// Inputs on their way to int8: the values' front, rounded to `through`, then their Hadamard transform in blocks
/// (Backend::hadamard), rounded to `through` again; what is quantized is what separate operations on tensors of that
/// type would hand on. Most sources are values alone, of one type all the way.
struct InputSource {
    ValueMatrix values; ///< float32 where a norm is the front
    InputFront front = InputFront::none;
    const float* weight = nullptr; ///< (inputs), of a norm
    const float* bias = nullptr;   ///< (inputs) or null, of a layer norm
    float epsilon = 0;             ///< of a norm
    ValueMatrix up = {};           ///< silu(values) * up; of the values' type, which silu(values) is rounded to
    std::int64_t hadamard = 1;     ///< inputs of a block: a power of two, at most 256, that divides them
    ValueType through = ValueType::f32;

    [[nodiscard]] bool is_plain() const { return front == InputFront::none && hadamard == 1; }
};
/// A row of that many inputs stays in registers from its front to its codes.
inline constexpr std::int64_t most_made_inputs = 28672;
/// What no quantization can make inputs of.
[[nodiscard]] std::optional<std::string> no_input_source(const InputSource& source);

/// How inputs become int8. Codes and scales are those of Backend::fake_quantize_dynamic (or fake_quantize, where the
/// scale is fixed) with the INT8 grid and one scale per token, bit for bit; stored is code - 128. Without `zero` in the
/// output the rule must be a symmetric one, whose code of 0 is 128.
struct InputRounding {
    ScaleOptions options;
    const float* fixed_scale = nullptr; ///< one number in the back end's memory; null: found per token by `options`
    const float* fixed_zero = nullptr;  ///< with fixed_scale: the code of 0 among 0 ... 255; null: 128
};

struct QuantizedInput {
    std::int8_t* values = nullptr;
    float* scale = nullptr;          ///< (tokens)
    float* zero = nullptr;           ///< (tokens) or null
    std::int32_t* row_sum = nullptr; ///< (tokens)
};

/// Bytes of the values of `tokens` x `inputs` in a layout.
[[nodiscard]] std::size_t quantized_input_bytes(InputLayout layout, std::int64_t tokens, std::int64_t inputs);

/// Where the value of a token and input lies.
[[nodiscard]] constexpr std::int64_t place_in_layout(InputLayout layout, std::int64_t tokens, std::int64_t inputs,
                                                     std::int64_t token, std::int64_t input) {
    if (layout == InputLayout::plain) return token * inputs + input;
    const std::int64_t padded_tokens = (tokens + 7) / 8 * 8;
    const std::int64_t piece = (input % 128 / 16) ^ (token % 8);
    return ((input / 128) * padded_tokens + token) * 128 + piece * 16 + input % 16;
}

/// A weight's codes as they are kept: fields of `bits` bits, lowest bits first, each row beginning on a byte.
struct PackedMatrix {
    const std::uint8_t* data = nullptr;
    std::int64_t rows = 0, columns = 0;
    int bits = 8; ///< 1, 2, 4 or 8

    [[nodiscard]] std::int64_t row_bytes() const { return (columns * bits + 7) / 8; }
};

/// Null: without.
struct ProductScales {
    const float* row = nullptr;    ///< (rows): one per token
    const float* column = nullptr; ///< (columns): one per output
    const float* bias = nullptr;   ///< (columns)
};

/// The products of one kind of device, and what prepares both operands: the quantization of inputs in one read of the
/// values, with what makes the values of others, and, for products that are no integer ones, weights in the type of the
/// product in one read of their codes.
struct GemmTable {
    std::span<const GemmRow> rows;              ///< the fastest first
    std::span<const WeightOnlyRow> weight_only; ///< likewise
    void (*quantize_input)(const InputSource& source, const InputRounding& rounding, InputLayout layout,
                           const QuantizedInput& out, Stream stream) = nullptr;
    /// values (rows, columns), dense: what Backend::dequantize gives, rounded once more to bf16 or f16 where that is
    /// the type. Parameters as there.
    void (*dequantize)(const PackedMatrix& codes, BlockLayout layout, const CodeGrid& grid, const float* scale,
                       const float* zero, ValueType type, void* values, Stream stream) = nullptr;
    /// What a product of unscaled operands lacks, in place: y = (y * row_scale) * column_scale + bias in float32, each
    /// step rounded once, and then once to y's type. `y` dense.
    void (*scale_product)(const ProductScales& scales, ValueType type, void* y, std::int64_t rows, std::int64_t columns,
                          Stream stream) = nullptr;
};

[[nodiscard]] const GemmTable& cpu_gemms();
/// Null when there is no CUDA back end (see cuda_backend) or its module has no rows.
[[nodiscard]] const GemmTable* cuda_gemms();

/// The first row that takes the problem, or null; `why` holds the reasons of all that were asked before.
[[nodiscard]] const GemmRow* choose_gemm(const GemmTable& table, const GemmProblem& problem, std::string& why);

/// Likewise of the weight-only rows.
[[nodiscard]] const WeightOnlyRow* choose_weight_only(const GemmTable& table, const GemmProblem& problem,
                                                      std::string& why);

/// How far y may be from the exact value before it is rounded to its type, over sum_k |x w scale| + |bias|: one
/// rounding of a partial sum per 16 inputs (what a tensor core adds at once, cutting off below 2^-23), and the last
/// steps.
[[nodiscard]] constexpr double weight_only_error(std::int64_t inputs) {
    return (static_cast<double>(inputs) / 16 + 8) * 0x1p-22;
}
/// A group's scale as weight-only rows keep it: rounded to 16 significant bits, ties to even.
[[nodiscard]] constexpr float kept_scale(float scale) {
    const auto bits = std::bit_cast<std::uint32_t>(scale);
    return std::bit_cast<float>((bits + 0x7FU + ((bits >> 8) & 1U)) & 0xFFFFFF00U);
}

// -- for rows ---------------------------------------------------------------------------------------------------------

/// What no row can take: shapes, grids that are no integers, sums beyond 32 bits.
[[nodiscard]] std::optional<std::string> no_integer_product(const GemmProblem& problem);

/// What no weight-only row can take.
[[nodiscard]] std::optional<std::string> no_weight_only_product(const GemmProblem& problem);

/// "INT3 weights", "dINT8 weights": for reasons.
[[nodiscard]] std::string weights_text(const CodeGrid& grid);

/// What a grid's codes are as integers: w = factor * (code - zero), specials +1 and -1.
struct IntegerCodes {
    std::int32_t factor = 1; ///< 2 with specials: half steps
    std::int32_t levels = 0; ///< codes below it are lattice points
    bool specials = false;   ///< codes levels and levels + 1 are +1 and -1
    [[nodiscard]] constexpr std::int32_t value(std::int32_t code, std::int32_t zero) const {
        return specials && code >= levels ? (code == levels ? 1 : -1) : factor * (code - zero);
    }
    [[nodiscard]] constexpr float scale(float step) const { return specials ? 0.5F * step : step; }
};
[[nodiscard]] IntegerCodes integer_codes(const CodeGrid& grid);

/// The codes that rows other than the reference know.
enum class CodeKind : std::uint8_t { int4, dint4, int8 };
/// Of one of these grids.
[[nodiscard]] constexpr CodeKind code_kind(const CodeGrid& grid) {
    return grid.special_count != 0 ? CodeKind::dint4 : grid.levels == 16 ? CodeKind::int4 : CodeKind::int8;
}
/// What no such row can take: no_integer_product, or other codes, in words.
[[nodiscard]] std::optional<std::string> no_fast_product(const GemmProblem& problem);

/// The zero points that a weight of these codes may have. Rows do not look at them: packing reads them where they lie.
struct ZeroRange {
    std::int32_t lowest = 0, highest = 0;
};
/// -112 ... 127 for lattices of up to 16 codes, so that code - zero is at most 127 either way (DGQ's zero points may
/// lie outside the codes); one of the lattice's codes for all others.
[[nodiscard]] ZeroRange zero_range(const CodeGrid& grid);

/// Throw KernelError{invalid_argument} that names the missing or wrong argument; rows call them first.
void check_gemm_pack(const GemmProblem& problem, const GemmWeights& weights, const void* packed);
void check_gemm_run(const GemmProblem& problem, const void* packed, const GemmInput& input, GemmOutput y,
                    const void* workspace);
void check_weight_only_run(const GemmProblem& problem, const void* packed, const ValueMatrix& x, GemmOutput y,
                           const void* workspace);
void check_weight_only_expand(const GemmProblem& problem, const void* packed, const void* values);
void check_weight_only_pack(const GemmProblem& problem, const GemmWeights& weights, const void* packed);
void check_quantize_input(const InputSource& source, const InputRounding& rounding, const QuantizedInput& out);
void check_dequantize_packed(const PackedMatrix& codes, BlockLayout layout, const float* scale, const float* zero,
                             ValueType type, const void* values);
void check_scale_product(ValueType type, const void* y, std::int64_t rows, std::int64_t columns);

/// Groups of a row's inputs that share parameters: 1 for `channel`.
[[nodiscard]] std::int64_t groups_of(const GemmProblem& problem);

} // namespace graticule
