#include "kernels/api/gemm.h"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>
#include <vector>

#include "kernels/api/hadamard.h"
#include "kernels/api/kernel_error.h"

namespace graticule {
namespace {

[[noreturn]] void reject(const std::string& message) {
    throw KernelError(KernelError::Kind::invalid_argument, message);
}

void need(const void* pointer, const char* what) {
    if (pointer == nullptr) reject(std::string(what) + " of a product needs memory, got a null pointer");
}

constexpr std::array<std::string_view, 3> grain_names{"channel", "group", "dual"};

constexpr std::int64_t largest_sum = (std::int64_t{1} << 31) - 1;

/// Largest |w| there can be.
std::int64_t largest_weight(const GemmProblem& problem) {
    if (problem.grain == GemmGrain::dual) return 127;
    const IntegerCodes codes = integer_codes(*problem.grid);
    const ZeroRange zeros = zero_range(*problem.grid);
    return std::int64_t{codes.factor} * std::max(codes.levels - 1 - zeros.lowest, zeros.highest);
}

} // namespace

std::string_view name_of(InputFront front) {
    constexpr std::array<std::string_view, 4> names{"as they are", "rms norm", "layer norm", "silu times up"};
    return names.at(static_cast<std::size_t>(front));
}

std::string_view name_of(GemmGrain grain) { return grain_names.at(static_cast<std::size_t>(grain)); }

std::int64_t groups_of(const GemmProblem& problem) {
    return problem.grain == GemmGrain::channel ? 1 : problem.inputs / problem.group;
}

IntegerCodes integer_codes(const CodeGrid& grid) {
    const bool specials = grid.special_count != 0;
    return {specials ? 2 : 1, grid.levels, specials};
}

std::string weights_text(const CodeGrid& grid) {
    const auto largest = static_cast<std::uint32_t>(std::max(grid.code_count() - 1, 1));
    return std::string(grid.special_count != 0 ? "dINT" : "INT") + std::to_string(std::bit_width(largest)) + " weights";
}

ZeroRange zero_range(const CodeGrid& grid) {
    if (grid.special_count == 0 && grid.levels <= 16) return {-112, 127};
    return {0, grid.levels - 1};
}

std::optional<std::string> no_integer_product(const GemmProblem& problem) {
    if (problem.grid == nullptr) return "no weight format was given";
    const CodeGrid& grid = *problem.grid;
    if (grid.shape != CodeGrid::Shape::lattice) return "the weight's format is a table of values, not integers";
    if (grid.special_count != 0 && !(grid.special_count == 2 && grid.specials[0] == 0.5F && grid.specials[1] == -0.5F))
        return "the weight's special codes are not +1/2 and -1/2";
    if (grid.levels < 2 || grid.code_count() > 256)
        return "a weight of " + std::to_string(grid.code_count()) + " codes; 2 to 256 are possible";
    if (problem.tokens < 0 || problem.outputs < 1 || problem.inputs < 1)
        return "a product of " + std::to_string(problem.tokens) + " tokens with " + std::to_string(problem.outputs) +
               " x " + std::to_string(problem.inputs) + " weights has no meaning";
    if (problem.grain != GemmGrain::channel && (problem.group < 1 || problem.inputs % problem.group != 0))
        return "groups of " + std::to_string(problem.group) + " do not divide " + std::to_string(problem.inputs) +
               " inputs";
    if (problem.grain == GemmGrain::group && problem.output == ValueType::i32)
        return "groups with float scales have no one integer sum";
    const std::int64_t terms = problem.grain == GemmGrain::group ? problem.group : problem.inputs;
    const std::int64_t input_range = problem.input_zeros ? 255 : 128;
    if (terms > largest_sum / (largest_weight(problem) * input_range))
        return std::to_string(terms) + " products of up to " + std::to_string(largest_weight(problem)) + " x " +
               std::to_string(input_range) + " do not fit a 32-bit sum";
    return std::nullopt;
}

std::optional<std::string> no_fast_product(const GemmProblem& problem) {
    if (auto reason = no_integer_product(problem)) return reason;
    const CodeGrid& grid = *problem.grid;
    const bool known = grid.special_count == 0 ? grid.levels == 16 || grid.levels == 256
                                               : grid.special_count == 2 && grid.levels == 14;
    if (!known) return weights_text(grid) + "; INT4, dINT4 and INT8 are known";
    return std::nullopt;
}

std::optional<std::string> no_weight_only_product(const GemmProblem& problem) {
    if (problem.grid == nullptr) return "no weight format was given";
    if (problem.grid->shape != CodeGrid::Shape::lattice || problem.grid->special_count != 0)
        return "the weight's format is not made of whole steps alone";
    if (problem.grid->levels < 2 || problem.grid->levels > 256)
        return "a weight of " + std::to_string(problem.grid->levels) + " codes; 2 to 256 are possible";
    if (problem.tokens < 0 || problem.outputs < 1 || problem.inputs < 1)
        return "a product of " + std::to_string(problem.tokens) + " tokens with " + std::to_string(problem.outputs) +
               " x " + std::to_string(problem.inputs) + " weights has no meaning";
    if (problem.grain == GemmGrain::dual) return "scales of two levels; float scales per output or group are possible";
    if (problem.grain == GemmGrain::group && (problem.group < 1 || problem.inputs % problem.group != 0))
        return "groups of " + std::to_string(problem.group) + " do not divide " + std::to_string(problem.inputs) +
               " inputs";
    if (problem.output != ValueType::bf16 && problem.output != ValueType::f16)
        return "inputs and outputs of " + std::string(name_of(problem.output)) + "; bf16 and f16 are possible";
    return std::nullopt;
}

namespace {

template <class Row>
const Row* first_that_takes(std::span<const Row> rows, const GemmProblem& problem, std::string& why) {
    std::vector<std::pair<std::string, std::string>> refusals; // names with one reason together
    const Row* found = nullptr;
    for (const Row& row : rows) {
        const std::optional<std::string> reason = row.refuses(problem);
        if (!reason) {
            found = &row;
            break;
        }
        const auto same = std::find_if(refusals.begin(), refusals.end(),
                                       [&](const auto& refusal) { return refusal.second == *reason; });
        if (same == refusals.end())
            refusals.emplace_back(row.name, *reason);
        else
            same->first += ", " + std::string(row.name);
    }
    why.clear();
    for (const auto& [names, reason] : refusals) why += (why.empty() ? "" : "; ") + names + ": " + reason;
    return found;
}

} // namespace

const GemmRow* choose_gemm(const GemmTable& table, const GemmProblem& problem, std::string& why) {
    return first_that_takes(table.rows, problem, why);
}

const WeightOnlyRow* choose_weight_only(const GemmTable& table, const GemmProblem& problem, std::string& why) {
    return first_that_takes(table.weight_only, problem, why);
}

std::size_t quantized_input_bytes(InputLayout layout, std::int64_t tokens, std::int64_t inputs) {
    if (layout == InputLayout::plain) return static_cast<std::size_t>(tokens * inputs);
    return static_cast<std::size_t>((tokens + 7) / 8 * 8 * ((inputs + 127) / 128 * 128));
}

namespace {

void check_weights(const GemmProblem& problem, const GemmWeights& weights, const void* packed) {
    if (weights.codes.rows != problem.outputs || weights.codes.columns != problem.inputs ||
        weights.codes.row_stride < weights.codes.columns)
        reject("the codes are " + std::to_string(weights.codes.rows) + " x " + std::to_string(weights.codes.columns) +
               " (row stride " + std::to_string(weights.codes.row_stride) + "), the product wants " +
               std::to_string(problem.outputs) + " x " + std::to_string(problem.inputs));
    need(weights.codes.data, "the codes");
    need(weights.scale, "the weight's scale");
    need(weights.zero, "the weight's zero point");
    if (problem.grain == GemmGrain::dual) need(weights.group_scale, "the group scale");
    need(packed, "the packed weight");
}

} // namespace

void check_gemm_pack(const GemmProblem& problem, const GemmWeights& weights, const void* packed) {
    if (const auto reason = no_integer_product(problem)) reject("integer product: " + *reason);
    check_weights(problem, weights, packed);
}

void check_weight_only_pack(const GemmProblem& problem, const GemmWeights& weights, const void* packed) {
    if (const auto reason = no_weight_only_product(problem)) reject("weight-only product: " + *reason);
    check_weights(problem, weights, packed);
}

void check_weight_only_expand(const GemmProblem& problem, const void* packed, const void* values) {
    if (const auto reason = no_weight_only_product(problem)) reject("weight-only product: " + *reason);
    need(packed, "the packed weight");
    need(values, "the dense weight");
}

void check_weight_only_run(const GemmProblem& problem, const void* packed, const ValueMatrix& x, GemmOutput y,
                           const void* workspace) {
    if (const auto reason = no_weight_only_product(problem)) reject("weight-only product: " + *reason);
    need(packed, "the packed weight");
    if (problem.tokens == 0) return;
    need(x.data, "the input");
    if (x.type != problem.output || x.rows != problem.tokens || x.columns != problem.inputs || x.row_stride < x.columns)
        reject("the input is " + std::to_string(x.rows) + " x " + std::to_string(x.columns) + " of " +
               std::string(name_of(x.type)) + " (row stride " + std::to_string(x.row_stride) + "), the product wants " +
               std::to_string(problem.tokens) + " x " + std::to_string(problem.inputs) + " of " +
               std::string(name_of(problem.output)));
    need(y.data, "the output");
    if (y.row_stride < problem.outputs)
        reject("a row stride of " + std::to_string(y.row_stride) + " is too short for " +
               std::to_string(problem.outputs) + " outputs");
    need(workspace, "the workspace");
}

void check_gemm_run(const GemmProblem& problem, const void* packed, const GemmInput& input, GemmOutput y,
                    const void* workspace) {
    if (const auto reason = no_integer_product(problem)) reject("integer product: " + *reason);
    need(packed, "the packed weight");
    if (problem.tokens == 0) return;
    need(input.values, "the input");
    need(input.scale, "the input's scale");
    need(input.row_sum, "the input's row sum");
    if (problem.input_zeros) need(input.zero, "the input's zero point");
    need(y.data, "the output");
    if (y.row_stride < problem.outputs)
        reject("a row stride of " + std::to_string(y.row_stride) + " is too short for " +
               std::to_string(problem.outputs) + " outputs");
    need(workspace, "the workspace");
}

std::optional<std::string> no_input_source(const InputSource& source) {
    const ValueMatrix& values = source.values;
    if (source.is_plain()) return std::nullopt;
    if (values.columns > most_made_inputs)
        return std::to_string(values.columns) + " inputs, which do not stay in registers; " +
               std::to_string(most_made_inputs) + " do";
    const bool norm = source.front == InputFront::rms_norm || source.front == InputFront::layer_norm;
    if (norm && values.type != ValueType::f32)
        return "a norm of " + std::string(name_of(values.type)) + " values; hidden states are f32";
    if (source.hadamard < 1 || source.hadamard > largest_hadamard || (source.hadamard & (source.hadamard - 1)) != 0 ||
        values.columns % source.hadamard != 0)
        return "Hadamard blocks of " + std::to_string(source.hadamard) + " for " + std::to_string(values.columns) +
               " inputs; powers of two up to " + std::to_string(largest_hadamard) + " that divide them are possible";
    if (source.through == ValueType::i32) return "inputs that become i32 on the way";
    return std::nullopt;
}

void check_quantize_input(const InputSource& source, const InputRounding& rounding, const QuantizedInput& out) {
    const ValueMatrix& values = source.values;
    if (const auto reason = no_input_source(source)) reject("inputs to quantize: " + *reason);
    if (values.type == ValueType::i32) reject("inputs to quantize are f32, bf16 or f16, not i32");
    if (values.rows < 0 || values.columns < 1 || values.row_stride < values.columns)
        reject("inputs of " + std::to_string(values.rows) + " x " + std::to_string(values.columns) +
               " cannot have a row stride of " + std::to_string(values.row_stride));
    if (!(rounding.options.clip_ratio > 0.0F) || !(rounding.options.clip_ratio <= 2.0F))
        reject("clip ratio " + std::to_string(rounding.options.clip_ratio) + " is outside (0, 2]");
    if (!(rounding.options.epsilon >= 0.0F))
        reject("epsilon " + std::to_string(rounding.options.epsilon) + " must not be negative");
    const bool has_zeros = rounding.fixed_scale != nullptr
                               ? rounding.fixed_zero != nullptr
                               : rounding.options.rule == ScaleRule::asymmetric_through_zero;
    if (has_zeros && out.zero == nullptr)
        reject("inputs rounded with a zero point need memory for it; or use a symmetric rule");
    if (values.rows == 0) return;
    need(values.data, "the values");
    if (source.front == InputFront::rms_norm || source.front == InputFront::layer_norm)
        need(source.weight, "the norm's weight");
    if (source.front == InputFront::silu_product) {
        const ValueMatrix& up = source.up;
        need(up.data, "the second factor");
        if (up.type != values.type || up.rows != values.rows || up.columns != values.columns ||
            up.row_stride < up.columns)
            reject("the two factors of an input are not alike: " + std::to_string(values.rows) + " x " +
                   std::to_string(values.columns) + " and " + std::to_string(up.rows) + " x " +
                   std::to_string(up.columns));
    }
    need(out.values, "the quantized input");
    need(out.scale, "the input's scale");
    need(out.row_sum, "the input's row sum");
}

void check_dequantize_packed(const PackedMatrix& codes, BlockLayout layout, const float* scale, const float* zero,
                             ValueType type, const void* values) {
    if (type == ValueType::i32) reject("weights become f32, bf16 or f16, not i32");
    if (codes.bits != 1 && codes.bits != 2 && codes.bits != 4 && codes.bits != 8)
        reject("codes of " + std::to_string(codes.bits) + " bits do not share bytes evenly; use 1, 2, 4 or 8");
    if (codes.rows < 0 || codes.columns < 1 || layout.rows_per_block < 1 || layout.columns_per_block < 1 ||
        codes.rows % layout.rows_per_block != 0 || codes.columns % layout.columns_per_block != 0)
        reject("blocks of " + std::to_string(layout.rows_per_block) + " x " + std::to_string(layout.columns_per_block) +
               " do not tile " + std::to_string(codes.rows) + " x " + std::to_string(codes.columns) + " codes");
    if (codes.rows == 0) return;
    need(codes.data, "the codes");
    need(scale, "the scales");
    need(zero, "the zero points");
    need(values, "the values");
}

void check_scale_product(ValueType type, const void* y, std::int64_t rows, std::int64_t columns) {
    if (type == ValueType::i32) reject("products to scale are f32, bf16 or f16, not i32");
    if (rows < 0 || columns < 1) reject("a product of " + std::to_string(rows) + " x " + std::to_string(columns));
    if (rows > 0) need(y, "the product");
}

} // namespace graticule
