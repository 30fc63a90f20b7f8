// Evaluation on a GPU against the CPU, on both samples: in float32 within rounding, in the GPU's own 16 bits within
// what the type promises, with blocks that stream bit for bit as with blocks that stay; integer and weight-only products by
// the kernels that are there for them, which results must name.
#include <QtTest/QTest>

#include <cmath>

#include "core/engine/engine.h"
#include "core/engine/measure_sensitivity.h"
#include "core/engine/measure_speed.h"
#include "core/engine/resources.h"
#include "core/result/divergence.h"
#include "core/runtime/device.h"
#include "core/runtime/model_runner.h"
#include "kernels/conformance/row_coverage.h"
#include "tests/support/test_main.h"

using namespace graticule;

class TestCudaExecution : public QObject {
    Q_OBJECT

    static constexpr const char* lines[] = {
        "", "w=int4/asym/g128 a=int8/sym/token", "w=dint4/asym/channel a=int8/asym/token",
        "w=fp4_e2m1/sym/g32 a=fp8_e4m3/sym/token", "w=int8/sym/channel k=int4/asym/token"};

    /// What asks for codes, the tokens of a product, and the kernel it runs on: on Hopper, and on every other card.
    struct ProductCase {
        const char* line;
        std::int64_t tokens;
        const char* hopper;
        const char* others;
    };
    static constexpr const char *wgmma = "integer wgmma sm_90a", *mma = "integer mma.sync", *w4a16 = "w4a16 mma.sync",
                                *expanded = "dense, expanded by w4a16 mma.sync";
    static constexpr ProductCase products[] = {{"w=int4/asym/dual128 a=int8/sym/token", 256, wgmma, mma},
                                               {"w=int4/asym/dual64 a=int8/asym/token", 256, wgmma, mma},
                                               {"w=int4/asym/channel a=int8/sym/token", 256, wgmma, mma},
                                               {"w=int4/asym/channel a=int8/sym/token", 8, wgmma, mma},
                                               {"w=dint4/asym/channel a=int8/asym/token", 256, wgmma, mma},
                                               {"w=int8/sym/channel a=int8/sym/token", 256, wgmma, mma},
                                               {"w=int4/asym/dual32 a=int8/sym/token", 256, mma, mma},
                                               {"w=int4/asym/g128 a=int8/sym/token", 256, wgmma, mma},
                                               {"w=int4/asym/g64 a=int8/sym/token", 8, wgmma, mma},
                                               {"w=dint4/asym/g128 a=int8/sym/token", 256, wgmma, mma},
                                               {"w=int4/asym/g32 a=int8/sym/token", 256, mma, mma},
                                               {"w=int4/asym/g128", 64, w4a16, w4a16},
                                               {"w=int4/asym/channel", 8, w4a16, w4a16},
                                               {"w=int4/asym/g128", 256, expanded, expanded}};

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
    static void add_products() {
        QTest::addColumn<QString>("model");
        QTest::addColumn<QString>("line");
        QTest::addColumn<qint64>("tokens");
        QTest::addColumn<QString>("kernel");
        const bool hopper = driver_capability() == 90;
        for (const char* model : {"opt", "llama"})
            for (const ProductCase& product : products)
                QTest::addRow("%s %s, %d tokens", model, product.line, static_cast<int>(product.tokens))
                    << model << product.line << static_cast<qint64>(product.tokens)
                    << (hopper ? product.hopper : product.others);
    }
    struct Losses {
        std::vector<double> of_windows;
        std::vector<KernelUse> kernels;
        [[nodiscard]] double mean() const {
            double sum = 0;
            for (const double loss : of_windows) sum += loss;
            return sum / static_cast<double>(of_windows.size());
        }
    };
    /// Of windows of so many tokens, each a product of its own.
    static Losses losses_of(const OpenedModel& opened, const std::shared_ptr<const QuantizedModel>& model,
                            const char* device, const Execution& execution, std::int64_t tokens,
                            std::int64_t weight_budget = -1, std::int64_t state_budget = -1) {
        JobContext ctx;
        const std::vector<std::int32_t> ids = tokenize(*opened.tokenizer, load_text({}, BuiltInText::evaluation));
        std::vector<ModelRunner::Window> windows;
        const std::int64_t all = tokens < 64 ? 64 : 12; // so that roundings average
        for (std::int64_t i = 0; i < all; ++i)
            windows.push_back(std::span(ids).subspan(std::size_t(i * tokens), std::size_t(tokens)));
        ModelRunner runner(opened.model, model, open_device(device), {execution, tokens, weight_budget, state_budget});
        Losses losses;
        runner.window_losses(windows, 1, ctx,
                             [&](std::span<const double> of_sides) { losses.of_windows.push_back(of_sides.front()); });
        losses.kernels = runner.kernels();
        return losses;
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

    /// A card without kernels says so itself and takes none from the others.
    void every_card_answers_for_itself() {
        for (const DeviceRow& row : list_devices()) {
            if (!row.name.starts_with("cuda:")) continue;
            const Device device = open_device(row.name);
            std::string problem;
            try {
                QCOMPARE(device.kernels().name(), std::string_view("cuda"));
            } catch (const Error& error) {
                problem = error.info().text();
            }
            QCOMPARE(device.has_kernels(), problem.empty());
            QVERIFY2(problem.empty() || problem.find(row.label) != std::string::npos, problem.c_str());
        }
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

    void products_of_codes_run_on_their_kernels_data() { add_products(); }
    /// Every linear on the kernel that is there for it; figures as those of the CPU's integers (of simulation, where
    /// inputs stay in 16 bits) and of simulation on the card.
    void products_of_codes_run_on_their_kernels() {
        QFETCH(QString, model);
        QFETCH(QString, line);
        QFETCH(qint64, tokens);
        QFETCH(QString, kernel);
        const OpenedModel opened = open(model);
        const auto codes = quantized(opened, line);
        const Losses gpu = losses_of(opened, codes, "cuda", {Compute::automatic, Arithmetic::integer}, tokens);
        QCOMPARE(gpu.kernels.size(), std::size_t{1});
        QCOMPARE(QString::fromStdString(gpu.kernels.front().kernel), kernel);
        // Where a slower row runs, the faster one's reason stands beside it.
        const bool reason = driver_capability() == 90 && kernel == "integer mma.sync";
        QVERIFY2(gpu.kernels.front().no_integers.empty() != reason, gpu.kernels.front().no_integers.c_str());
        QCOMPARE(gpu.kernels.front().layers.size(), std::size_t(model == "opt" ? 6 : 7));
        const Arithmetic arithmetic = line.contains("a=") ? Arithmetic::integer : Arithmetic::simulated;
        const Losses cpu = losses_of(opened, codes, "cpu", {Compute::float32, arithmetic}, tokens);
        const Losses simulated = losses_of(opened, codes, "cuda", {Compute::automatic, Arithmetic::simulated}, tokens);
        QCOMPARE(simulated.kernels.front().kernel, std::string("simulated"));
        // Of a few thousand tokens: 16 bits against float32, both on a CPU, are 0.016 apart (INT4 g128, sample-opt).
        const double bound = 0.03;
        for (const Losses* other : {&cpu, &simulated}) { // a difference of losses is a ratio of perplexities
            const double off = std::abs(gpu.mean() - other->mean());
            QVERIFY2(off < bound, std::to_string(off).c_str());
        }
    }

    void streamed_codes_are_resident_ones_data() { add_products(); }
    /// Blocks that are packed on a stream of their own while the one before multiplies, bit for bit as blocks that stay.
    void streamed_codes_are_resident_ones() {
        QFETCH(QString, model);
        QFETCH(QString, line);
        QFETCH(qint64, tokens);
        QFETCH(QString, kernel);
        const OpenedModel opened = open(model);
        const auto codes = quantized(opened, line);
        const Execution integers{Compute::automatic, Arithmetic::integer};
        const Losses resident = losses_of(opened, codes, "cuda", integers, tokens);
        QVERIFY(std::isfinite(resident.mean()));
        const std::int64_t quarter = opened.model->linear_parameter_count() / 8; // of the codes' bytes, 4 bits each
        for (const std::int64_t weights : {std::int64_t{0}, std::int64_t{0}, quarter})
            for (const std::int64_t states : {std::int64_t{0}, std::int64_t{1} << 30}) { // every window by itself; all
                const Losses streamed = losses_of(opened, codes, "cuda", integers, tokens, weights, states);
                QCOMPARE(streamed.of_windows, resident.of_windows);
                QCOMPARE(streamed.kernels.size(), std::size_t{1});
                QCOMPARE(QString::fromStdString(streamed.kernels.front().kernel), kernel);
            }
    }

    /// Through the verb, as the command line and the window evaluate.
    void evaluations_name_the_kernel() {
        const bool hopper = driver_capability() == 90;
        for (const ProductCase& product : products) {
            if (product.tokens != 256) continue;
            const OpenedModel opened = open("llama");
            const auto codes = quantized(opened, product.line);
            const auto gpu = run(opened, codes, "cuda", {Compute::automatic, Arithmetic::integer});
            const auto simulated = run(opened, codes, "cuda", {Compute::automatic, Arithmetic::simulated});
            QCOMPARE(gpu->kernels.size(), std::size_t{1});
            QCOMPARE(gpu->kernels.front().kernel, std::string(hopper ? product.hopper : product.others));
            QVERIFY2(ratio(*gpu, *simulated) < 0.015, std::to_string(ratio(*gpu, *simulated)).c_str());
        }
    }

    /// Every setting of Speed on the card: each point timed, each kind of layer on the kernel that its run names.
    void speed_runs_every_setting_on_its_kernel() {
        JobContext ctx;
        ctx.device = "cuda";
        Workbench work;
        work.adopt(open("llama"));
        const auto study = measure_speed(work, {.lengths = {64, 256}, .batches = {1, 4}, .before = 64}, ctx);
        QVERIFY(study->ceilings.integer_operations && *study->ceilings.integer_operations > 0);
        QCOMPARE(study->runs.size(), speed_settings().size() + 1);
        const std::string integers = driver_capability() == 90 ? wgmma : mma;
        for (const SpeedRun& run : study->runs) {
            QCOMPARE(run.kernels.size(), std::size_t{1});
            const KernelUse& use = run.kernels.front();
            QVERIFY2(use.no_integers.empty() && use.layers.size() == 7, run.name.c_str());
            const bool codes = run.name == "A16W4"; // few tokens times codes, many times the weight in full
            if (!codes) QCOMPARE(use.kernel, run.recipe_line.empty() ? std::string("dense") : integers);
            if (codes) QVERIFY2(use.kernel.starts_with(w4a16), use.kernel.c_str());
            QCOMPARE(run.points.size(), std::size_t{4});
            for (const SpeedPoint& point : run.points) {
                QVERIFY2(point.seconds > 0 && point.floor_seconds > 0, run.name.c_str());
                std::size_t linears = 0;
                for (const SpeedShare& share : point.shares) {
                    if (share.kernel.empty()) continue;
                    ++linears;
                    if (!codes) QCOMPARE(share.kernel, use.kernel);
                    if (codes && point.tokens() < 129) QVERIFY2(share.kernel.starts_with(w4a16), share.kernel.c_str());
                    if (codes && point.tokens() >= 129)
                        QVERIFY2(share.kernel.find("dense") != std::string::npos, share.kernel.c_str());
                }
                QCOMPARE(linears, std::size_t{7});
            }
        }
    }
};

GRATICULE_TEST(TestCudaExecution);
#include "tst_cuda_execution.moc"
