// The type that products are computed in: what `auto` means, agreement with transformers in 16 bits, and that figures
// of different types do not compare.
#include <QtTest/QTest>

#include <algorithm>
#include <cmath>

#include "core/engine/engine.h"
#include "core/recipe/presets.h"
#include "core/report/kernels_text.h"
#include "core/runtime/device.h"
#include "core/runtime/model_runner.h"
#include "core/runtime/settle_execution.h"
#include "tests/support/error_message.h"
#include "tests/support/test_main.h"

using namespace graticule;
using testing::error_message;

namespace {

std::filesystem::path sample(const std::string& name) {
    return std::filesystem::path(GRATICULE_SOURCE_DIR) / "resources/samples" / name;
}

struct Prepared {
    OpenedModel opened;
    std::shared_ptr<const QuantizedModel> quantized; ///< null: as it is
};

Prepared prepared_of(const std::string& name, const std::string& line) {
    JobContext ctx;
    Prepared prepared{open_model(sample(name), ctx), nullptr};
    if (line.empty()) return prepared;
    Recipe recipe;
    recipe.defaults = parse_scheme_line(line);
    recipe.calibration.samples = 2;
    recipe.calibration.length = 64;
    const ResolvedRecipe resolved = *resolve(recipe, *prepared.opened.model).resolved;
    std::shared_ptr<const ActivationStats> stats;
    if (resolved.needs_calibration())
        stats = calibrate(*prepared.opened.model, *prepared.opened.tokenizer, recipe.calibration, ctx);
    prepared.quantized = quantize(prepared.opened.model, stats, resolved, ctx);
    return prepared;
}

std::shared_ptr<const Evaluation> perplexity_of(const Prepared& prepared, const Execution& execution) {
    JobContext ctx;
    ctx.execution = execution;
    EvaluationSpec spec;
    spec.window = 256;
    spec.max_windows = 6;
    return evaluate(prepared.opened.model, prepared.quantized, *prepared.opened.tokenizer,
                    load_corpus(sample("text/evaluation.txt")), spec, ctx);
}

std::shared_ptr<const Evaluation> perplexity_of(const std::string& name, const std::string& line,
                                                const Execution& execution) {
    return perplexity_of(prepared_of(name, line), execution);
}

} // namespace

class TestRuntimeExecution : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void sixteen_bits_agree_with_transformers_data() {
        QTest::addColumn<QString>("model");
        QTest::addColumn<QString>("type");
        QTest::addColumn<double>("eager");
        QTest::addColumn<double>("sdpa");
        // transformers 5.17.0, torch 2.11.0 on the CPU: exp of the mean loss of the first six windows of 256 tokens of
        // resources/samples/text/evaluation.txt, the model loaded in that type, losses from logits cast to float32.
        QTest::newRow("opt bfloat16") << "sample-opt"
                                      << "bfloat16" << 33.117548 << 33.265493;
        QTest::newRow("opt float16") << "sample-opt"
                                     << "float16" << 33.026353 << 32.996620;
        QTest::newRow("llama bfloat16") << "sample-llama"
                                        << "bfloat16" << 32.274045 << 32.320141;
        QTest::newRow("llama float16") << "sample-llama"
                                       << "float16" << 32.313524 << 32.310500;
    }
    void sixteen_bits_agree_with_transformers() {
        QFETCH(QString, model);
        QFETCH(QString, type);
        QFETCH(double, eager);
        QFETCH(double, sdpa);
        const Execution execution{parse_compute(type.toStdString()), Arithmetic::simulated};
        const auto run = perplexity_of(model.toStdString(), {}, execution);
        QCOMPARE(run->protocol.execution, execution);
        QVERIFY(run->protocol.text().ends_with(", " + type.toStdString()));
        // What transformers' own two ways of computing attention differ by says what the type can promise.
        const double bound = std::max(0.001 * sdpa, 3 * std::abs(eager - sdpa));
        QVERIFY2(std::abs(run->perplexity - sdpa) < bound, std::to_string(run->perplexity).c_str());
        const auto exact = perplexity_of(model.toStdString(), {}, {Compute::float32, Arithmetic::simulated});
        QVERIFY(exact->window_losses != run->window_losses); // it was not float32 after all
    }

    void float64_agrees_with_float32() {
        const auto narrow = perplexity_of("sample-llama", {}, {Compute::float32, Arithmetic::simulated});
        const auto wide = perplexity_of("sample-llama", {}, {Compute::float64, Arithmetic::simulated});
        QVERIFY(std::abs(narrow->perplexity - wide->perplexity) < 1e-4);
        QVERIFY(narrow->window_losses != wide->window_losses);
    }

    void a_quantized_model_in_sixteen_bits_stays_near_float32_data() {
        QTest::addColumn<QString>("line");
        for (const char* line :
             {"w=int8/sym/channel a=int8/sym/token", "w=int4/asym/g128 a=int8/sym/token",
              "w=dint4/asym/channel a=int8/asym/token", "w=fp8_e4m3/sym/channel a=fp8_e4m3/sym/token"})
            QTest::newRow(line) << line;
    }
    void a_quantized_model_in_sixteen_bits_stays_near_float32() {
        QFETCH(QString, line);
        const auto exact = perplexity_of("sample-llama", line.toStdString(), {Compute::float32, Arithmetic::simulated});
        QCOMPARE(exact->kernels.size(), std::size_t{1});
        QCOMPARE(exact->kernels.front().kernel, std::string("simulated"));
        QCOMPARE(exact->kernels.front().layers, (std::vector<std::string>{"q", "k", "v", "o", "gate", "up", "down"}));
        for (const Compute compute : {Compute::bfloat16, Compute::float16}) {
            const auto run = perplexity_of("sample-llama", line.toStdString(), {compute, Arithmetic::simulated});
            const double relative = std::abs(run->perplexity / exact->perplexity - 1);
            QVERIFY2(relative < 0.01, std::to_string(relative).c_str());
        }
    }

    /// README states these bounds.
    void integer_products_agree_with_simulation_data() {
        QTest::addColumn<QString>("line");
        QTest::addColumn<double>("bound");
        for (const char* line : {"w=int4/asym/g128 a=int8/sym/token", "w=int8/sym/channel a=int8/asym/token",
                                 "w=dint4/asym/g128 a=int8/sym/token", "w=int4/asym/dual128 a=int8/sym/token",
                                 "w=int4/asym/g128 a=int8/sym/token keep:percent=1 lorc:rank=4"})
            QTest::newRow(line) << line << 0.004;
        // One step for all tokens is coarser, so that one more or less weighs more.
        for (const char* line :
             {"w=int8/sym/channel a=int8/sym/tensor/static", "w=int8/sym/channel a=int8/asym/tensor/static"})
            QTest::newRow(line) << line << 0.008;
        const Preset* dgq = find_preset("dgq-a8w4-static");
        QTest::newRow("dgq-a8w4-static") << QString::fromStdString(std::string(dgq->line)) << 0.008;
    }
    void integer_products_agree_with_simulation() {
        QFETCH(QString, line);
        QFETCH(double, bound);
        for (const char* name : {"sample-llama", "sample-opt"}) {
            const Prepared prepared = prepared_of(name, line.toStdString());
            const auto simulated = perplexity_of(prepared, {Compute::float32, Arithmetic::simulated});
            const auto integer = perplexity_of(prepared, {Compute::float32, Arithmetic::integer});
            QCOMPARE(integer->kernels.size(), std::size_t{1});
            QVERIFY(integer->kernels.front().kernel != "simulated");
            QVERIFY(integer->protocol.text().find("integer") != std::string::npos);
            // Sums are rounded elsewhere (one product: 1e-6, tst_linear_op), so an input of the next layer that lies
            // on a tie may round the other way, and over the blocks that grows to the third digit.
            const double relative = std::abs(integer->perplexity / simulated->perplexity - 1);
            QVERIFY2(relative < bound, std::to_string(relative).c_str());
            QVERIFY(!compare(*simulated, *integer).difference);
        }
    }

    void weight_only_products_agree_with_simulation_data() {
        QTest::addColumn<QString>("line");
        for (const char* line : {"w=int4/asym/g128", "w=int4/asym/channel"}) QTest::newRow(line) << line;
    }
    /// Codes times inputs in 16 bits: where weights in full are rounded to the type, codes are not. Many tokens are
    /// multiplied with the weight in full, few with codes, and results name what ran.
    void weight_only_products_agree_with_simulation() {
        QFETCH(QString, line);
        JobContext ctx;
        const OpenedModel opened = open_model(sample("sample-llama"), ctx);
        Recipe recipe;
        recipe.defaults = parse_scheme_line(line.toStdString());
        const auto quantized = quantize(opened.model, nullptr, *resolve(recipe, *opened.model).resolved, ctx);
        const std::vector<std::int32_t> ids = tokenize(*opened.tokenizer, load_corpus(sample("text/evaluation.txt")));
        const auto windows_of = [&](std::size_t tokens, std::size_t count) {
            std::vector<ModelRunner::Window> windows;
            for (std::size_t i = 0; i < count; ++i) windows.push_back(std::span(ids).subspan(256 * i, tokens));
            return windows;
        };
        // One window a product.
        const auto mean_loss = [&](std::span<const ModelRunner::Window> windows, Arithmetic arithmetic,
                                   std::vector<std::string> kernels) {
            RunnerOptions options;
            options.execution = {Compute::bfloat16, arithmetic};
            options.product_tokens = 1;
            ModelRunner runner(opened.model, quantized, open_device("cpu"), options);
            double sum = 0;
            runner.window_losses(windows, 1, ctx, [&](std::span<const double> losses) { sum += losses.front(); });
            std::vector<std::string> ran;
            for (const KernelUse& use : runner.kernels()) {
                ran.push_back(use.kernel);
                [&] { QCOMPARE(use.layers.size(), std::size_t{7}); }();
                [&] { QVERIFY(use.no_integers.empty()); }();
            }
            [&] { QCOMPARE(ran, kernels); }();
            return sum / static_cast<double>(windows.size());
        };
        const std::string dense = "dense, expanded by w4a16 reference", codes = "w4a16 reference";
        std::vector<ModelRunner::Window> all =
            windows_of(256, 6); // differences of the mean loss: parts of a perplexity
        QVERIFY(std::abs(mean_loss(all, Arithmetic::integer, {dense}) -
                         mean_loss(all, Arithmetic::simulated, {"simulated"})) < 0.01);
        all = windows_of(8, 12); // fewer tokens, so that roundings of 16 bits average less
        QVERIFY(std::abs(mean_loss(all, Arithmetic::integer, {codes}) -
                         mean_loss(all, Arithmetic::simulated, {"simulated"})) < 0.04);
        all = {std::span(ids).first(8), std::span(ids).first(9)};
        (void)mean_loss(all, Arithmetic::integer, {dense, codes});
    }

    void layers_without_an_integer_product_are_simulated_and_say_so() {
        const auto run = perplexity_of("sample-llama", "w=fp4_e2m1/sym/g128 a=int8/sym/token",
                                       {Compute::float32, Arithmetic::integer});
        QCOMPARE(run->kernels.size(), std::size_t{1});
        QCOMPARE(run->kernels.front().kernel, std::string("simulated"));
        QVERIFY(!run->kernels.front().no_integers.empty());
        const auto simulated = perplexity_of("sample-llama", "w=fp4_e2m1/sym/g128 a=int8/sym/token",
                                             {Compute::float32, Arithmetic::simulated});
        QCOMPARE(run->window_losses, simulated->window_losses);
    }

    void a_mixture_says_which_linears_ran_on_what() {
        JobContext ctx;
        const OpenedModel opened = open_model(sample("sample-llama"), ctx);
        Recipe recipe;
        recipe.defaults = parse_scheme_line("w=int8/sym/channel a=int8/sym/token");
        recipe.rules.push_back({"layers.3.*.q_proj", false, parse_scheme_line("w=int3/asym/g128 a=int8/sym/token")});
        recipe.rules.push_back(
            {"layers.{0,1,7}.mlp.*", false, parse_scheme_line("w=fp4_e2m1/sym/g128 a=int8/sym/token")});
        const auto quantized = quantize(opened.model, nullptr, *resolve(recipe, *opened.model).resolved, ctx);
        ctx.execution = {Compute::float32, Arithmetic::integer};
        EvaluationSpec spec;
        spec.window = 64;
        spec.max_windows = 1;
        const auto run =
            evaluate(opened.model, quantized, *opened.tokenizer, load_corpus(sample("text/evaluation.txt")), spec, ctx);
        std::map<std::string, const KernelUse*> by_where;
        std::int64_t linears = 0;
        for (const KernelUse& use : run->kernels) {
            by_where[use.where] = &use;
            linears += use.linears;
        }
        QCOMPARE(linears, std::int64_t{56});
        const auto three_bits = by_where.find("q of block 3");
        QVERIFY(three_bits != by_where.end());
        QCOMPARE(three_bits->second->linears, std::int64_t{1});
        QCOMPARE(three_bits->second->kernel, std::string("int reference"));
        for (const char* part : {"slower than simulation", "INT3 weights"})
            QVERIFY2(three_bits->second->no_integers.find(part) != std::string::npos, part);
        const auto simulated = by_where.find("gate, up, down of blocks 0, 1, 7");
        QVERIFY(simulated != by_where.end() && simulated->second->linears == 9 &&
                simulated->second->kernel == "simulated");
        const auto rest = by_where.find(
            "q of blocks 0 to 2, 4 to 7, and k, v, o of blocks 0 to 7, and gate, up, down of blocks 2 to 6");
        QVERIFY(rest != by_where.end() && rest->second->linears == 46);
        const std::string text = kernels_text(*run);
        for (const char* part :
             {"q of block 3 (1 linear): int reference (", "gate, up, down of blocks 0, 1, 7 (9 linears): simulated ("})
            QVERIFY2(text.find(part) != std::string::npos, text.c_str());
    }

    void weights_without_codes_say_that_their_inputs_are_rounded() { // a reopened export under its own inputs
        const auto run = perplexity_of("sample-llama", "a=int8/sym/token", {Compute::float32, Arithmetic::integer});
        QCOMPARE(run->kernels.size(), std::size_t{1});
        QCOMPARE(run->kernels.front().kernel, std::string("dense, of rounded inputs"));
        QVERIFY(!run->kernels.front().no_integers.empty());
    }

    void different_types_do_not_compare() {
        const auto a = perplexity_of("sample-opt", {}, {Compute::float32, Arithmetic::simulated});
        const auto b = perplexity_of("sample-opt", {}, {Compute::bfloat16, Arithmetic::simulated});
        const Comparison comparison = compare(*a, *b);
        QVERIFY(!comparison.difference);
        QVERIFY(comparison.notes.text().find("bfloat16") != std::string::npos);
        QVERIFY(compare(*a, *a).difference.has_value());
    }

    void automatic_is_decided_by_device_and_checkpoint() {
        JobContext ctx;
        const auto model = open_model(sample("sample-llama"), ctx).model;
        QCOMPARE(settle_execution({}, "cpu", *model).compute, Compute::float32);
        const bool half = model->linears().front().weight.dtype == DType::f16;
        QCOMPARE(settle_execution({}, "cuda:0", *model).compute, half ? Compute::float16 : Compute::bfloat16);
        QCOMPARE(settle_execution({Compute::bfloat16, Arithmetic::integer}, "cuda:0", *model),
                 (Execution{Compute::bfloat16, Arithmetic::integer}));
        QVERIFY_THROWS_EXCEPTION(Error, (void)settle_execution({Compute::float64, Arithmetic::integer}, "cpu", *model));
    }

    void names_are_read_and_unknown_ones_refused() {
        for (const auto& row : compute_names()) QCOMPARE(parse_compute(row.name), row.value);
        for (const auto& row : arithmetic_names()) QCOMPARE(parse_arithmetic(row.name), row.value);
        const std::string message = error_message([] { static_cast<void>(parse_compute("half")); });
        QVERIFY2(message.find("\"half\"") != std::string::npos && message.find("float16") != std::string::npos,
                 message.c_str());
    }
};

GRATICULE_TEST(TestRuntimeExecution);
#include "tst_runtime_execution.moc"
