// What streams of calibration samples give at a site: the sums of the whole inputs, whatever the memory for them.
#include "tests/solvers/golden_tensors.h"

#include <c10/util/Exception.h>

#include <map>

#include "core/engine/engine.h"
#include "core/method/pipeline.h"
#include "core/method/sample_stream.h"
#include "core/runtime/activation_rounding.h"
#include "core/runtime/input_mapping.h"
#include "core/runtime/model_runner.h"
#include "core/runtime/weight_source.h"

using namespace graticule;
using namespace graticule::testing;

namespace {

using Rows = SampleWants::Rows;

/// Runs out of memory the first `times` times that it sees something.
class Exhausted final : public DecoderHooks {
public:
    explicit Exhausted(int times)
        : left_(times) {}
    void observe(SiteId, const at::Tensor& x) override {
        largest = std::max(largest, x.size(0));
        if (left_-- > 0) C10_THROW_ERROR(OutOfMemoryError, "CUDA out of memory. Tried to allocate 2.00 GiB.");
        largest_done = std::max(largest_done, x.size(0));
    }
    std::int64_t largest = 0, largest_done = 0; ///< samples at once: of all, and of those that went well

private:
    int left_;
};

/// The stored weights, on a device that is full `times` times from some linear of the second block on.
class FullDevice final : public WeightSource {
public:
    explicit FullDevice(int times)
        : left_(times) {}
    [[nodiscard]] HostTensor weight(const Linear& linear) const override {
        if (index_of(linear.block) == 1 && linear.role == Role::o && left_-- > 0)
            C10_THROW_ERROR(OutOfMemoryError, "CUDA out of memory. Tried to allocate 2.00 GiB.");
        return linear.weight;
    }

private:
    mutable int left_;
};

/// A table whose first `times` rows do not fit.
class FullTable final : public EncodedRows {
public:
    FullTable(HostTensor values, int times)
        : values_(std::move(values))
        , left_(times) {}
    void decode(std::int64_t first, std::int64_t count, float* out) const override {
        if (left_-- > 0) C10_THROW_ERROR(OutOfMemoryError, "CUDA out of memory. Tried to allocate 2.00 GiB.");
        to_floats(values_, first, count, out);
    }

private:
    HostTensor values_;
    mutable int left_;
};

} // namespace

class TestSamples : public QObject {
    Q_OBJECT

    OpenedModel opened_;
    std::shared_ptr<const ActivationStats> stats_;

private Q_SLOTS:
    void initTestCase() {
        JobContext ctx;
        opened_ = open_model(std::filesystem::path(GRATICULE_SOURCE_DIR) / "resources/samples/sample-llama", ctx);
        CalibrationSpec spec;
        spec.samples = 6;
        spec.length = 48;
        stats_ = calibrate(*opened_.model, *opened_.tokenizer, spec, ctx);
    }

    void parts_give_what_the_whole_gives() {
        at::manual_seed(8);
        const Device device = open_device("cpu");
        const at::Tensor x = at::randn({6, 50, 24}); // six samples
        const at::Tensor all = x.view({300, 24});
        for (const SampleWants& wants :
             {SampleWants{.gram = true, .magnitudes = true, .rows = Rows::all}, SampleWants{.rows = Rows::last_sample},
              SampleWants{.rows = Rows::spread, .count = 40}, SampleWants{.rows = Rows::spread, .count = 1000}}) {
            SampleSums sums(wants, 300, 6, device);
            for (const at::Tensor& part : {x.slice(0, 0, 1), x.slice(0, 1, 4), x.slice(0, 4, 6)}) sums.add(part);
            const SiteSamples found = sums.finish();
            QCOMPARE(found.gram.defined(), wants.gram);
            if (wants.gram) {
                QVERIFY(at::allclose(found.gram, at::mm(all.t(), all), 1e-5, 1e-4));
                QVERIFY(at::equal(found.absmax(), x.abs().amax(1)));
                QVERIFY(at::equal(found.highest, x.amax(1)));
                QVERIFY(at::allclose(found.absmean, all.abs().mean(0), 1e-6, 0));
            }
            const std::int64_t stride = wants.count == 40 ? 7 : 1;
            const at::Tensor rows = wants.rows == Rows::last_sample ? x[5] : all.slice(0, 0, 300, stride);
            QVERIFY(at::equal(found.rows, rows));
        }
    }
    void rotated_inputs_are_summed_rotated() {
        at::manual_seed(9);
        const Device device = open_device("cpu");
        const at::Tensor x = at::randn({2, 30, 48}), all = hadamard(x, 16, device).view({60, 48});
        SampleSums sums({.gram = true, .magnitudes = true, .rows = Rows::all, .hadamard = 16}, 60, 2, device);
        sums.add(x);
        const SiteSamples found = sums.finish();
        QVERIFY(at::equal(found.rows, all));
        QVERIFY(at::equal(found.lowest.amin(0), std::get<0>(all.min(0))));
        QVERIFY(at::allclose(found.gram, at::mm(all.t(), all), 1e-5, 1e-4));
    }

    /// No room: every site has a pass of its own, and the result is the same to the byte.
    void memory_changes_no_byte_data() {
        QTest::addColumn<QString>("line");
        for (const char* line :
             {"w=int4/asym/g64 awq:grid=3 clip:grid=3 gptq", "w=int4/asym/dual128 a=int8/sym/token dgq",
              "w=int4/asym/channel a=int8/asym/token aqas:grid=3 gptq:true_sequential=true"})
            QTest::newRow(line) << line;
    }
    void memory_changes_no_byte() {
        QFETCH(QString, line);
        Recipe recipe;
        recipe.defaults = parse_scheme_line(line.toStdString());
        const Resolution resolution = resolve(recipe, *opened_.model);
        QVERIFY2(resolution.resolved.has_value(), resolution.diagnostics.text().c_str());
        std::vector<std::vector<QuantizedLinear>> runs;
        for (const std::int64_t bytes : {std::int64_t(0), std::int64_t(1) << 40}) {
            QuantizePipeline pipeline(opened_.model, stats_, choices_of(*resolution.resolved), open_device("cpu"),
                                      {.sample_bytes = bytes});
            JobContext ctx;
            auto& run = runs.emplace_back();
            for (const Block& block : opened_.model->blocks())
                if (index_of(block.id) < 3)
                    pipeline.run(block.id, ctx, [&](QuantizedLinear&& linear) { run.push_back(std::move(linear)); });
        }
        QCOMPARE(runs[0].size(), std::size_t(21));
        for (std::size_t i = 0; i < runs[0].size(); ++i)
            QVERIFY2(runs[0][i].codes == runs[1][i].codes && runs[0][i].params == runs[1][i].params,
                     runs[0][i].report.name.c_str());
    }

    /// A report rounds the kept rows as the forward pass does: a scale for all tokens is that of one sample.
    void reports_round_sample_by_sample() {
        Recipe recipe;
        recipe.defaults = parse_scheme_line("w=int8/sym/channel a=int8/sym/tensor");
        JobContext ctx;
        const auto result = quantize(opened_.model, stats_, *resolve(recipe, *opened_.model).resolved, ctx);
        const Device device = open_device("cpu");
        for (const LayerId layer : {opened_.model->blocks()[1].q, opened_.model->blocks()[2].mlps.front().down}) {
            const SiteStats& site = stats_->sites[index_of(opened_.model->linear(layer).site)];
            const at::Tensor rows = to_torch(site.kept_rows, device);
            QCOMPARE(rows.size(0), 6 * 48); // all of them
            const ActivationRounding rounding{*recipe.defaults.scheme.input};
            const auto error = [&](const at::Tensor& x) {
                return (round_activation(rounding, x, device) - x).to(at::kDouble).square().mean().item<double>();
            };
            const double expected = error(rows.view({6, 48, -1})); // what is first is a sample
            COMPARE_CLOSE(*result->linears[index_of(layer)]->report.input_mse, expected, 1e-6);
            QVERIFY(!close(error(rows), expected, 1e-3));
        }
    }

    void out_of_memory_is_tried_smaller_data() {
        QTest::addColumn<int>("times");
        QTest::addColumn<int>("samples_at_once");
        QTest::newRow("fewer sites") << 1 << 6;
        QTest::newRow("fewer samples") << 3 << 3;
        QTest::newRow("one sample") << 4 << 1;
    }
    void out_of_memory_is_tried_smaller() {
        QFETCH(int, times);
        QFETCH(int, samples_at_once);
        const Device device = open_device("cpu");
        const TorchScope scope(device);
        const Decoder decoder(opened_.model, stored_weights(), device);
        SampleStream stream(decoder, stats_->samples, 0);
        const BlockWeights weights = decoder.load(BlockId(0));
        std::vector<SampleQuestion> questions;
        for (const InputSite& site : opened_.model->input_sites())
            if (index_of(site.block) == 0) questions.push_back({site.id, {.gram = true, .rows = Rows::all}});
        const auto expected = stream.collect(decoder, BlockId(0), weights, questions);
        int told = 0;
        SampleBudget budget{std::int64_t(1) << 40, [&](const std::string&) { ++told; }};
        Exhausted exhausted(times);
        BlockSamples samples(stream, decoder, BlockId(0), weights, budget, false, &exhausted);
        for (const SampleQuestion& question : questions) samples.expect(question);
        for (const SampleQuestion& question : questions) {
            const SiteSamples& found = samples.at(question);
            QVERIFY(at::allclose(found.gram, expected.at(question).gram, 1e-5, 1e-4));
            QVERIFY(at::allclose(found.rows, expected.at(question).rows, 1e-5, 1e-5));
        }
        QCOMPARE(told, times);
        QCOMPARE(exhausted.largest, std::int64_t(6));
        QCOMPARE(exhausted.largest_done, std::int64_t(samples_at_once));
    }
    void an_evaluation_without_memory_is_tried_smaller() {
        const std::vector<ModelRunner::Window> windows(stats_->samples.begin(), stats_->samples.end());
        const auto losses_of = [&](int times, std::string& log) {
            JobContext ctx;
            ctx.log = [&](const std::string& told) { log += told; };
            ModelRunner runner(opened_.model, std::make_shared<FullDevice>(times), open_device("cpu"));
            std::vector<double> losses;
            runner.window_losses(windows, 1, ctx,
                                 [&](std::span<const double> of_sides) { losses.push_back(of_sides.front()); });
            return losses;
        };
        std::string quiet, told;
        const std::vector<double> expected = losses_of(0, quiet), losses = losses_of(1, told);
        QVERIFY2(quiet.empty(), quiet.c_str());
        QVERIFY2(told.find("out of memory on cpu; once more with 512 tokens per product") != std::string::npos,
                 told.c_str());
        QCOMPARE(losses.size(), expected.size());
        for (std::size_t i = 0; i < losses.size(); ++i) COMPARE_CLOSE(losses[i], expected[i], 1e-6);
        try {
            (void)losses_of(2, told);
            QFAIL("it went on");
        } catch (const Error& error) {
            QCOMPARE(error.info().kind, ErrorKind::out_of_memory);
        }
    }
    void a_calibration_without_memory_is_tried_smaller() {
        const std::vector<ModelRunner::Window> windows(stats_->samples.begin(), stats_->samples.end());
        const StatisticsPlan plan = statistics_plan(*opened_.model, std::ssize(windows), 48);
        JobContext ctx;
        std::string told;
        ctx.log = [&](const std::string& line) { told += line; };
        ModelRunner runner(opened_.model, std::make_shared<FullDevice>(1), open_device("cpu"));
        std::map<SiteId, SiteStats> seen;
        (void)runner.observe(windows, &plan, ctx, [&](SiteStats&& site) { seen[site.site] = std::move(site); });
        QVERIFY2(told.find("once more with 512 tokens") != std::string::npos, told.c_str());
        QCOMPARE(ctx.progress.snapshot().done, std::ssize(windows) * std::ssize(opened_.model->blocks()));
        for (const SiteStats& expected : stats_->sites) {
            const ChannelStats &is = seen.at(expected.site).all().channels, &should = expected.all().channels;
            QVERIFY(is.tokens == should.tokens && is.maximum == should.maximum && is.mean == should.mean);
        }
        ModelRunner full(opened_.model, std::make_shared<FullDevice>(2), open_device("cpu"));
        QVERIFY_THROWS_EXCEPTION(Error, (void)full.observe(windows, &plan, ctx, [](SiteStats&&) {}));
    }
    /// The samples' states are made once more, fewer at a time: the same states.
    void a_stream_without_memory_is_opened_smaller() {
        Recipe recipe;
        recipe.defaults = parse_scheme_line("w=int4/asym/channel gptq");
        const LayerChoices choices = choices_of(*resolve(recipe, *opened_.model).resolved);
        const auto codes_of = [&](const std::shared_ptr<const Model>& model, std::string& log) {
            QuantizePipeline pipeline(model, stats_, choices, open_device("cpu"));
            JobContext ctx;
            ctx.log = [&](const std::string& told) { log += told; };
            std::vector<PackedCodes> codes;
            pipeline.run(BlockId(0), ctx, [&](QuantizedLinear&& linear) { codes.push_back(linear.codes); });
            return codes;
        };
        Model::Parts parts = opened_.model->parts();
        const auto table = std::make_shared<FullTable>(parts.embedding, 1);
        parts.embedding.encoded = table;
        parts.embedding.dtype = DType::encoded;
        std::string quiet, told;
        const auto expected = codes_of(opened_.model, quiet);
        const auto codes = codes_of(std::make_shared<const Model>(std::move(parts)), told);
        QVERIFY2(quiet.empty() && told.find("once more with fewer samples") != std::string::npos, told.c_str());
        QVERIFY(codes == expected);
    }
    void one_sample_that_does_not_fit_is_an_error() {
        const Device device = open_device("cpu");
        const TorchScope scope(device);
        const Decoder decoder(opened_.model, stored_weights(), device);
        SampleStream stream(decoder, stats_->samples, 0);
        const BlockWeights weights = decoder.load(BlockId(0));
        SampleBudget budget{0, [](const std::string&) {}};
        Exhausted exhausted(1000);
        BlockSamples samples(stream, decoder, BlockId(0), weights, budget, false, &exhausted);
        const SampleQuestion question{opened_.model->input_sites().front().id, {.gram = true}};
        samples.expect(question);
        QVERIFY_THROWS_EXCEPTION(c10::OutOfMemoryError, (void)samples.at(question));
    }
};

GRATICULE_TEST(TestSamples);
#include "tst_samples.moc"
