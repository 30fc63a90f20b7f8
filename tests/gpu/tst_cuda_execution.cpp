// Evaluation on a GPU against the CPU, on both samples: in float32 within rounding, in the GPU's own 16 bits within
// what the type promises, with blocks that stream bit for bit as with blocks that stay.
#include <QtTest/QTest>

#include <cmath>

#include "core/engine/engine.h"
#include "core/engine/measure_sensitivity.h"
#include "core/engine/resources.h"
#include "core/result/divergence.h"
#include "core/runtime/device.h"
#include "tests/support/test_main.h"

using namespace graticule;

class TestCudaExecution : public QObject {
    Q_OBJECT

    static constexpr const char* lines[] = {
        "", "w=int4/asym/g128 a=int8/sym/token", "w=dint4/asym/channel a=int8/asym/token",
        "w=fp4_e2m1/sym/g32 a=fp8_e4m3/sym/token", "w=int8/sym/channel k=int4/asym/token"};

    static OpenedModel open(const QString& name) {
        JobContext ctx;
        return open_model(
            std::filesystem::path(GRATICULE_SOURCE_DIR) / "resources/samples" / ("sample-" + name.toStdString()), ctx);
    }
    /// Quantized on the CPU, so that both devices evaluate the same codes.
    static std::shared_ptr<const QuantizedModel> quantized(const OpenedModel& opened, const QString& line) {
        if (line.isEmpty()) return nullptr;
        JobContext ctx;
        Recipe recipe;
        recipe.defaults = parse_scheme_line(line.toStdString());
        return quantize(opened.model, nullptr, *resolve(recipe, *opened.model).resolved, ctx);
    }
    static std::shared_ptr<const Evaluation> run(const OpenedModel& opened,
                                                 const std::shared_ptr<const QuantizedModel>& model, const char* device,
                                                 const Execution& execution, std::int64_t weight_budget = -1) {
        JobContext ctx;
        ctx.device = device;
        ctx.execution = execution;
        ctx.weight_budget = weight_budget;
        EvaluationSpec spec;
        spec.window = 256;
        spec.max_windows = 24;
        return evaluate(opened.model, model, *opened.tokenizer, load_text({}, BuiltInText::evaluation), spec, ctx);
    }
    static void add_rows() {
        QTest::addColumn<QString>("model");
        QTest::addColumn<QString>("line");
        for (const char* model : {"opt", "llama"})
            for (const char* line : lines)
                QTest::addRow("%s %s", model, *line ? line : "full precision") << model << line;
    }
    static double ratio(const Evaluation& a, const Evaluation& b) { return std::abs(a.perplexity / b.perplexity - 1); }

private Q_SLOTS:
    void initTestCase() {
        std::string why;
        try {
            (void)open_device("cuda").kernels();
        } catch (const Error& error) {
            why = error.info().text();
        }
        if (why.empty()) return;
        if (qEnvironmentVariableIntValue("GRATICULE_REQUIRE_CUDA") == 1) QFAIL(why.c_str());
        QSKIP(("NOTHING WAS COMPARED, these tests need CUDA: " + why).c_str());
    }

    void float32_agrees_with_the_cpu_data() { add_rows(); }
    void float32_agrees_with_the_cpu() {
        QFETCH(QString, model);
        QFETCH(QString, line);
        const OpenedModel opened = open(model);
        const auto codes = quantized(opened, line);
        const Execution exact{Compute::float32, Arithmetic::simulated};
        const auto cpu = run(opened, codes, "cpu", exact), gpu = run(opened, codes, "cuda", exact);
        // Rounded inputs on a tie may go either way, which one layer hands on to the next.
        const double bound = line.isEmpty() ? 1e-5 : 5e-3;
        QVERIFY2(ratio(*gpu, *cpu) < bound, std::to_string(ratio(*gpu, *cpu)).c_str());
        QCOMPARE(gpu->kernels, cpu->kernels);
    }

    /// Token by token of a window; and the gradients, by what they predict.
    void divergences_agree_with_the_cpu_data() {
        QTest::addColumn<QString>("model");
        QTest::newRow("opt") << "opt";
        QTest::newRow("llama") << "llama";
    }
    void divergences_agree_with_the_cpu() {
        QFETCH(QString, model);
        const OpenedModel opened = open(model);
        const auto codes = quantized(opened, "w=int4/asym/g128");
        const auto on = [&](const char* device) {
            JobContext ctx;
            ctx.device = device;
            ctx.execution = {Compute::float32, Arithmetic::simulated};
            SensitivitySpec spec;
            spec.text.window = 256;
            spec.text.max_windows = 4;
            spec.text.predictions = true;
            spec.measured = 0;
            const std::vector<EvaluationSide> sides = {{nullptr, {}}, {codes, {}}};
            const Corpus text = load_text({}, BuiltInText::evaluation);
            const auto runs = evaluate_together(opened.model, sides, *opened.tokenizer, text, spec.text, ctx);
            const auto predicted =
                measure_sensitivity(opened.model, std::span(&codes, 1), *opened.tokenizer, text, spec, ctx);
            return std::pair{divergence_between(*runs[0], *runs[1]).value(), predicted};
        };
        const auto [cpu, cpu_predicted] = on("cpu");
        const auto [gpu, gpu_predicted] = on("cuda");
        QVERIFY(std::abs(gpu.mean / cpu.mean - 1) < 1e-3 && std::abs(gpu.p99 / cpu.p99 - 1) < 1e-2);
        QVERIFY(std::abs(gpu.same_first_choice - cpu.same_first_choice) < 3e-3);
        // A label is drawn where a sum of probabilities passes a random number: one in many thousands falls on the other
        // side of it, and moves the sums of its window.
        std::vector<double> off;
        for (std::size_t i = 0; i < opened.model->linears().size(); ++i)
            off.push_back(std::abs(
                gpu_predicted->schemes[0].layers[i].predicted / cpu_predicted->schemes[0].layers[i].predicted - 1));
        std::ranges::sort(off);
        const std::string found = "predicted damage, off by: median " + std::to_string(off[off.size() / 2]) +
                                  ", most " + std::to_string(off.back());
        qInfo("%s", found.c_str());
        QVERIFY2(off[off.size() / 2] < 1e-2 && off.back() < 0.1, found.c_str());
    }

    void sixteen_bits_agree_with_float32_data() { add_rows(); }
    void sixteen_bits_agree_with_float32() {
        QFETCH(QString, model);
        QFETCH(QString, line);
        const OpenedModel opened = open(model);
        const auto codes = quantized(opened, line);
        const auto cpu = run(opened, codes, "cpu", {Compute::float32, Arithmetic::simulated});
        for (const Compute compute : {Compute::automatic, Compute::bfloat16, Compute::float16}) {
            const auto gpu = run(opened, codes, "cuda", {compute, Arithmetic::simulated});
            QVERIFY(gpu->protocol.execution.compute != Compute::automatic);
            QVERIFY(gpu->protocol.execution.compute != Compute::float32);
            QVERIFY2(ratio(*gpu, *cpu) < 0.015, std::to_string(ratio(*gpu, *cpu)).c_str());
        }
    }

    void losses_do_not_depend_on_memory_data() { add_rows(); }
    void losses_do_not_depend_on_memory() {
        QFETCH(QString, model);
        QFETCH(QString, line);
        const OpenedModel opened = open(model);
        const auto codes = quantized(opened, line);
        const auto resident = run(opened, codes, "cuda", {});
        for (const std::int64_t budget : {std::int64_t{0}, 2 * opened.model->linear_parameter_count() / 4})
            QCOMPARE(run(opened, codes, "cuda", {}, budget)->window_losses, resident->window_losses);
        QCOMPARE(run(opened, codes, "cuda", {})->window_losses, resident->window_losses);
    }

    void integer_products_agree_with_the_cpu() {
        for (const char* name : {"opt", "llama"}) {
            const OpenedModel opened = open(name);
            const auto codes = quantized(opened, "w=int4/asym/g128 a=int8/sym/token");
            const auto cpu = run(opened, codes, "cpu", {Compute::float32, Arithmetic::integer});
            const auto gpu = run(opened, codes, "cuda", {Compute::automatic, Arithmetic::integer});
            QVERIFY2(ratio(*gpu, *cpu) < 0.015, std::to_string(ratio(*gpu, *cpu)).c_str());
        }
    }
};

GRATICULE_TEST(TestCudaExecution);
#include "tst_cuda_execution.moc"
