#include "kernels/conformance/conformance.h"

#include <algorithm>
#include <limits>

#include "kernels/api/backends.h"
#include "kernels/api/hadamard.h"
#include "kernels/api/half.h"
#include "kernels/api/kernel_error.h"
#include "kernels/conformance/bounds.h"
#include "kernels/conformance/cases.h"
#include "kernels/conformance/guarded.h"

namespace graticule {
namespace conformance {
namespace {

/// A back end with its memory.
struct Side {
    const Backend& backend;
    DeviceMemory& memory;
};

struct Case {
    const Format& format;
    const Shape& shape;
    BlockLayout layout;
    const Input& input;
    const Rule& rule;
    const std::vector<float>& values;

    /// Blocks of the level above; each is made of whole blocks.
    [[nodiscard]] BlockLayout coarse_layout() const {
        return {rule.coarse == Rule::Coarse::of_rows ? layout.rows_per_block : shape.rows, shape.columns};
    }
    [[nodiscard]] bool possible() const {
        return !rule.two_largest || (format.grid.shape == CodeGrid::Shape::table && layout.rows_per_block == 1);
    }
    [[nodiscard]] std::string name() const {
        return std::to_string(shape.rows) + " x " + std::to_string(shape.columns) + " stride " +
               std::to_string(shape.stride) + ", blocks " + std::to_string(layout.rows_per_block) + " x " +
               std::to_string(layout.columns_per_block) + ", " + input.name + ", " + rule.name;
    }
};

/// Everything one side made of one case.
struct Outcome {
    std::vector<float> coarse, scale, zero, dequantized, fake, fake_counted, in_place, dynamic, dynamic_counted,
        dynamic_in_place;
    std::vector<std::uint8_t> codes, codes_counted;
    QuantizeCounts quantize_counts, fake_counts, dynamic_counts;
    WeightFigures figures;
    std::string damage; ///< of a guard zone
};

template <class T>
std::vector<T> read_checked(GuardedArray<T>& array, std::string& damage, const char* what) {
    std::vector<T> values = array.read();
    const std::string found = array.guard_damage();
    if (damage.empty() && !found.empty()) damage = std::string(what) + " " + found;
    return values;
}

/// Codes as a method might give them: every third the nearest.
void count_codes_of_a_method(const Side& side, const Case& c, const GuardedArray<float>& input, const float* scale,
                             const float* zero, const std::vector<std::uint8_t>& nearest, Outcome& outcome) {
    const Shape& s = c.shape;
    const CodeGrid& grid = c.format.grid;
    GuardedArray<std::uint8_t> codes(side.memory, s.rows, s.columns, s.stride, s.offset);
    std::vector<std::uint8_t> given(static_cast<std::size_t>(s.rows * s.stride));
    for (std::int64_t row = 0; row < s.rows; ++row)
        for (std::int64_t column = 0; column < s.columns; ++column)
            given[static_cast<std::size_t>(row * s.stride + column)] = static_cast<std::uint8_t>(
                (nearest[static_cast<std::size_t>(row * s.columns + column)] + (row + column) % 3) % grid.code_count());
    codes.write(given);
    outcome.figures = side.backend.count_codes(input.const_view(), codes.const_view(), c.layout, grid, scale, zero, {});
}

void run_static(const Side& side, const Case& c, const GuardedArray<float>& input, const float* scale,
                const float* zero, Outcome& outcome) {
    const Shape& s = c.shape;
    GuardedArray<std::uint8_t> codes(side.memory, s.rows, s.columns, s.stride, s.offset);
    GuardedArray<std::uint8_t> counted_codes(side.memory, s.rows, s.columns, s.stride, s.offset);
    GuardedArray<float> values(side.memory, s.rows, s.columns, s.stride, s.offset);
    GuardedArray<float> counted(side.memory, s.rows, s.columns, s.stride, s.offset);
    GuardedArray<float> in_place(side.memory, s.rows, s.columns, s.stride, s.offset);
    const Backend& backend = side.backend;
    const CodeGrid& grid = c.format.grid;
    backend.quantize(input.const_view(), c.layout, grid, scale, zero, codes.view(), nullptr, {});
    backend.quantize(input.const_view(), c.layout, grid, scale, zero, counted_codes.view(), &outcome.quantize_counts,
                     {});
    backend.dequantize(codes.const_view(), c.layout, grid, scale, zero, values.view(), {});
    outcome.codes = read_checked(codes, outcome.damage, "quantize");
    count_codes_of_a_method(side, c, input, scale, zero, outcome.codes, outcome);
    outcome.codes_counted = read_checked(counted_codes, outcome.damage, "quantize with counts");
    outcome.dequantized = read_checked(values, outcome.damage, "dequantize");
    in_place.write(c.values);
    backend.fake_quantize(input.const_view(), c.layout, grid, scale, zero, values.view(), nullptr, {});
    backend.fake_quantize(input.const_view(), c.layout, grid, scale, zero, counted.view(), &outcome.fake_counts, {});
    backend.fake_quantize(in_place.const_view(), c.layout, grid, scale, zero, in_place.view(), nullptr, {});
    outcome.fake = read_checked(values, outcome.damage, "fake_quantize");
    outcome.fake_counted = read_checked(counted, outcome.damage, "fake_quantize with counts");
    outcome.in_place = read_checked(in_place, outcome.damage, "fake_quantize in place");
}

Outcome run_case(const Side& side, const Case& c) {
    Outcome outcome;
    const Shape& s = c.shape;
    const std::int64_t blocks = c.layout.count(s.rows, s.columns);
    GuardedArray<float> input(side.memory, s.rows, s.columns, s.stride, s.offset);
    input.write(c.values);
    const BlockLayout coarse_layout = c.coarse_layout();
    const std::int64_t coarse_blocks = coarse_layout.count(s.rows, s.columns);
    GuardedArray<float> coarse(side.memory, coarse_blocks), coarse_zero(side.memory, coarse_blocks);
    ScaleOptions options = c.rule.options;
    if (c.rule.two_largest)
        options.second_largest = c.format.grid.table[static_cast<std::size_t>(c.format.grid.levels - 1)] * (2.0F / 3);
    if (c.rule.coarse != Rule::Coarse::none) {
        side.backend.find_scales(input.const_view(), coarse_layout, c.format.grid, c.rule.coarse_options, coarse.data(),
                                 coarse_zero.data(), {});
        outcome.coarse = read_checked(coarse, outcome.damage, "find_scales of the coarse level");
        options.coarse = {coarse.data(), coarse_layout};
    }
    GuardedArray<float> scale(side.memory, blocks), zero(side.memory, blocks);
    side.backend.find_scales(input.const_view(), c.layout, c.format.grid, options, scale.data(), zero.data(), {});
    outcome.scale = read_checked(scale, outcome.damage, "find_scales");
    outcome.zero = read_checked(zero, outcome.damage, "find_scales");
    run_static(side, c, input, scale.data(), zero.data(), outcome);

    GuardedArray<std::uint8_t> workspace(
        side.memory, static_cast<std::int64_t>(side.backend.dynamic_workspace_bytes(s.rows, s.columns, c.layout)));
    GuardedArray<float> dynamic(side.memory, s.rows, s.columns, s.stride, s.offset);
    side.backend.fake_quantize_dynamic(input.const_view(), c.layout, c.format.grid, options, dynamic.view(), nullptr,
                                       workspace.data(), {});
    outcome.dynamic = read_checked(dynamic, outcome.damage, "fake_quantize_dynamic");
    side.backend.fake_quantize_dynamic(input.const_view(), c.layout, c.format.grid, options, dynamic.view(),
                                       &outcome.dynamic_counts, workspace.data(), {});
    outcome.dynamic_counted = read_checked(dynamic, outcome.damage, "fake_quantize_dynamic with counts");
    dynamic.write(c.values);
    side.backend.fake_quantize_dynamic(dynamic.const_view(), c.layout, c.format.grid, options, dynamic.view(), nullptr,
                                       workspace.data(), {});
    outcome.dynamic_in_place = read_checked(dynamic, outcome.damage, "fake_quantize_dynamic in place");
    (void)read_checked(workspace, outcome.damage, "the workspace of fake_quantize_dynamic");
    return outcome;
}

/// Rows of results, one for each operation and format, in the order they are first met.
class Table {
public:
    explicit Table(std::function<void()> after_case)
        : after_case_(std::move(after_case)) {}
    void add(const char* operation, const std::string& format, const std::string& case_name,
             const std::string& failure) {
        auto row = std::find_if(rows_.begin(), rows_.end(), [&](const ConformanceResult& r) {
            return r.operation == operation && r.format == format;
        });
        if (row == rows_.end()) row = rows_.insert(rows_.end(), ConformanceResult{operation, format, 0, 0, {}});
        ++row->cases;
        if (!failure.empty()) {
            ++row->failures;
            if (row->first_failure.empty()) row->first_failure = case_name + ": " + failure;
        }
        if (after_case_) after_case_();
    }
    [[nodiscard]] std::vector<ConformanceResult> rows() const { return rows_; }

private:
    std::vector<ConformanceResult> rows_;
    std::function<void()> after_case_;
};

std::string first_of(std::initializer_list<std::string> failures) {
    for (const std::string& failure : failures)
        if (!failure.empty()) return failure;
    return {};
}

/// The subject against the reference; within the subject, the variants of one operation against each other.
void compare(const Case& c, const Outcome& got, const Outcome& expected, Table& table) {
    const std::string name = c.name();
    const auto add = [&](const char* operation, const std::string& failure) {
        table.add(operation, c.format.name, name, failure);
    };
    add("find_scales",
        first_of({compare_bits(got.coarse, expected.coarse, "coarse scale"),
                  compare_bits(got.scale, expected.scale, "scale"), compare_bits(got.zero, expected.zero, "zero")}));
    add("quantize", first_of({compare_bits(got.codes, expected.codes, "codes"),
                              compare_bits(got.codes_counted, expected.codes, "codes with counts"),
                              compare_counts(got.quantize_counts, expected.quantize_counts)}));
    add("dequantize", compare_bits(got.dequantized, expected.dequantized, "values"));
    add("count_codes", first_of({compare_counts(got.figures.counts, expected.figures.counts),
                                 compare_steps(got.figures.steps, expected.figures.steps)}));
    add("fake_quantize", first_of({compare_bits(got.fake, expected.fake, "values"),
                                   compare_bits(got.fake, got.dequantized, "values against quantize and dequantize"),
                                   compare_bits(got.fake_counted, expected.fake, "values with counts"),
                                   compare_bits(got.in_place, expected.fake, "values in place"),
                                   compare_counts(got.fake_counts, expected.fake_counts)}));
    add("fake_quantize_dynamic", first_of({compare_bits(got.dynamic, expected.dynamic, "values"),
                                           compare_bits(got.dynamic_counted, expected.dynamic, "values with counts"),
                                           compare_bits(got.dynamic_in_place, expected.dynamic, "values in place"),
                                           compare_counts(got.dynamic_counts, expected.dynamic_counts)}));
    add("guard zones", got.damage);
}

/// How a matrix is read as samples: `calls` batches of some samples each, cut into segments.
struct StatisticsCase {
    std::int64_t samples, length;
    std::vector<std::int64_t> ends;
    std::vector<std::int64_t> calls; ///< samples of each
    ValueType type = ValueType::f32;
};

std::vector<StatisticsCase> statistics_cases(std::int64_t rows) {
    std::vector<StatisticsCase> all;
    for (const ValueType type : {ValueType::f32, ValueType::bf16, ValueType::f16})
        all.push_back({1, rows, {rows}, {1}, type});
    if (rows >= 3) all.push_back({1, rows, {1, rows / 2 + 1, rows}, {1}});
    if (rows >= 6) {
        const std::int64_t length = rows / 3;
        all.push_back({3, length, {length}, {3}});
        all.push_back({3, length, {length}, {2, 1}, ValueType::bf16});
        all.push_back({3, length, {length / 2, length}, {1, 2}, ValueType::f16});
        all.push_back({3, length, {length / 2, length}, {1, 1, 1}});
    }
    return all;
}

/// The values as a back end of that type reads them, rows at the shape's stride.
std::vector<std::uint16_t> as_halves(const std::vector<float>& values, ValueType type) {
    std::vector<std::uint16_t> halves(values.size());
    std::ranges::transform(values, halves.begin(),
                           [&](float x) { return type == ValueType::bf16 ? float_to_bf16(x) : float_to_f16(x); });
    return halves;
}

template <class T>
Statistics run_statistics(const Side& side, const StatisticsCase& c, const Shape& shape, const std::vector<T>& values) {
    GuardedArray<T> input(side.memory, shape.rows, shape.columns, shape.stride, shape.offset);
    input.write(values);
    Statistics statistics(std::ssize(c.ends), shape.columns);
    // What lies in the memory before the first call is written over.
    GuardedArray<double> sums(side.memory, std::ssize(statistics.memory));
    std::int64_t before = 0;
    for (const std::int64_t samples : c.calls) {
        std::vector<std::int64_t> rows_before;
        for (std::size_t i = 0; i < c.ends.size(); ++i)
            rows_before.push_back(before * (c.ends[i] - (i == 0 ? 0 : c.ends[i - 1])));
        const ActivationBatch batch{
            input.data() + before * c.length * shape.stride, c.type, samples, c.length, shape.columns, shape.stride};
        GuardedArray<std::uint8_t> workspace(
            side.memory, static_cast<std::int64_t>(side.backend.statistics_workspace_bytes(batch, c.ends)));
        side.backend.accumulate_statistics(batch, c.ends, rows_before, {sums.data(), std::ssize(c.ends), shape.columns},
                                           workspace.data(), {});
        (void)read_checked(workspace, statistics.damage, "the workspace");
        before += samples;
    }
    statistics.memory = read_checked(sums, statistics.damage, "accumulate_statistics");
    return statistics;
}

Statistics run_statistics(const Side& side, const StatisticsCase& c, const Shape& shape,
                          const std::vector<float>& values) {
    if (c.type == ValueType::f32) return run_statistics<float>(side, c, shape, values);
    return run_statistics<std::uint16_t>(side, c, shape, as_halves(values, c.type));
}

void run_statistics_cases(const Side& subject, const Side& reference, Table& table) {
    std::vector<Shape> all = shapes();
    all.push_back({700, 132, 132, 0, {}}); // several slabs of a GPU, a last column group not full
    all.push_back({1000, 5, 9, 0, {}});
    for (const Shape& shape : all)
        for (const Input& input : inputs()) {
            const std::vector<float> values = make_input(input, shape);
            for (const StatisticsCase& c : statistics_cases(shape.rows)) {
                const Statistics got = run_statistics(subject, c, shape, values);
                const Statistics expected = run_statistics(reference, c, shape, values);
                table.add("accumulate_statistics", std::string(name_of(c.type)),
                          std::to_string(c.samples) + " x " + std::to_string(c.length) + " x " +
                              std::to_string(shape.columns) + " in " + std::to_string(c.ends.size()) +
                              " segments and " + std::to_string(c.calls.size()) + " calls, " + input.name,
                          first_of({got.damage, compare_statistics(got, expected, c.samples, c.ends)}));
            }
        }
}

/// What one side's walk wrote.
struct Walked {
    std::vector<std::uint8_t> codes;
    std::vector<float> values, error;
    std::string damage;
};

/// An upper triangle whose errors neither vanish nor grow without bound along a row.
std::vector<float> walk_factor(std::int64_t columns) {
    std::vector<float> factor(static_cast<std::size_t>(columns * columns));
    for (std::int64_t i = 0; i < columns; ++i)
        for (std::int64_t j = i; j < columns; ++j)
            factor[static_cast<std::size_t>(i * columns + j)] =
                i == j ? 0.75F + static_cast<float>(i % 8) / 8.0F
                       : static_cast<float>((i * 31 + j * 17) % 13 - 6) / static_cast<float>(4 * columns);
    return factor;
}

Walked run_walk(const Side& side, const Format& format, const Shape& s, const std::vector<float>& values) {
    GuardedArray<float> input(side.memory, s.rows, s.columns, s.stride, s.offset);
    input.write(values);
    GuardedArray<float> factor(side.memory, s.columns, s.columns, s.columns, 0);
    factor.write(walk_factor(s.columns));
    GuardedArray<float> scale(side.memory, s.rows, s.columns, s.columns, 0),
        zero(side.memory, s.rows, s.columns, s.columns, 0);
    side.backend.find_scales(input.const_view(), {1, 1}, format.grid, {}, scale.data(), zero.data(), {});
    // A scale of the element's own leaves nothing to round: a third of it does.
    std::vector<float> thirds = scale.read();
    for (float& one : thirds) one = one / 3 + 0.01F;
    scale.write(thirds);
    GuardedArray<std::uint8_t> codes(side.memory, s.rows, s.columns, s.stride, s.offset);
    GuardedArray<float> out(side.memory, s.rows, s.columns, s.stride, s.offset);
    GuardedArray<float> error(side.memory, s.rows, s.columns, s.stride, s.offset);
    side.backend.gptq_walk({input.const_view(), scale.const_view(), zero.const_view(), factor.const_view(),
                            codes.view(), out.view(), error.view()},
                           format.grid, {});
    Walked walked;
    walked.codes = read_checked(codes, walked.damage, "gptq_walk");
    walked.values = read_checked(out, walked.damage, "gptq_walk");
    walked.error = read_checked(error, walked.damage, "gptq_walk");
    return walked;
}

void run_walk_cases(const Side& subject, const Side& reference, bool quick, Table& table) {
    std::vector<Shape> all = shapes();
    all.push_back({3, 1100, 1100, 0, {}}); // wider than a GPU's shared memory takes
    for (const Format& format : formats()) {
        if (quick && format.name != "int4" && format.name != "dint4") continue;
        for (const Shape& shape : all)
            for (const Input& input : inputs()) {
                if (!input.for_all_formats || shape.columns > 1100) continue;
                const std::vector<float> values = make_input(input, shape);
                const Walked got = run_walk(subject, format, shape, values);
                const Walked expected = run_walk(reference, format, shape, values);
                table.add("gptq_walk", format.name,
                          std::to_string(shape.rows) + " x " + std::to_string(shape.columns) + ", " + input.name,
                          first_of({compare_bits(got.codes, expected.codes, "codes"),
                                    compare_bits(got.values, expected.values, "values"),
                                    compare_bits(got.error, expected.error, "error"), got.damage}));
            }
    }
}

/// Every block that fits: against the other side bit for bit, and in place as beside.
void run_hadamard_cases(const Side& subject, const Side& reference, Table& table) {
    std::vector<Shape> all = shapes();
    all.push_back({33, 768, 800, 3, {}});
    all.push_back({5, 11008, 11008, 0, {}}); // LLaMA's MLP
    for (const Shape& s : all)
        for (const Input& input : inputs()) {
            if (!input.for_all_formats) continue;
            const std::vector<float> values = make_input(input, s);
            for (std::int64_t block = 1; block <= largest_hadamard; block *= 2) {
                if (s.columns % block != 0) continue;
                std::string damage;
                const auto transformed = [&](const Side& side, bool in_place) {
                    GuardedArray<float> from(side.memory, s.rows, s.columns, s.stride, s.offset);
                    GuardedArray<float> beside(side.memory, s.rows, s.columns, s.stride, s.offset);
                    from.write(values);
                    GuardedArray<float>& to = in_place ? from : beside;
                    side.backend.hadamard(from.const_view(), block, to.view(), {});
                    return read_checked(to, damage, "hadamard");
                };
                const std::vector<float> got = transformed(subject, false), expected = transformed(reference, false);
                table.add("hadamard", "-",
                          std::to_string(s.rows) + " x " + std::to_string(s.columns) + ", blocks of " +
                              std::to_string(block) + ", " + input.name,
                          first_of({compare_bits(got, expected, "values"),
                                    compare_bits(transformed(subject, true), expected, "values in place"), damage}));
            }
        }
}

/// What does not fit must be refused, with an exception this side of a module's edge recognizes, before memory is
/// touched.
void run_refusals(const Side& subject, Table& table) {
    const CodeGrid grid = formats().front().grid;
    GuardedArray<float> array(subject.memory, 4, 12, 12, 0);
    const auto refuse = [&](const char* name, BlockLayout layout, const ScaleOptions& options) {
        std::string failure = "was accepted";
        try {
            subject.backend.fake_quantize_dynamic(array.const_view(), layout, grid, options, array.view(), nullptr,
                                                  nullptr, {});
        } catch (const KernelError& error) {
            failure = error.kind() == KernelError::Kind::invalid_argument ? "" : "was refused for another reason";
        }
        table.add("refusals", "-", name, failure);
    };
    constexpr auto absmax = ScaleRule::symmetric_absmax;
    constexpr ScaleCoding shared_exponent{0, -126, 0x1p-126F, 0x1p127F, true};
    refuse("blocks of 5 over 12 columns", {1, 5}, {absmax});
    refuse("blocks of 3 over 4 rows", {3, 12}, {absmax});
    refuse("empty blocks", {0, 12}, {absmax});
    refuse("clip ratio 0", {1, 12}, {absmax, 0.0F});
    refuse("clip ratio NaN", {1, 12}, {absmax, std::numeric_limits<float>::quiet_NaN()});
    refuse("a coding without numbers", {1, 12}, {absmax, 1.0F, 0.0F, {3, -6, 2.0F, 1.0F}});
    refuse("a shared exponent with a zero point", {1, 12},
           {ScaleRule::asymmetric_through_zero, 1.0F, 0.0F, shared_exponent});
    refuse("coarse blocks smaller than fine ones", {1, 6}, {absmax, 1.0F, 0.0F, {}, {array.data(), {1, 4}}});
    refuse("a second largest point of a lattice", {1, 12}, {absmax, 1.0F, 0.0F, {}, {}, 1.0F, 4.0F});
}

} // namespace
} // namespace conformance

std::vector<ConformanceResult> run_conformance(const Backend& subject, const Backend& reference,
                                               DeviceMemory& subject_memory, ConformanceDepth depth,
                                               const std::function<void()>& after_case) {
    using namespace conformance;
    const bool quick = depth == ConformanceDepth::quick;
    const Side subject_side{subject, subject_memory}, reference_side{reference, host_memory()};
    const std::vector<Rule> all_rules = rules();
    Table table(after_case);
    for (const Format& format : formats()) {
        if (quick && format.name != "int4" && format.name != "dint4") continue;
        for (const Shape& shape : shapes())
            for (const Input& input : inputs()) {
                if (!input.for_all_formats && (quick || !format.all_inputs)) continue;
                const std::vector<float> values = make_input(input, shape);
                for (const Rule& rule : all_rules) {
                    if (!rule.all_inputs && (quick || !input.for_all_formats)) continue;
                    for (const BlockLayout layout : shape.layouts) {
                        const Case c{format, shape, layout, input, rule, values};
                        if (!c.possible()) continue;
                        compare(c, run_case(subject_side, c), run_case(reference_side, c), table);
                    }
                }
            }
    }
    run_walk_cases(subject_side, reference_side, quick, table);
    run_hadamard_cases(subject_side, reference_side, table);
    run_statistics_cases(subject_side, reference_side, table);
    run_refusals(subject_side, table);
    return table.rows();
}

} // namespace graticule
