// What became of a weight's values, counted in one pass on the CPU and by operations on tensors: the same.
#include "tests/solvers/golden_tensors.h"

#include "core/method/solvers/counted_weight.h"
#include "core/recipe/recipe.h"

using namespace graticule;
using namespace graticule::solvers;
using namespace graticule::testing;

namespace {

HostTensor stored(const at::Tensor& values, DType dtype) {
    const auto type = dtype == DType::bf16 ? at::kBFloat16 : dtype == DType::f16 ? at::kHalf : at::kFloat;
    auto held = std::make_shared<at::Tensor>(values.to(type).contiguous());
    const std::span<const std::byte> bytes(static_cast<const std::byte*>(held->data_ptr()), held->nbytes());
    return {dtype, held->sizes().vec(), std::move(held), bytes};
}

at::Tensor heavy_tailed(std::int64_t rows, std::int64_t columns) {
    at::manual_seed(5);
    at::Tensor weight = at::randn({rows, columns}).pow(3).mul_(0.02);
    weight.slice(1, 3, 5).zero_();
    return weight;
}

/// The definitions of kernels/api/counts.h, one operation on whole tensors after the other.
QuantizeCounts count_by_tensors(const at::Tensor& weight, const at::Tensor& codes, const at::Tensor& rounded,
                                const CodeGrid& grid, const BlockParams& params) {
    const at::Tensor steps = weight / spread_over_blocks(params.scale, params.layout);
    const at::Tensor zero = spread_over_blocks(params.zero, params.layout);
    const bool table = grid.shape == CodeGrid::Shape::table;
    const auto top = static_cast<std::size_t>(grid.levels - 1);
    const auto point = [&](std::size_t i) { return double(grid.table[i]); };
    at::Tensor low = table ? at::full_like(zero, point(0)) : -zero,
               high = table ? at::full_like(zero, point(top)) : double(top) - zero;
    for (int special = 0; special < grid.special_count; ++special) {
        low = low.clamp_max(double(grid.specials[std::size_t(special)]));
        high = high.clamp_min(double(grid.specials[std::size_t(special)]));
    }
    const double below = table ? (point(1) - point(0)) / 2 : 0.5,
                 above = table ? (point(top) - point(top - 1)) / 2 : 0.5;
    const at::Tensor underflow = (rounded == 0).logical_and(weight != 0);
    const at::Tensor clipped =
        (steps < low - below).logical_or(steps > high + above).logical_and(underflow.logical_not());
    const at::Tensor square = (rounded.to(at::kDouble) - weight.to(at::kDouble)).square();
    QuantizeCounts counts;
    counts.total = weight.numel();
    counts.zeros_in = (weight == 0).sum().item<std::int64_t>();
    counts.underflow = underflow.sum().item<std::int64_t>();
    counts.clipped = clipped.sum().item<std::int64_t>();
    counts.squared_error = square.sum().item<double>();
    counts.squared_underflow_error = (square * underflow).sum().item<double>();
    counts.squared_clip_error = (square * clipped).sum().item<double>();
    counts.squared_value = weight.to(at::kDouble).square().sum().item<double>();
    const at::Tensor used = at::bincount(codes.flatten(), {}, 256);
    std::copy_n(used.data_ptr<std::int64_t>(), 256, counts.codes_used);
    return counts;
}

void compare_counts(const QuantizeCounts& is, const QuantizeCounts& should) {
    QCOMPARE(is.total, should.total);
    QCOMPARE(is.zeros_in, should.zeros_in);
    QCOMPARE(is.underflow, should.underflow);
    QCOMPARE(is.clipped, should.clipped);
    for (int code = 0; code < 256; ++code) QCOMPARE(is.codes_used[code], should.codes_used[code]);
    COMPARE_CLOSE(is.squared_value, should.squared_value, 1e-6); // a card's are float32 within four values
    COMPARE_CLOSE(is.squared_error, should.squared_error, 1e-6);
    COMPARE_CLOSE(is.squared_underflow_error, should.squared_underflow_error, 1e-6);
    COMPARE_CLOSE(is.squared_clip_error, should.squared_clip_error, 1e-6);
}

} // namespace

class LayerCountsTest : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void one_pass_and_tensors_agree_data() {
        QTest::addColumn<QString>("scheme");
        QTest::addColumn<float>("narrowed"); // of the scales: what lies beyond is clipped
        for (const char* scheme : {"int4/asym/g128", "int4/asym/channel", "int4/sym/channel", "int8/asym/channel",
                                   "dint4/sym/g128", "dint4/asym/channel", "dint3/asym/g32", "fp4_e2m1/g32",
                                   "fp8_e4m3/channel", "nvfp4", "mxfp4", "int4/asym/tensor"})
            for (const float narrowed : {1.0F, 0.3F})
                QTest::addRow("%s x %g", scheme, double(narrowed)) << QString::fromLatin1(scheme) << narrowed;
    }
    void one_pass_and_tensors_agree() {
        QFETCH(QString, scheme);
        QFETCH(float, narrowed);
        const SchemeChoice choice = parse_scheme_line("w=" + scheme.toStdString());
        const Device device = open_device("cpu");
        const CodeGrid& grid = choice.scheme.weight->format->grid;
        const at::Tensor weight = heavy_tailed(96, 256);
        BlockParams params = find_params(weight, weight_quantizer(*choice.scheme.weight), device);
        params.scale = params.scale * narrowed;
        const at::Tensor codes = quantize(weight, grid, params, device);
        const QuantizeCounts by_tensors =
            count_by_tensors(weight, codes, dequantize(codes, grid, params, device), grid, params);
        if (narrowed < 1) QVERIFY(by_tensors.clipped > 0);
        compare_counts(count_codes(weight, grid, params, codes, device).counts, by_tensors);
    }

    /// A tensor as a file holds it against the whole way of a run: parameters, counts, and how the values lie in steps.
    void stored_weights_agree_with_the_whole_way_data() {
        QTest::addColumn<QString>("scheme");
        QTest::addColumn<int>("dtype");
        for (const char* scheme :
             {"int4/asym/g128", "int8/asym/channel", "dint4/sym/g128", "nvfp4", "int4/asym/tensor"})
            for (const DType dtype : {DType::f32, DType::bf16, DType::f16})
                QTest::newRow((std::string(scheme) + " " + std::string(row_of(dtype).name)).c_str())
                    << QString::fromLatin1(scheme) << int(dtype);
    }
    void stored_weights_agree_with_the_whole_way() {
        QFETCH(QString, scheme);
        QFETCH(int, dtype);
        const SchemeChoice choice = parse_scheme_line("w=" + scheme.toStdString());
        const Device device = open_device("cpu");
        const CodeGrid& grid = choice.scheme.weight->format->grid;
        const HostTensor file = stored(heavy_tailed(96, 256), DType(dtype));
        const at::Tensor weight = to_torch(file, device);
        const TensorQuantizer quantizer = weight_quantizer(*choice.scheme.weight);
        const QuantizedTensor whole = quantize_to_nearest(weight, quantizer, device);
        const CountedWeight counted = count_nearest(file, quantizer);
        QVERIFY(at::equal(counted.params.scale, whole.params.scale));
        QVERIFY(at::equal(counted.params.zero, whole.params.zero));
        QCOMPARE(counted.params.coarse.defined(), whole.params.coarse.defined());
        if (whole.params.coarse.defined()) QVERIFY(at::equal(counted.params.coarse, whole.params.coarse));
        compare_counts(counted.figures.counts,
                       count_by_tensors(weight, whole.codes, whole.dequantized, grid, whole.params));
        const at::Tensor steps = (weight / spread_over_blocks(whole.params.scale, whole.params.layout)).contiguous();
        const StepHistogram histogram = histogram_of(counted.figures.steps);
        const float largest = steps.abs().max().item<float>();
        QCOMPARE(histogram.largest, double(largest));
        QCOMPARE(histogram.width, 1.0 / 64);
        QCOMPARE(histogram.reach, std::int64_t(largest * 64) + 1);
        std::vector<double> expected(std::size_t(2 * histogram.reach));
        for (std::int64_t i = 0; i < steps.numel(); ++i)
            ++expected[std::size_t(std::floor(steps.data_ptr<float>()[i] * 64) + double(histogram.reach))];
        QVERIFY(histogram.counts == expected);
    }
};

GRATICULE_TEST(LayerCountsTest);
#include "tst_layer_counts.moc"
