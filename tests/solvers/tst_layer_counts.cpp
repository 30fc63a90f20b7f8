// What became of a weight's values, counted in one pass on the CPU and by operations on tensors: the same.
#include "tests/solvers/golden_tensors.h"

#include "core/method/layer_measure.h"
#include "core/method/solvers/counted_weight.h"

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

void compare_counts(const QuantizeCounts& is, const QuantizeCounts& should) {
    QCOMPARE(is.total, should.total);
    QCOMPARE(is.zeros_in, should.zeros_in);
    QCOMPARE(is.underflow, should.underflow);
    QCOMPARE(is.clipped, should.clipped);
    for (int code = 0; code < 256; ++code) QCOMPARE(is.codes_used[code], should.codes_used[code]);
    COMPARE_CLOSE(is.squared_value, should.squared_value, 1e-6); // the tensors' squares are float32
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
        Measured measured;
        measured.weight = weight;
        measured.codes = quantize(weight, grid, params, device);
        measured.rounded = measured.effective = dequantize(measured.codes, grid, params, device);
        measured.params = &params;
        const QuantizeCounts by_tensors = count_by_tensors(measured, grid);
        if (narrowed < 1) QVERIFY(by_tensors.clipped > 0);
        compare_counts(count_in_one_pass(measured, grid), by_tensors);
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
        const Measured measured{.weight = weight,
                                .rounded = whole.dequantized,
                                .effective = whole.dequantized,
                                .codes = whole.codes,
                                .params = &whole.params,
                                .inputs = {},
                                .keep = {}};
        compare_counts(counted.figures.counts, count_by_tensors(measured, grid));
        const at::Tensor steps = (weight / spread_over_blocks(whole.params.scale, whole.params.layout)).contiguous();
        const StepHistogram expected = count_in_steps({steps.data_ptr<float>(), std::size_t(steps.numel())});
        const StepHistogram histogram = histogram_of(counted.figures.steps);
        QCOMPARE(histogram.reach, expected.reach);
        QCOMPARE(histogram.width, expected.width);
        QCOMPARE(histogram.largest, expected.largest);
        QVERIFY(histogram.counts == expected.counts);
    }
};

GRATICULE_TEST(LayerCountsTest);
#include "tst_layer_counts.moc"
