#include "kernels/conformance/gemm_conformance.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <memory>
#include <numeric>

#include "kernels/api/backends.h"
#include "kernels/api/half.h"
#include "kernels/api/kernel_error.h"
#include "kernels/conformance/gemm_cases.h"
#include "kernels/conformance/guarded.h"

namespace graticule {
namespace conformance {
namespace {

/// Which element differs first, or nothing.
template <class T>
std::string first_difference(const std::vector<T>& got, const std::vector<T>& expected, std::string_view what) {
    if (got == expected) return {};
    const auto at = std::mismatch(got.begin(), got.end(), expected.begin(), expected.end()).first - got.begin();
    const auto differing = std::inner_product(got.begin(), got.end(), expected.begin(), std::int64_t{0}, std::plus<>(),
                                              [](T a, T b) { return a != b ? 1 : 0; });
    return std::to_string(differing) + " of " + std::to_string(got.size()) + " bit patterns of " + std::string(what) +
           " differ, first element " + std::to_string(at) + ": " + std::to_string(got[static_cast<std::size_t>(at)]) +
           " instead of " + std::to_string(expected[static_cast<std::size_t>(at)]);
}

/// Memory of a back end, aligned as rows ask for.
class Buffer {
public:
    Buffer(DeviceMemory& memory, std::size_t bytes)
        : memory_(memory)
        , start_(memory.allocate(bytes + gemm_alignment)) {
        const auto address = reinterpret_cast<std::uintptr_t>(start_);
        aligned_ = reinterpret_cast<void*>((address + gemm_alignment - 1) / gemm_alignment * gemm_alignment);
    }
    template <class T>
    Buffer(DeviceMemory& memory, const std::vector<T>& values)
        : Buffer(memory, values.size() * sizeof(T)) {
        memory.to_device(aligned_, values.data(), values.size() * sizeof(T));
    }
    ~Buffer() { memory_.release(start_); }
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;
    template <class T>
    [[nodiscard]] T* as() const {
        return static_cast<T*>(aligned_);
    }

private:
    DeviceMemory& memory_;
    void* start_;
    void* aligned_ = nullptr;
};

/// A weight, packed by one row of either table.
template <class Row>
std::unique_ptr<Buffer> packed_by(const Row& row, const GemmProblem& problem, const GemmData& data, bool bias,
                                  DeviceMemory& memory) {
    std::unique_ptr<Buffer> packed = std::make_unique<Buffer>(memory, row.packed_bytes(problem));
    const Buffer codes(memory, data.codes), scale(memory, data.scale), zero(memory, data.zero);
    const Buffer group_scale(memory, data.group_scale), bias_values(memory, data.bias);
    GemmWeights weights;
    weights.codes = {codes.as<std::uint8_t>(), problem.outputs, problem.inputs};
    weights.scale = scale.as<float>();
    weights.zero = zero.as<float>();
    weights.group_scale = problem.grain == GemmGrain::dual ? group_scale.as<std::int8_t>() : nullptr;
    weights.bias = bias ? bias_values.as<float>() : nullptr;
    row.pack(problem, weights, packed->as<void>(), {});
    std::uint8_t done = 0;
    memory.to_host(&done, codes.as<std::uint8_t>(), 1); // the codes must live until the queue has read them
    return packed;
}

/// Inputs as one back end's memory holds them in one layout.
struct Inputs {
    Inputs(DeviceMemory& memory, InputLayout layout, std::int64_t tokens, std::int64_t inputs)
        : values(memory, quantized_input_bytes(layout, tokens, inputs))
        , scale(memory, static_cast<std::size_t>(tokens) * 4)
        , zero(memory, static_cast<std::size_t>(tokens) * 4)
        , row_sum(memory, static_cast<std::size_t>(tokens) * 4) {}
    [[nodiscard]] QuantizedInput out() const {
        return {values.as<std::int8_t>(), scale.as<float>(), zero.as<float>(), row_sum.as<std::int32_t>()};
    }
    [[nodiscard]] GemmInput view() const {
        return {values.as<std::int8_t>(), scale.as<float>(), zero.as<float>(), row_sum.as<std::int32_t>()};
    }
    /// Values token by token in their order, then scales, zero points (where there are any) and row sums, as bytes.
    [[nodiscard]] std::vector<std::int8_t> read(DeviceMemory& memory, InputLayout layout, std::int64_t tokens,
                                                std::int64_t inputs, bool zeros) const {
        std::vector<std::int8_t> stored(quantized_input_bytes(layout, tokens, inputs)), result;
        memory.to_host(stored.data(), values.as<void>(), stored.size());
        const std::int64_t padded = layout == InputLayout::plain ? inputs : (inputs + 127) / 128 * 128;
        for (std::int64_t token = 0; token < tokens; ++token)
            for (std::int64_t i = 0; i < padded; ++i)
                result.push_back(stored[static_cast<std::size_t>(place_in_layout(layout, tokens, inputs, token, i))]);
        for (const Buffer* numbers : {&scale, &row_sum, &zero}) {
            if (numbers == &zero && !zeros) continue;
            std::vector<std::int8_t> bytes(static_cast<std::size_t>(tokens) * 4);
            memory.to_host(bytes.data(), numbers->as<void>(), bytes.size());
            result.insert(result.end(), bytes.begin(), bytes.end());
        }
        return result;
    }
    Buffer values, scale, zero, row_sum;
};

InputRounding rounding_of(bool zeros) {
    InputRounding rounding;
    rounding.options = {zeros ? ScaleRule::asymmetric_through_zero : ScaleRule::symmetric_absmax, 1.0F, 1e-5F};
    return rounding;
}

/// y of one row as bytes, and damage to what lies around it.
template <class T>
std::vector<T> product(const GemmRow& row, const GemmProblem& problem, const void* packed, const GemmInput& input,
                       const Buffer& workspace, DeviceMemory& memory, std::int64_t stride, std::string& damage) {
    GuardedArray<T> y(memory, problem.tokens, problem.outputs, stride, 0);
    row.run(problem, packed, input, {y.data(), stride}, workspace.as<void>(), {});
    std::vector<T> values = y.read();
    damage = y.guard_damage();
    return values;
}

/// What the reference gives, as bit patterns of the output's type. The 16-bit types are its float32 rounded.
struct Expected {
    std::vector<std::int32_t> sums; ///< empty for `group`
    std::vector<std::int32_t> floats;
    std::vector<std::uint16_t> bf16, f16;

    Expected(GemmProblem problem, const void* packed, const GemmInput& input) {
        const GemmRow& reference = cpu_gemms().rows.back();
        const Buffer workspace(host_memory(), reference.workspace_bytes(problem));
        std::string unused;
        problem.output = ValueType::f32;
        floats =
            product<std::int32_t>(reference, problem, packed, input, workspace, host_memory(), problem.outputs, unused);
        for (const std::int32_t bits : floats) {
            bf16.push_back(float_to_bf16(std::bit_cast<float>(bits)));
            f16.push_back(float_to_f16(std::bit_cast<float>(bits)));
        }
        if (problem.grain == GemmGrain::group) return;
        problem.output = ValueType::i32;
        sums =
            product<std::int32_t>(reference, problem, packed, input, workspace, host_memory(), problem.outputs, unused);
    }
};

std::string compare_products(const GemmRow& row, const GemmProblem& problem, const void* packed, const GemmInput& input,
                             const Expected& expected, const Buffer& workspace, DeviceMemory& memory) {
    const std::int64_t stride = problem.tokens % 2 == 0 ? problem.outputs : problem.outputs + 8;
    std::string damage, difference;
    if (bytes_of(problem.output) == 4)
        difference = first_difference(
            product<std::int32_t>(row, problem, packed, input, workspace, memory, stride, damage),
            problem.output == ValueType::i32 ? expected.sums : expected.floats, name_of(problem.output));
    else
        difference =
            first_difference(product<std::uint16_t>(row, problem, packed, input, workspace, memory, stride, damage),
                             problem.output == ValueType::bf16 ? expected.bf16 : expected.f16, name_of(problem.output));
    return difference.empty() ? damage : difference;
}

struct Totals {
    std::vector<ConformanceResult>& rows;
    const std::function<void()>& after_case;
    void add(const std::string& operation, const std::string& format, const std::string& case_name,
             const std::string& failure) const {
        auto row = std::find_if(rows.begin(), rows.end(), [&](const ConformanceResult& r) {
            return r.operation == operation && r.format == format;
        });
        if (row == rows.end()) row = rows.insert(rows.end(), ConformanceResult{operation, format, 0, 0, {}});
        ++row->cases;
        if (!failure.empty()) {
            ++row->failures;
            if (row->first_failure.empty()) row->first_failure = case_name + ": " + failure;
        }
        if (after_case) after_case();
    }
};

constexpr ValueType outputs_of_cases[] = {ValueType::i32, ValueType::f32, ValueType::bf16, ValueType::f16};

/// What a case's weights and inputs are.
enum class Numbers { ordinary, extreme };

/// One weight through one row, with every number of tokens and every output type.
void run_row(const GemmRow& row, const GemmTable& subject, DeviceMemory& memory, const GemmKind& kind,
             const GemmShape& shape, bool zeros, Numbers numbers, const Totals& totals) {
    GemmProblem problem{0, shape.outputs, shape.inputs, &kind.grid, kind.grain, kind.group, zeros, ValueType::f32};
    if (no_integer_product(problem) || row.refuses(problem)) return;
    const GemmTable& reference_table = cpu_gemms();
    const GemmRow& reference = reference_table.rows.back();
    const bool extreme = numbers == Numbers::extreme;
    const GemmData data = extreme ? make_extreme_gemm_data(problem)
                                  : make_gemm_data(problem, static_cast<std::uint32_t>(shape.outputs + shape.inputs));
    const std::vector<float> one{1.0F};
    const Buffer subject_one(memory, one);
    const auto rounding = [&](const float* scale_of_one) {
        InputRounding result = rounding_of(zeros);
        if (extreme && !zeros) result.fixed_scale = scale_of_one;
        return result;
    };
    const bool bias = shape.outputs % 3 != 0;
    const auto packed = packed_by(row, problem, data, bias, memory);
    const auto reference_packed = packed_by(reference, problem, data, bias, host_memory());
    for (const std::int64_t tokens : shape.tokens) {
        problem.tokens = tokens;
        const std::vector<float> x = extreme
                                         ? make_extreme_gemm_inputs(tokens, shape.inputs, zeros)
                                         : make_gemm_inputs(tokens, shape.inputs, static_cast<std::uint32_t>(tokens));
        const Buffer subject_x(memory, x);
        const Inputs inputs(memory, row.input_layout, tokens, shape.inputs);
        const Inputs reference_inputs(host_memory(), InputLayout::plain, tokens, shape.inputs);
        subject.quantize_input({subject_x.as<float>(), ValueType::f32, tokens, shape.inputs, shape.inputs},
                               rounding(subject_one.as<float>()), row.input_layout, inputs.out(), {});
        reference_table.quantize_input({x.data(), ValueType::f32, tokens, shape.inputs, shape.inputs},
                                       rounding(one.data()), InputLayout::plain, reference_inputs.out(), {});
        const Expected expected(problem, reference_packed->as<void>(), reference_inputs.view());
        for (const ValueType output : outputs_of_cases) {
            problem.output = output;
            if (row.refuses(problem)) continue;
            const std::size_t workspace_bytes = std::max(row.workspace_bytes(problem), gemm_counter_bytes);
            const Buffer workspace(memory, std::vector<std::uint8_t>(workspace_bytes));
            std::string failure;
            for (int repeat = 0; repeat < 2 && failure.empty(); ++repeat) // the second call meets the first's counters
                failure =
                    compare_products(row, problem, packed->as<void>(), inputs.view(), expected, workspace, memory);
            std::vector<std::uint8_t> counters(gemm_counter_bytes);
            memory.to_host(counters.data(), workspace.as<void>(), counters.size());
            if (failure.empty() && std::any_of(counters.begin(), counters.end(), [](auto byte) { return byte != 0; }))
                failure = "left the workspace's counters other than zero";
            totals.add(std::string(row.name), kind.name,
                       std::to_string(tokens) + " x " + std::to_string(shape.outputs) + " x " +
                           std::to_string(shape.inputs) + (extreme ? ", extremes" : "") +
                           (zeros ? " with input zeros, " : ", ") + std::string(name_of(output)),
                       failure);
        }
    }
}

/// What a weight-only product is exactly, one output of one token at a time.
struct ExactProduct {
    double value = 0, magnitude = 0; ///< sum + bias, and what weight_only_error is relative to

    ExactProduct(const GemmProblem& problem, const GemmData& data, bool bias, const float* x, std::int64_t output) {
        const std::int64_t groups = groups_of(problem), length = problem.inputs / groups;
        if (bias) value = double{data.bias[std::size_t(output)]};
        magnitude = std::fabs(value);
        for (std::int64_t group = 0; group < groups; ++group) {
            const auto at = static_cast<std::size_t>(output * groups + group);
            const float scale = problem.grain == GemmGrain::group ? kept_scale(data.scale[at]) : data.scale[at];
            double sum = 0, absolute = 0;
            for (std::int64_t i = group * length; i < (group + 1) * length; ++i) {
                const auto code = static_cast<float>(data.codes[std::size_t(output * problem.inputs + i)]);
                const double product = double{x[i]} * double{code - data.zero[at]};
                sum += product;
                absolute += std::fabs(product);
            }
            value += sum * double{scale};
            magnitude += absolute * double{scale};
        }
    }
};

/// Of large products a selection that has every token and every output.
bool is_checked(const GemmProblem& problem, std::int64_t token, std::int64_t output) {
    return problem.tokens * problem.outputs * problem.inputs < 4'000'000 || token % 67 == 0 ||
           token == problem.tokens - 1 || output % 91 == 5;
}

/// The dense weight of a weight-only row, bit for bit.
std::string compare_expanded(const WeightOnlyRow& row, const GemmProblem& problem, const void* packed,
                             const GemmData& data, DeviceMemory& memory) {
    GuardedArray<std::uint16_t> dense(memory, problem.outputs, problem.inputs, problem.inputs, 0);
    row.expand(problem, packed, dense.data(), {});
    const std::vector<std::uint16_t> got = dense.read();
    std::vector<std::uint16_t> expected;
    const std::int64_t groups = groups_of(problem), length = problem.inputs / groups;
    for (std::int64_t output = 0; output < problem.outputs; ++output)
        for (std::int64_t i = 0; i < problem.inputs; ++i) {
            const auto at = static_cast<std::size_t>(output * groups + i / length);
            const float scale = problem.grain == GemmGrain::group ? kept_scale(data.scale[at]) : data.scale[at];
            const auto code = static_cast<float>(data.codes[std::size_t(output * problem.inputs + i)]);
            const float value = (code - data.zero[at]) * scale;
            expected.push_back(problem.output == ValueType::bf16 ? float_to_bf16(value) : float_to_f16(value));
        }
    const std::string damage = dense.guard_damage();
    return damage.empty() ? first_difference(got, expected, "the dense weight") : damage;
}

/// A weight-only row against float64 sums, twice with the same bits.
void run_weight_only(const WeightOnlyRow& row, DeviceMemory& memory, const GemmKind& kind, const GemmShape& shape,
                     const Totals& totals) {
    for (const ValueType type : {ValueType::bf16, ValueType::f16}) {
        GemmProblem problem{0, shape.outputs, shape.inputs, &kind.grid, kind.grain, kind.group, false, type};
        if (no_weight_only_product(problem) || row.refuses(problem)) continue;
        const auto to_half = type == ValueType::bf16 ? float_to_bf16 : float_to_f16;
        const auto to_float = type == ValueType::bf16 ? bf16_to_float : f16_to_float;
        const GemmData data = make_gemm_data(problem, static_cast<std::uint32_t>(shape.outputs + shape.inputs));
        const bool bias = shape.outputs % 3 != 0;
        const auto packed = packed_by(row, problem, data, bias, memory);
        totals.add(std::string(row.name), kind.name,
                   "dense " + std::to_string(shape.outputs) + " x " + std::to_string(shape.inputs) + ", " +
                       std::string(name_of(type)),
                   compare_expanded(row, problem, packed->as<void>(), data, memory));
        for (const std::int64_t tokens : shape.tokens) {
            problem.tokens = tokens;
            std::vector<float> x = make_gemm_inputs(tokens, shape.inputs, static_cast<std::uint32_t>(tokens));
            const std::int64_t x_stride = tokens % 2 == 0 ? shape.inputs : shape.inputs + 8;
            std::vector<std::uint16_t> halves(static_cast<std::size_t>(tokens * x_stride), 0x7F80); // between rows: inf
            for (std::size_t i = 0; i < x.size(); ++i) {
                const std::size_t row_of = i / std::size_t(shape.inputs);
                const std::uint16_t half = to_half(x[i]);
                halves[row_of * std::size_t(x_stride) + i % std::size_t(shape.inputs)] = half;
                x[i] = to_float(half);
            }
            const Buffer on_x(memory, halves);
            const Buffer workspace(memory, std::vector<std::uint8_t>(row.workspace_bytes(problem)));
            const std::int64_t stride = tokens % 2 == 0 ? problem.outputs + 8 : problem.outputs;
            std::string failure;
            std::vector<std::uint16_t> first;
            for (int repeat = 0; repeat < 2 && failure.empty(); ++repeat) {
                GuardedArray<std::uint16_t> y(memory, tokens, problem.outputs, stride, 0);
                row.run(problem, packed->as<void>(), {on_x.as<void>(), type, tokens, shape.inputs, x_stride},
                        {y.data(), stride}, workspace.as<void>(), {});
                const std::vector<std::uint16_t> values = y.read();
                failure = y.guard_damage();
                if (repeat == 0)
                    first = values;
                else if (failure.empty())
                    failure = first_difference(values, first, "a second run");
            }
            for (std::size_t i = 0; i < first.size() && failure.empty(); ++i) {
                const auto token = static_cast<std::int64_t>(i) / problem.outputs;
                const auto output = static_cast<std::int64_t>(i) % problem.outputs;
                if (!is_checked(problem, token, output)) continue;
                const ExactProduct exact(problem, data, bias, x.data() + token * problem.inputs, output);
                const double error = weight_only_error(shape.inputs) * exact.magnitude;
                const float low = to_float(to_half(static_cast<float>(exact.value - error)));
                const float high = to_float(to_half(static_cast<float>(exact.value + error)));
                const float got = to_float(first[i]);
                if (!(got >= low && got <= high))
                    failure = "output " + std::to_string(output) + " of token " + std::to_string(token) + " is " +
                              std::to_string(got) + ", outside " + std::to_string(low) + " ... " + std::to_string(high);
            }
            std::vector<std::uint8_t> counters(gemm_counter_bytes);
            memory.to_host(counters.data(), workspace.as<void>(), counters.size());
            if (failure.empty() && std::any_of(counters.begin(), counters.end(), [](auto byte) { return byte != 0; }))
                failure = "left the workspace's counters other than zero";
            totals.add(std::string(row.name), kind.name,
                       std::to_string(tokens) + " x " + std::to_string(shape.outputs) + " x " +
                           std::to_string(shape.inputs) + ", " + std::string(name_of(type)),
                       failure);
        }
    }
}

/// Tokens that ask most of quantization: zeros; NaN and infinities among others; values so small, or so large, that
/// quotients lose places; multiples of half a step. A row each, as far as there are rows.
void put_awkward_tokens(std::vector<float>& x, std::int64_t stride) {
    const auto rewrite = [&](std::size_t token, const auto& value_of) {
        for (std::size_t i = 0; i < std::size_t(stride); ++i) {
            const std::size_t at = token * std::size_t(stride) + i;
            if (at < x.size()) x[at] = value_of(x[at], i);
        }
    };
    constexpr float infinity = std::numeric_limits<float>::infinity();
    rewrite(1, [](float, std::size_t) { return 0.0F; });
    rewrite(3, [](float value, std::size_t i) {
        return i % 19 == 7   ? std::numeric_limits<float>::quiet_NaN()
               : i % 23 == 2 ? infinity
               : i % 29 == 3 ? -infinity
                             : value;
    });
    rewrite(4, [](float value, std::size_t) { return value * 1e-37F; });
    rewrite(5, [](float value, std::size_t) { return value * 1e37F; });
    rewrite(6, [](float, std::size_t i) { return 0.5F * static_cast<float>(static_cast<int>(i * 7 % 509) - 254); });
    rewrite(7, [](float value, std::size_t i) { return i == 40 ? std::numeric_limits<float>::quiet_NaN() : value; });
    rewrite(8, [](float, std::size_t i) { return 0.25F * static_cast<float>(i * 5 % 511); }); // nothing below zero
}

/// `zeros`: whether there is memory for zero points; a symmetric rule can do without.
std::string compare_inputs(const GemmTable& subject, DeviceMemory& memory, ValueType type, InputLayout layout,
                           const InputRounding& rule, bool zeros, std::int64_t tokens, std::int64_t columns,
                           std::int64_t stride) {
    std::vector<float> x = make_gemm_inputs(tokens, stride, 5);
    put_awkward_tokens(x, stride);
    std::vector<std::uint16_t> halves;
    for (const float value : x) halves.push_back(type == ValueType::f16 ? float_to_f16(value) : float_to_bf16(value));
    const Buffer subject_x = type == ValueType::f32 ? Buffer(memory, x) : Buffer(memory, halves);
    const void* host_x = type == ValueType::f32 ? static_cast<const void*>(x.data()) : halves.data();
    const std::size_t bytes = quantized_input_bytes(layout, tokens, columns);
    const auto run = [&](const GemmTable& table, DeviceMemory& at, const void* data, InputRounding rounding) {
        const Inputs inputs(at, layout, tokens, columns);
        const std::vector<std::int8_t> unset(bytes, 99); // tokens past the end are nobody's
        at.to_device(inputs.values.as<void>(), unset.data(), bytes);
        const float fixed[2] = {0.031F, 117.0F};
        const Buffer parameters(at, std::vector<float>(fixed, fixed + 2));
        if (rounding.fixed_scale != nullptr) {
            rounding.fixed_scale = parameters.as<float>();
            if (rounding.fixed_zero != nullptr) rounding.fixed_zero = parameters.as<float>() + 1;
        }
        QuantizedInput out = inputs.out();
        if (!zeros) out.zero = nullptr;
        table.quantize_input({data, type, tokens, columns, stride}, rounding, layout, out, {});
        return inputs.read(at, layout, tokens, columns, zeros);
    };
    return first_difference(run(subject, memory, subject_x.as<void>(), rule),
                            run(cpu_gemms(), host_memory(), host_x, rule), "values, scales, zero points and row sums");
}

void run_input_cases(const GemmTable& subject, DeviceMemory& memory, bool quick, const Totals& totals) {
    struct Rule {
        const char* name;
        InputRounding rounding;
        bool zeros;
    };
    const float present = 0; // compare_inputs puts the back end's own numbers in its place
    const Rule rules[] = {{"absmax", rounding_of(false), true},
                          {"through zero", rounding_of(true), true},
                          {"clipped", {{ScaleRule::symmetric_absmax, 0.7F, 0.0F}, nullptr, nullptr}, false},
                          {"fixed", {{}, &present, nullptr}, false},
                          {"fixed with a zero point", {{}, &present, &present}, true}};
    struct Shape {
        std::int64_t tokens, columns, stride;
    };
    const Shape shapes[] = {{1, 128, 128},     {3, 200, 208},   {9, 96, 96},       {33, 4096, 4096},
                            {5, 11008, 11008}, {300, 512, 520}, {150, 9000, 9000}, {9, 40000, 40000}};
    for (const Shape& shape : shapes) {
        if (quick && shape.tokens * shape.columns > 10000) continue;
        for (const ValueType type : {ValueType::f32, ValueType::bf16, ValueType::f16})
            for (const InputLayout layout : {InputLayout::plain, InputLayout::tiles})
                for (const Rule& rule : rules)
                    totals.add("quantize_input", std::string(name_of(type)),
                               std::to_string(shape.tokens) + " x " + std::to_string(shape.columns) + ", " +
                                   (layout == InputLayout::plain ? "plain, " : "tiles, ") + rule.name,
                               compare_inputs(subject, memory, type, layout, rule.rounding, rule.zeros, shape.tokens,
                                              shape.columns, shape.stride));
    }
}

/// An input that is made on the way (input_fronts.h), against the CPU's.
struct MadeCase {
    InputFront front;
    std::int64_t hadamard;
    ValueType type, through;
};

std::string compare_made_inputs(const GemmTable& subject, DeviceMemory& memory, const MadeCase& made, bool zeros,
                                InputLayout layout, std::int64_t tokens, std::int64_t columns, std::int64_t stride) {
    const auto in_type = [&](const std::vector<float>& values) {
        std::vector<std::uint8_t> bytes;
        for (const float value : values) {
            const std::uint32_t bits = made.type == ValueType::f32    ? std::bit_cast<std::uint32_t>(value)
                                       : made.type == ValueType::bf16 ? float_to_bf16(value)
                                                                      : float_to_f16(value);
            for (std::int64_t i = 0; i < bytes_of(made.type); ++i)
                bytes.push_back(static_cast<std::uint8_t>(bits >> (8 * i)));
        }
        return bytes;
    };
    std::vector<float> x = make_gemm_inputs(tokens, stride, 31);
    if (tokens > 2) std::fill(x.begin() + stride, x.begin() + 2 * stride, 0.0F); // a token of zeros
    const std::vector<std::uint8_t> values = in_type(x), up = in_type(make_gemm_inputs(tokens, stride, 32));
    const std::vector<float> weight = make_gemm_inputs(1, columns, 33), bias = make_gemm_inputs(1, columns, 34);
    const auto run = [&](const GemmTable& table, DeviceMemory& at) {
        const Buffer on_values(at, values), on_up(at, up), on_weight(at, weight), on_bias(at, bias);
        const Inputs inputs(at, layout, tokens, columns);
        InputSource source{{on_values.as<void>(), made.type, tokens, columns, stride}};
        source.front = made.front;
        source.hadamard = made.hadamard;
        source.through = made.through;
        source.epsilon = 1e-5F;
        source.weight = on_weight.as<float>();
        source.bias = tokens % 2 == 0 ? on_bias.as<float>() : nullptr;
        source.up = {on_up.as<void>(), made.type, tokens, columns, stride};
        const std::size_t bytes = quantized_input_bytes(layout, tokens, columns);
        const std::vector<std::int8_t> unset(bytes, 99); // tokens past the end are nobody's
        at.to_device(inputs.values.as<void>(), unset.data(), bytes);
        table.quantize_input(source, rounding_of(zeros), layout, inputs.out(), {});
        return inputs.read(at, layout, tokens, columns, zeros);
    };
    return first_difference(run(subject, memory), run(cpu_gemms(), host_memory()),
                            "values, scales, zero points and row sums");
}

void run_made_input_cases(const GemmTable& subject, DeviceMemory& memory, bool quick, const Totals& totals) {
    constexpr ValueType f32 = ValueType::f32, bf16 = ValueType::bf16, f16 = ValueType::f16;
    const MadeCase cases[] = {{InputFront::rms_norm, 1, f32, bf16},       {InputFront::rms_norm, 1, f32, f32},
                              {InputFront::rms_norm, 8, f32, f16},        {InputFront::layer_norm, 1, f32, bf16},
                              {InputFront::layer_norm, 8, f32, f32},      {InputFront::silu_product, 1, bf16, bf16},
                              {InputFront::silu_product, 1, f32, f32},    {InputFront::silu_product, 1, f16, f16},
                              {InputFront::silu_product, 64, bf16, bf16}, {InputFront::none, 256, bf16, bf16},
                              {InputFront::none, 64, f16, f16},           {InputFront::none, 32, f32, f32},
                              {InputFront::none, 4, bf16, bf16},          {InputFront::none, 2, f32, f32}};
    struct Shape {
        std::int64_t tokens, columns, stride;
    };
    const Shape shapes[] = {{3, 256, 256},     {2, 200, 208},     {1, 1024, 1024},  {33, 4096, 4096},
                            {4, 11008, 11008}, {5, 14336, 14344}, {2, 28672, 28672}};
    for (const Shape& shape : shapes) {
        if (quick && shape.tokens * shape.columns > 10000) continue;
        for (const MadeCase& made : cases)
            for (const bool zeros : {false, true}) {
                if (shape.columns % made.hadamard != 0) continue;
                const InputLayout layout = zeros ? InputLayout::plain : InputLayout::tiles;
                totals.add("quantize_input", std::string(name_of(made.front)),
                           std::to_string(shape.tokens) + " x " + std::to_string(shape.columns) +
                               (made.hadamard > 1 ? ", hadamard " + std::to_string(made.hadamard) : "") + ", " +
                               std::string(name_of(made.type)) + " through " + std::string(name_of(made.through)) +
                               (zeros ? ", plain, through zero" : ", tiles, absmax"),
                           compare_made_inputs(subject, memory, made, zeros, layout, shape.tokens, shape.columns,
                                               shape.stride));
            }
    }
}

/// Packed codes to values of each type, against the CPU's Backend::dequantize rounded once more.
std::string compare_weights(const GemmTable& subject, DeviceMemory& memory, const PackedKind& kind,
                            const PackedShape& shape, ValueType type) {
    const PackedData data = make_packed_data(kind, shape);
    std::vector<float> expected(data.codes.size());
    cpu_backend().dequantize({data.codes.data(), shape.rows, shape.columns}, shape.layout, kind.grid, data.scale.data(),
                             data.zero.data(), {expected.data(), shape.rows, shape.columns}, {});
    const Buffer packed(memory, data.packed), scale(memory, data.scale), zero(memory, data.zero);
    const auto run = [&]<class Bits>(const std::vector<Bits>& reference) {
        const Buffer out(memory, std::vector<Bits>(reference.size()));
        subject.dequantize({packed.as<std::uint8_t>(), shape.rows, shape.columns, kind.bits}, shape.layout, kind.grid,
                           scale.as<float>(), zero.as<float>(), type, out.as<void>(), {});
        std::vector<Bits> values(reference.size());
        memory.to_host(values.data(), out.as<void>(), values.size() * sizeof(Bits));
        return first_difference(values, reference, name_of(type));
    };
    if (type == ValueType::f32) {
        std::vector<std::int32_t> reference;
        for (const float value : expected) reference.push_back(std::bit_cast<std::int32_t>(value));
        return run(reference);
    }
    std::vector<std::uint16_t> reference;
    for (const float value : expected)
        reference.push_back(type == ValueType::bf16 ? float_to_bf16(value) : float_to_f16(value));
    return run(reference);
}

void run_weight_cases(const GemmTable& subject, DeviceMemory& memory, bool quick, const Totals& totals) {
    for (const PackedKind& kind : packed_kinds())
        for (const PackedShape& shape : packed_shapes()) {
            if (quick && shape.rows * shape.columns > 10000) continue;
            for (const ValueType type : {ValueType::f32, ValueType::bf16, ValueType::f16})
                totals.add("dequantize packed codes", kind.name,
                           std::to_string(shape.rows) + " x " + std::to_string(shape.columns) + " in blocks of " +
                               std::to_string(shape.layout.rows_per_block) + " x " +
                               std::to_string(shape.layout.columns_per_block) + ", " + std::string(name_of(type)),
                           compare_weights(subject, memory, kind, shape, type));
        }
}

/// Every combination of scales on one product, against the formula in plain arithmetic.
template <class Bits>
std::string compare_scaling(const GemmTable& subject, DeviceMemory& memory, std::int64_t rows, std::int64_t columns,
                            ValueType type, unsigned which) {
    const auto to_bits = [&](float value) {
        if constexpr (sizeof(Bits) == 4)
            return std::bit_cast<Bits>(value);
        else
            return static_cast<Bits>(type == ValueType::bf16 ? float_to_bf16(value) : float_to_f16(value));
    };
    const auto to_value = [&](Bits bits) {
        if constexpr (sizeof(Bits) == 4)
            return std::bit_cast<float>(bits);
        else
            return type == ValueType::bf16 ? bf16_to_float(bits) : f16_to_float(bits);
    };
    std::vector<Bits> y, expected;
    for (const float value : make_gemm_inputs(rows, columns, 11)) y.push_back(to_bits(value));
    const std::vector<float> row = make_gemm_inputs(1, rows, 12), column = make_gemm_inputs(1, columns, 13),
                             bias = make_gemm_inputs(1, columns, 14);
    for (std::size_t i = 0; i < y.size(); ++i) {
        const std::size_t at = i % static_cast<std::size_t>(columns);
        float value = to_value(y[i]);
        if ((which & 1U) != 0) value = value * row[i / static_cast<std::size_t>(columns)];
        if ((which & 2U) != 0) value = value * column[at];
        if ((which & 4U) != 0) value = value + bias[at];
        expected.push_back(to_bits(value));
    }
    const Buffer on_y(memory, y), on_row(memory, row), on_column(memory, column), on_bias(memory, bias);
    const ProductScales scales{(which & 1U) != 0 ? on_row.as<float>() : nullptr,
                               (which & 2U) != 0 ? on_column.as<float>() : nullptr,
                               (which & 4U) != 0 ? on_bias.as<float>() : nullptr};
    subject.scale_product(scales, type, on_y.as<void>(), rows, columns, {});
    memory.to_host(y.data(), on_y.as<void>(), y.size() * sizeof(Bits));
    return first_difference(y, expected, name_of(type));
}

void run_scaling_cases(const GemmTable& subject, DeviceMemory& memory, const Totals& totals) {
    for (const auto& [rows, columns] : {std::pair<std::int64_t, std::int64_t>{1, 8}, {7, 96}, {5, 37}, {300, 264}})
        for (const ValueType type : {ValueType::f32, ValueType::bf16, ValueType::f16})
            for (unsigned which = 0; which < 8; ++which)
                totals.add("scale_product", std::string(name_of(type)),
                           std::to_string(rows) + " x " + std::to_string(columns) +
                               ((which & 1U) != 0 ? ", rows" : "") + ((which & 2U) != 0 ? ", columns" : "") +
                               ((which & 4U) != 0 ? ", bias" : ""),
                           type == ValueType::f32
                               ? compare_scaling<std::int32_t>(subject, memory, rows, columns, type, which)
                               : compare_scaling<std::uint16_t>(subject, memory, rows, columns, type, which));
}

} // namespace
} // namespace conformance

std::vector<ConformanceResult> run_gemm_conformance(const GemmTable& subject, DeviceMemory& subject_memory,
                                                    ConformanceDepth depth, const std::function<void()>& after_case) {
    using namespace conformance;
    std::vector<ConformanceResult> results;
    const Totals totals{results, after_case};
    const bool quick = depth == ConformanceDepth::quick;
    run_input_cases(subject, subject_memory, quick, totals);
    run_made_input_cases(subject, subject_memory, quick, totals);
    run_weight_cases(subject, subject_memory, quick, totals);
    run_scaling_cases(subject, subject_memory, totals);
    for (const GemmRow& row : subject.rows)
        for (const GemmKind& kind : gemm_kinds())
            for (const bool zeros : {false, true}) {
                for (const GemmShape& shape : gemm_shapes())
                    if (shape.quick || (!quick && !zeros))
                        run_row(row, subject, subject_memory, kind, shape, zeros, Numbers::ordinary, totals);
                if (quick) continue;
                for (const std::int64_t inputs : extreme_inputs) // 26 tokens: a panel of the CPU's
                    run_row(row, subject, subject_memory, kind, {9, inputs, {3, 26}}, zeros, Numbers::extreme, totals);
            }
    for (const WeightOnlyRow& row : subject.weight_only)
        for (const GemmKind& kind : weight_only_kinds())
            for (const GemmShape& shape : gemm_shapes())
                if (shape.quick || !quick) run_weight_only(row, subject_memory, kind, shape, totals);
    return results;
}

} // namespace graticule
