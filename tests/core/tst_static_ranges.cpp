// Static scales against their definition, computed here from the calibration's own rows.
#include <QtTest/QTest>

#include <algorithm>
#include <cmath>

#include "core/engine/engine.h"
#include "core/engine/resources.h"
#include "tests/support/test_main.h"

using namespace graticule;

namespace {

constexpr std::int64_t samples = 4, length = 64;

struct Matrix { ///< (rows, columns) of all samples one after another
    std::int64_t rows = 0, columns = 0;
    std::vector<double> values;
    [[nodiscard]] double at(std::int64_t r, std::int64_t c) const { return values[std::size_t(r * columns + c)]; }
};

/// W x + b of every row.
Matrix outputs_of(const Linear& linear, const Matrix& x) {
    const std::vector<float> weight = to_floats(linear.weight), bias = to_floats(*linear.bias);
    Matrix y{x.rows, linear.out_features(), {}};
    for (std::int64_t r = 0; r < x.rows; ++r)
        for (std::int64_t o = 0; o < y.columns; ++o) {
            double sum = double(bias[std::size_t(o)]);
            for (std::int64_t c = 0; c < x.columns; ++c)
                sum += double(weight[std::size_t(o * x.columns + c)]) * x.at(r, c);
            y.values.push_back(sum);
        }
    return y;
}

/// Largest over channels of the least over samples of the channel's absolute maximum; column c is channel c % period.
double least_sample_reach(const Matrix& x, std::int64_t period) {
    double reach = 0;
    for (std::int64_t channel = 0; channel < period; ++channel) {
        double least = INFINITY;
        for (std::int64_t sample = 0; sample < samples; ++sample) {
            double absmax = 0;
            for (std::int64_t r = sample * length; r < (sample + 1) * length; ++r)
                for (std::int64_t c = channel; c < x.columns; c += period)
                    absmax = std::max(absmax, std::fabs(x.at(r, c)));
            least = std::min(least, absmax);
        }
        reach = std::max(reach, least);
    }
    return reach;
}

bool near(double a, double b) { return std::fabs(a - b) <= 2e-5 * std::fabs(b); }

} // namespace

class TestStaticRanges : public QObject {
    Q_OBJECT

    OpenedModel opened_;
    std::shared_ptr<const ActivationStats> stats_;
    Matrix inputs_; ///< of the first block's attention

    std::shared_ptr<const QuantizedModel> quantized(const std::string& line) const {
        Recipe recipe;
        recipe.defaults = parse_scheme_line(line);
        const Resolution resolution = resolve(recipe, *opened_.model);
        if (!resolution.resolved) throw Error(ErrorKind::bad_input, resolution.diagnostics.text());
        if (!resolution.resolved->needs_calibration()) throw Error(ErrorKind::internal, "static needs calibration");
        JobContext ctx;
        return quantize(opened_.model, stats_, *resolution.resolved, ctx);
    }
    const Linear& linear(const char* name) const { return opened_.model->linear(*opened_.model->find_linear(name)); }
    double loss(const std::shared_ptr<const QuantizedModel>& model) const {
        JobContext ctx;
        EvaluationSpec spec;
        spec.window = 64;
        spec.max_windows = 2;
        return evaluate(opened_.model, model, *opened_.tokenizer, load_text("", BuiltInText::evaluation), spec, ctx)
            ->window_losses.front();
    }

private Q_SLOTS:
    void initTestCase() {
        JobContext ctx;
        opened_ = open_model(std::filesystem::path(GRATICULE_SOURCE_DIR) / "resources/samples/sample-opt", ctx);
        CalibrationSpec spec;
        spec.samples = samples;
        spec.length = length;
        stats_ = calibrate(*opened_.model, *opened_.tokenizer, spec, ctx);
        const HostTensor& rows = stats_->sites.front().kept_rows; // so few tokens are kept as a whole
        QCOMPARE(rows.rows(), samples * length);
        const std::vector<float> values = to_floats(rows);
        inputs_ = {rows.rows(), rows.columns(), {values.begin(), values.end()}};
    }

    // DGQ 141eef7: inputs amax/127; queries, keys and values 2 amax/255 around code 128 (127.5 before rounding).
    void dgq_takes_the_least_sample() {
        const auto model = quantized("w=int4/asym/dual128 a=int8/sym/static q=int8/asym/static k=int8/asym/static "
                                     "v=int8/asym/static dgq");
        const auto& q = model->linears[index_of(linear("layers.0.self_attn.q_proj").id)];
        QVERIFY(near(double(q->static_input->scale), least_sample_reach(inputs_, inputs_.columns) / 127));
        const std::int64_t head_dim = opened_.model->config().head_dim;
        const std::pair<const char*, Operand> owners[] = {{"layers.0.self_attn.q_proj", Operand::query},
                                                          {"layers.0.self_attn.k_proj", Operand::key},
                                                          {"layers.0.self_attn.v_proj", Operand::value}};
        for (const auto& [name, operand] : owners) {
            const auto& owner = model->linears[index_of(linear(name).id)];
            QCOMPARE(owner->static_operands.size(), std::size_t(1));
            const StaticScale found = owner->static_operands.at(operand);
            const double reach = least_sample_reach(outputs_of(linear(name), inputs_), head_dim);
            QVERIFY2(near(double(found.scale), 2 * reach / 255), name);
            QVERIFY(found.zero == 127 || found.zero == 128);
        }
        const auto extremes = quantized("w=int4/asym/dual128 a=int8/sym/static dgq:static_range=extremes");
        QVERIFY(extremes->linears[index_of(q->layer)]->static_input->scale > q->static_input->scale);
    }
    void other_methods_take_the_extremes() {
        const auto model = quantized("w=int8/sym/channel k=int8/asym/static p=int8/sym/static");
        const Matrix keys = outputs_of(linear("layers.0.self_attn.k_proj"), inputs_);
        const auto [low, high] = std::minmax_element(keys.values.begin(), keys.values.end());
        const StaticScale key =
            model->linears[index_of(linear("layers.0.self_attn.k_proj").id)]->static_operands.at(Operand::key);
        QVERIFY(near(double(key.scale), (*high - *low) / 255));
        QCOMPARE(double(key.zero), std::nearbyint(-*low / double(key.scale)));
        // The first token of a sequence looks at itself alone, so the largest probability is one.
        for (const auto& block : opened_.model->blocks())
            QCOMPARE(model->linears[index_of(block.v)]->static_operands.at(Operand::probability).scale, 1.0F / 127);
    }
    void they_are_used_and_needed() {
        const std::string weights = "w=int8/sym/channel";
        const auto with = quantized(weights + " v=int4/sym/static");
        auto narrow = std::make_shared<QuantizedModel>(*with);
        for (auto& one : narrow->linears)
            for (auto& [operand, fixed] : one->static_operands) fixed.scale /= 100; // clips nearly everything
        QVERIFY(loss(narrow) > loss(with) + 0.1);
        auto without = std::make_shared<QuantizedModel>(*with);
        without->linears[index_of(linear("layers.3.self_attn.v_proj").id)]->static_operands.clear();
        try {
            (void)loss(without);
            QFAIL("no error");
        } catch (const Error& error) {
            QVERIFY2(error.info().message.find("layers.3.self_attn.v_proj") != std::string::npos,
                     error.info().message.c_str());
        }
    }
    // What rounding compensates for is what will be read at run time: clipped values change the input of out_proj.
    void later_layers_see_quantized_operands() {
        const std::string line = "w=int4/asym/g128 a=int8/sym/token ";
        const auto plain = quantized(line + "q=int8/asym/static gptq:quantized_inputs=true");
        const auto coarse = quantized(line + "q=int2/asym/static gptq:quantized_inputs=true");
        const auto codes = [&](const std::shared_ptr<const QuantizedModel>& model, const char* name) {
            return model->linears[index_of(linear(name).id)]->codes;
        };
        QVERIFY(codes(plain, "layers.0.self_attn.q_proj") == codes(coarse, "layers.0.self_attn.q_proj"));
        QVERIFY(codes(plain, "layers.0.self_attn.out_proj") != codes(coarse, "layers.0.self_attn.out_proj"));
        QVERIFY(codes(plain, "layers.1.self_attn.q_proj") != codes(coarse, "layers.1.self_attn.q_proj"));
    }
};

GRATICULE_TEST(TestStaticRanges);
#include "tst_static_ranges.moc"
