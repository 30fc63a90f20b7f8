// Weights counted straight from their stored bytes: the same scales, codes and counts as the back end gives, step by
// step, for the widened values.
#include <QtTest/QTest>
#include <cmath>
#include <limits>
#include <map>
#include <random>

#include "kernels/api/backends.h"
#include "kernels/api/half.h"
#include "kernels/api/kernel_error.h"
#include "kernels/api/weight_figures.h"
#include "tests/kernels/grids.h"
#include "tests/support/test_main.h"

using namespace graticule;
using namespace graticule::testing;

namespace {

/// Values as a file holds them, and the same widened by the one definition (half.h).
struct Stored {
    ValueType type;
    std::int64_t rows, columns;
    std::vector<float> floats;
    std::vector<std::uint16_t> halves;

    Stored(ValueType type_, std::int64_t rows_, std::int64_t columns_, std::vector<float> values)
        : type(type_)
        , rows(rows_)
        , columns(columns_)
        , floats(std::move(values)) {
        if (type == ValueType::f32) return;
        for (float& value : floats) {
            const bool brain = type == ValueType::bf16;
            halves.push_back(brain ? float_to_bf16(value) : float_to_f16(value));
            value = brain ? bf16_to_float(halves.back()) : f16_to_float(halves.back());
        }
    }
    [[nodiscard]] StoredMatrix matrix() const {
        const void* data = type == ValueType::f32 ? static_cast<const void*>(floats.data()) : halves.data();
        return {data, type, rows, columns};
    }
    [[nodiscard]] MatrixView<const float> view() const { return {floats.data(), rows, columns}; }
};

std::vector<float> random_values(std::int64_t count) {
    std::mt19937 random(7);
    std::normal_distribution<float> normal(0, 0.02F);
    std::vector<float> values(static_cast<std::size_t>(count));
    for (float& value : values) value = normal(random);
    for (std::size_t i = 3; i < values.size(); i += 50) values[i] *= 12; // outliers
    for (std::size_t i = 5; i < values.size(); i += 17) values[i] = 0;   // zeros of both signs
    for (std::size_t i = 9; i < values.size(); i += 31) values[i] = -0.0F;
    for (std::size_t i = 11; i < values.size(); i += 97) values[i] = 3e-6F; // float16 has no normal number there
    return values;
}

/// The definition, value by value.
struct Expected {
    std::vector<float> scale, zero;
    std::vector<std::uint8_t> codes;
    QuantizeCounts counts;
    StepCounts steps;
};

Expected expect(const Stored& weight, BlockLayout layout, const CodeGrid& grid, const ScaleOptions& options,
                const std::vector<std::uint8_t>* given = nullptr) {
    const auto blocks = static_cast<std::size_t>(layout.count(weight.rows, weight.columns));
    Expected expected{std::vector<float>(blocks),
                      std::vector<float>(blocks),
                      std::vector<std::uint8_t>(weight.floats.size()),
                      {},
                      {}};
    cpu_backend().find_scales(weight.view(), layout, grid, options, expected.scale.data(), expected.zero.data(), {});
    if (given != nullptr)
        expected.codes = *given;
    else
        cpu_backend().quantize(weight.view(), layout, grid, expected.scale.data(), expected.zero.data(),
                               {expected.codes.data(), weight.rows, weight.columns}, nullptr, {});
    std::vector<float> rounded(weight.floats.size());
    cpu_backend().dequantize({expected.codes.data(), weight.rows, weight.columns}, layout, grid, expected.scale.data(),
                             expected.zero.data(), {rounded.data(), weight.rows, weight.columns}, {});
    const bool table = grid.shape == CodeGrid::Shape::table;
    const auto top = static_cast<std::size_t>(grid.levels - 1);
    std::map<std::int64_t, std::int64_t> bins;
    QuantizeCounts& counts = expected.counts;
    for (std::size_t i = 0; i < rounded.size(); ++i) {
        const auto row = static_cast<std::int64_t>(i) / weight.columns,
                   column = static_cast<std::int64_t>(i) % weight.columns;
        const auto block = static_cast<std::size_t>(row / layout.rows_per_block * layout.blocks_across(weight.columns) +
                                                    column / layout.columns_per_block);
        const float x = weight.floats[i], steps = x / expected.scale[block], zero = expected.zero[block];
        float low = table ? grid.table[0] : -zero, high = table ? grid.table[top] : float(grid.levels - 1) - zero;
        for (int special = 0; special < grid.special_count; ++special) {
            low = std::min(low, grid.specials[static_cast<std::size_t>(special)]);
            high = std::max(high, grid.specials[static_cast<std::size_t>(special)]);
        }
        low -= table ? (grid.table[1] - grid.table[0]) / 2 : 0.5F;
        high += table ? (grid.table[top] - grid.table[top - 1]) / 2 : 0.5F;
        ++counts.total;
        ++counts.codes_used[expected.codes[i]];
        if (!std::isfinite(x)) {
            ++counts.not_finite;
            continue;
        }
        const double error = double(rounded[i]) - double(x);
        const bool lost = x != 0 && rounded[i] == 0, clipped = !lost && (steps < low || steps > high);
        counts.zeros_in += x == 0;
        counts.underflow += lost;
        counts.clipped += clipped;
        counts.squared_value += double(x) * double(x);
        counts.squared_error += error * error;
        if (lost) counts.squared_underflow_error += error * error;
        if (clipped) counts.squared_clip_error += error * error;
        if (std::abs(steps) > StepCounts::farthest) continue;
        ++bins[std::int64_t(std::floor(double(steps) * StepCounts::bins_a_step))];
        expected.steps.largest = std::max(expected.steps.largest, std::abs(steps));
    }
    if (bins.empty()) return expected;
    expected.steps.first = bins.begin()->first;
    expected.steps.counts.resize(static_cast<std::size_t>(bins.rbegin()->first - bins.begin()->first + 1));
    for (const auto& [bin, count] : bins)
        expected.steps.counts[static_cast<std::size_t>(bin - expected.steps.first)] = count;
    return expected;
}

void compare_figures(const WeightFigures& figures, const Expected& expected) {
    const QuantizeCounts &is = figures.counts, &should = expected.counts;
    QCOMPARE(is.total, should.total);
    QCOMPARE(is.zeros_in, should.zeros_in);
    QCOMPARE(is.underflow, should.underflow);
    QCOMPARE(is.clipped, should.clipped);
    QCOMPARE(is.not_finite, should.not_finite);
    for (int code = 0; code < 256; ++code) QCOMPARE(is.codes_used[code], should.codes_used[code]);
    // Both in float64: only the order differs.
    const auto close = [](double a, double b) { return std::abs(a - b) <= 1e-11 * std::abs(b); };
    QVERIFY(close(is.squared_value, should.squared_value));
    QVERIFY(close(is.squared_error, should.squared_error));
    QVERIFY(close(is.squared_underflow_error, should.squared_underflow_error));
    QVERIFY(close(is.squared_clip_error, should.squared_clip_error));
    QCOMPARE(figures.steps.largest, expected.steps.largest);
    QCOMPARE(figures.steps.first, expected.steps.first);
    QVERIFY(figures.steps.counts == expected.steps.counts);
}

WeightFigures figures_of(const Stored& weight, BlockLayout layout, const CodeGrid& grid, const ScaleOptions& options,
                         std::vector<float>& scale, std::vector<float>& zero) {
    scale.resize(static_cast<std::size_t>(layout.count(weight.rows, weight.columns)));
    zero.resize(scale.size());
    return weight_figures({.weight = weight.matrix(),
                           .layout = layout,
                           .grid = grid,
                           .scale = scale.data(),
                           .zero = zero.data(),
                           .find = &options});
}

} // namespace

class WeightFiguresTest : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void agrees_with_the_back_end_data() {
        QTest::addColumn<int>("format");
        QTest::addColumn<int>("type");
        QTest::addColumn<std::int64_t>("columns");
        QTest::addColumn<int>("blocks");
        QTest::addColumn<bool>("symmetric");
        QTest::addColumn<float>("clip_ratio");
        const char* formats[] = {"int4", "int8", "dint4", "fp4"};
        const char* blocks[] = {"g16", "channel", "tensor", "column"};
        for (int format = 0; format < 4; ++format)
            for (int block = 0; block < 4; ++block)
                for (const ValueType type : {ValueType::f32, ValueType::bf16, ValueType::f16})
                    for (const bool symmetric : {false, true}) {
                        const float clip = symmetric ? 0.4F : 1.0F;                // clipped values, and none
                        const std::int64_t columns = block == 0 ? 4096 + 48 : 333; // neither fills whole pieces
                        QTest::addRow("%s %s %s %s", formats[format], blocks[block], name_of(type).data(),
                                      symmetric ? "symmetric clipped" : "asymmetric")
                            << format << int(type) << columns << block << symmetric << clip;
                    }
    }
    void agrees_with_the_back_end() {
        QFETCH(int, format);
        QFETCH(int, type);
        QFETCH(std::int64_t, columns);
        QFETCH(int, blocks);
        QFETCH(bool, symmetric);
        QFETCH(float, clip_ratio);
        const CodeGrid grids[] = {int_grid(4), int_grid(8), dint_grid(4), fp4_grid()};
        constexpr std::int64_t rows = 40;
        const BlockLayout layouts[] = {{1, 16}, {1, columns}, {rows, columns}, {rows, 1}};
        const Stored weight(ValueType(type), rows, columns, random_values(rows * columns));
        ScaleOptions options;
        options.rule = symmetric ? ScaleRule::symmetric_absmax : ScaleRule::asymmetric_through_zero;
        options.clip_ratio = clip_ratio;
        const Expected expected = expect(weight, layouts[blocks], grids[format], options);
        QVERIFY(expected.counts.underflow > 0);
        if (symmetric) QVERIFY(expected.counts.clipped > 0);
        std::vector<float> scale, zero;
        const WeightFigures figures = figures_of(weight, layouts[blocks], grids[format], options, scale, zero);
        QVERIFY(scale == expected.scale);
        QVERIFY(zero == expected.zero);
        compare_figures(figures, expected);
    }

    /// The codes of a method, which are not the nearest, and scales that are given.
    void counts_codes_that_are_given() {
        const Stored weight(ValueType::f32, 30, 96, random_values(30 * 96));
        const BlockLayout layout{1, 32};
        const CodeGrid grid = dint_grid(4);
        std::vector<std::uint8_t> codes(weight.floats.size());
        std::mt19937 random(3);
        for (std::uint8_t& code : codes) code = static_cast<std::uint8_t>(random() % 16);
        Expected expected = expect(weight, layout, grid, {}, &codes);
        const WeightFigures figures = weight_figures({.weight = weight.matrix(),
                                                      .layout = layout,
                                                      .grid = grid,
                                                      .scale = expected.scale.data(),
                                                      .zero = expected.zero.data(),
                                                      .codes = {codes.data(), weight.rows, weight.columns}});
        compare_figures(figures, expected);
    }

    /// Values that are no numbers stay out of scales, sums and steps, and so do those too far away to be drawn.
    void what_is_not_finite_is_counted_apart() {
        std::vector<float> values = random_values(8 * 64);
        values[3] = std::numeric_limits<float>::quiet_NaN();
        values[70] = std::numeric_limits<float>::infinity();
        values[71] = -std::numeric_limits<float>::infinity();
        values[200] = 3e38F;
        const Stored weight(ValueType::f32, 8, 64, values);
        Expected expected = expect(weight, {1, 64}, int_grid(4), {});
        QCOMPARE(expected.counts.not_finite, 3);
        std::vector<float> scale, zero;
        compare_figures(figures_of(weight, {1, 64}, int_grid(4), {}, scale, zero), expected);
        // Given scales far too small for the values: most lie beyond the farthest step.
        for (float& each : expected.scale) each = 1e-7F;
        const WeightFigures far = weight_figures({.weight = weight.matrix(),
                                                  .layout = {1, 64},
                                                  .grid = int_grid(4),
                                                  .scale = expected.scale.data(),
                                                  .zero = expected.zero.data()});
        std::int64_t near = 0, counted = 0;
        for (const float value : values) near += std::abs(value / 1e-7F) <= StepCounts::farthest;
        for (const std::int64_t count : far.steps.counts) counted += count;
        QVERIFY(near > 0 && near < 500);
        QCOMPARE(counted, near);
    }

    /// Large enough for several threads, whose bins and sums are joined.
    void large_matrices() {
        const std::int64_t rows = 600, columns = 4096;
        const Stored weight(ValueType::bf16, rows, columns, random_values(rows * columns));
        std::vector<float> scale, zero;
        const WeightFigures once = figures_of(weight, {1, 128}, int_grid(4), {}, scale, zero);
        compare_figures(once, expect(weight, {1, 128}, int_grid(4), {}));
        for (int again = 0; again < 3; ++again) {
            const WeightFigures figures = figures_of(weight, {1, 128}, int_grid(4), {}, scale, zero);
            QCOMPARE(figures.counts.squared_error, once.counts.squared_error); // the same bits
            QVERIFY(figures.steps.counts == once.steps.counts);
        }
    }

    /// NVFP4's scales: blocks of 16 in E4M3 under one float scale of the tensor, which is found first.
    void scales_of_two_levels() {
        const std::int64_t rows = 24, columns = 160;
        const CodeGrid grid = fp4_grid();
        ScaleOptions coarse_options;
        coarse_options.finer_largest = 448;
        ScaleOptions fine;
        fine.coding = {.mantissa_bits = 3, .least_exponent = -6, .smallest = 0x1p-9F, .largest = 448};
        fine.second_largest = 4;
        for (const ValueType type : {ValueType::f32, ValueType::bf16, ValueType::f16}) {
            const Stored weight(type, rows, columns, random_values(rows * columns));
            float coarse = 0, coarse_again = 0, zero = 0;
            cpu_backend().find_scales(weight.view(), {rows, columns}, grid, coarse_options, &coarse, &zero, {});
            find_scales(weight.matrix(), {rows, columns}, grid, coarse_options, &coarse_again, &zero);
            QCOMPARE(coarse_again, coarse);
            fine.coarse = {&coarse, {rows, columns}};
            std::vector<float> scale, zeros;
            const Expected expected = expect(weight, {1, 16}, grid, fine);
            compare_figures(figures_of(weight, {1, 16}, grid, fine, scale, zeros), expected);
            QVERIFY(scale == expected.scale);
        }
    }

    void arguments_are_checked() {
        const Stored weight(ValueType::f32, 4, 10, random_values(40));
        std::vector<float> scale, zero;
        QVERIFY_THROWS_EXCEPTION(KernelError, (void)figures_of(weight, {1, 3}, int_grid(4), {}, scale, zero));
        QVERIFY_THROWS_EXCEPTION(KernelError, (void)weight_figures({.weight = weight.matrix(),
                                                                    .layout = {1, 10},
                                                                    .grid = int_grid(4),
                                                                    .scale = nullptr,
                                                                    .zero = nullptr}));
        const Stored empty(ValueType::f32, 0, 10, {});
        QCOMPARE(figures_of(empty, {1, 10}, int_grid(4), {}, scale, zero).counts.total, 0);
    }
};

GRATICULE_TEST(WeightFiguresTest);
#include "tst_weight_figures.moc"
