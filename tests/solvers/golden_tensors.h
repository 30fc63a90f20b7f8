// The golden vectors as tensors, and how close is close. Torch comes before Qt: both are seen here, and only here.
#pragma once

#include "core/runtime/torch_bridge.h"

#include <QTest>

#include "core/method/solvers/tensor_quantizer.h"
#include "tests/kernels/golden.h"
#include "tests/kernels/grids.h"
#include "tests/support/test_main.h"

namespace graticule::testing {

struct GoldenTensors {
    QJsonObject records;
    at::Tensor weight; ///< (64, 32)
    at::Tensor inputs; ///< (512, 32)
    std::int64_t group = 0;
    Device device = open_device("cpu");
};

inline GoldenTensors load_golden_tensors() {
    const Golden golden = load_golden();
    GoldenTensors result;
    result.records = golden.records;
    result.group = golden.group;
    result.weight = to_torch(golden.weight, {golden.outputs, golden.inputs}, result.device);
    result.inputs = to_torch(golden.activation, {golden.tokens, golden.inputs}, result.device);
    return result;
}

inline Granularity per_channel() { return {Granularity::Kind::channel, 0}; }
inline Granularity per_group(std::int64_t size) { return {Granularity::Kind::group, size}; }

inline solvers::TensorQuantizer asymmetric(const CodeGrid& grid, Granularity granularity) {
    return {grid, granularity, {.rule = ScaleRule::asymmetric_through_zero}};
}
inline solvers::TensorQuantizer symmetric(const CodeGrid& grid, Granularity granularity, bool full_range = false) {
    return {grid, granularity, {.rule = full_range ? ScaleRule::symmetric_full_range : ScaleRule::symmetric_absmax}};
}

/// Mean squared output error in float64, as the records state it.
inline double output_mse(const at::Tensor& inputs, const at::Tensor& rounded, const at::Tensor& weight) {
    const at::Tensor difference = rounded.to(at::kDouble) - weight.to(at::kDouble);
    return at::mm(inputs.to(at::kDouble), difference.t()).square().mean().item<double>();
}

inline bool close(double actual, double expected, double relative) {
    return std::abs(actual - expected) <= relative * std::abs(expected);
}

#define COMPARE_CLOSE(actual, expected, relative)                                                                      \
    do {                                                                                                               \
        const double a_ = (actual), e_ = (expected);                                                                   \
        QVERIFY2(::graticule::testing::close(a_, e_, relative),                                                        \
                 qPrintable(QStringLiteral(#actual " is %1, expected %2").arg(a_, 0, 'g', 10).arg(e_, 0, 'g', 10)));   \
    } while (false)

/// The first values of a tensor against a record's list.
inline void compare_list(const at::Tensor& actual, const QJsonArray& expected, double relative) {
    const std::vector<float> values = to_vector(actual.flatten());
    QVERIFY(std::cmp_greater_equal(values.size(), expected.size()) && !expected.isEmpty());
    for (int i = 0; i < expected.size(); ++i)
        COMPARE_CLOSE(double(values[static_cast<std::size_t>(i)]), expected[i].toDouble(), relative);
}

/// Sum, absolute sum and first row of a record's "dequant", and its output error.
inline void compare_dequantized(const GoldenTensors& golden, const at::Tensor& actual, const QJsonObject& record,
                                double relative) {
    const QJsonObject dequant = record["dequant"].toObject();
    const at::Tensor wide = actual.to(at::kDouble);
    COMPARE_CLOSE(wide.abs().sum().item<double>(), dequant["abssum"].toDouble(), relative);
    QVERIFY(std::abs(wide.sum().item<double>() - dequant["sum"].toDouble()) <= relative * dequant["abssum"].toDouble());
    compare_list(actual.select(0, 0), dequant["row0"].toArray(), relative);
    COMPARE_CLOSE(output_mse(golden.inputs, actual, golden.weight), record["out_mse"].toDouble(), relative);
}

} // namespace graticule::testing
