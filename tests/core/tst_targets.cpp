// What becomes of a recipe in the programs that read what is exported, and evaluation on that path; llama.cpp's
// protocol beside the papers'.
#include <QTest>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/engine/engine.h"
#include "core/engine/export.h"
#include "core/engine/workbench.h"
#include "core/format/quant_format.h"
#include "core/report/json_results.h"
#include "core/runtime/model_runner.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/test_main.h"

using namespace graticule;

namespace {

Workbench opened(const char* sample) {
    Workbench work;
    JobContext ctx;
    work.open(std::filesystem::path(GRATICULE_SOURCE_DIR) / "resources/samples" / sample, ctx);
    return work;
}

LayerChoices choices_for(const Workbench& work, const std::string& recipe) {
    return choices_of(work.resolve(read_recipe(recipe)));
}

EvaluationSpec short_spec() {
    EvaluationSpec spec;
    spec.window = 128;
    spec.max_windows = 3;
    return spec;
}

Corpus some_text() { return load_text({}, BuiltInText::evaluation); }

std::shared_ptr<const Evaluation> evaluated(Workbench& work, const std::string& recipe, const char* target = nullptr,
                                            const EvaluationSpec& spec = short_spec()) {
    JobContext ctx;
    work.serve_as(target ? &target_named(target) : nullptr);
    work.quantize(read_recipe(recipe), false, ctx);
    return work.evaluate(true, some_text(), spec, ctx);
}

} // namespace

class TestTargets : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void fates_data() {
        QTest::addColumn<QString>("recipe");
        QTest::addColumn<QString>("target");
        QTest::addColumn<QString>("fate");
        QTest::addColumn<QString>("inputs"); // that remain; of a refusal, a word of the reason
        const auto row = [](const char* recipe, const char* target, const char* fate, const char* inputs) {
            QTest::addRow("%s at %s", recipe, target) << recipe << target << fate << inputs;
        };
        // What the public reports and the sources named in all_targets.cpp say; sample-opt has 256 and 1,024 inputs.
        const char* w4a8 = "w=int4/sym/g128 a=int8/sym/token";
        row(w4a8, "transformers-5.17", "as asked", "int8/sym/token");
        row(w4a8, "transformers-5.24", "as asked", "int8/sym/token");
        row(w4a8, "vllm-sm80", "other inputs", "");
        row(w4a8, "vllm-sm89", "other inputs", "");
        row(w4a8, "vllm-sm90", "other inputs", "fp8_e4m3/sym/token");
        row(w4a8, "vllm-sm100", "other inputs", "");
        row(w4a8, "sglang", "refused", "no scheme of packed weights");
        row("w=int4/sym/g64 a=int8/sym/token", "vllm-sm90", "refused", "groups of 128");
        row("w=int4/sym/g64 a=int8/sym/token", "vllm-sm80", "other inputs", "");
        row("w=int4/sym/channel a=int8/sym/token", "vllm-sm90", "other inputs", "");
        row("w=int4/asym/g128 a=int8/sym/token", "vllm-sm90", "refused", "zero points");
        row("w=int4/sym/g128 a=int8/asym/token", "vllm-sm80", "refused", "symmetric inputs");
        row("w=int4/sym/g128 a=int4/sym/token", "vllm-sm90", "refused", "humming");
        row("w=int4/sym/g128", "vllm-sm90", "as asked", "");
        row("w=int4/asym/g128", "vllm-sm90", "as asked", "");
        row("w=int4/asym/g128", "transformers-5.17", "as asked", "");
        row("w=int4/asym/g128", "transformers-5.24", "refused", "5.17 to 5.22");
        row("w=int8/asym/channel", "transformers-5.24", "refused", "5.17 to 5.22");
        row("w=int4/sym/g16", "vllm-sm80", "refused", "Marlin");
        row("w=int3/sym/g128", "vllm-sm80", "refused", "humming");
        row("w=dint4/asym/channel", "vllm-sm90", "refused", "humming");                          // travels in 6 bits
        row("w=dint4/asym/channel a=int8/sym/token", "vllm-sm90", "as asked", "int8/sym/token"); // in 8
        row("w=int8/sym/channel a=int8/sym/token", "vllm-sm80", "as asked", "int8/sym/token");
        row("w=int8/sym/channel a=int8/sym/token", "vllm-sm100", "refused", "INT8");
        row("w=int8/sym/channel a=int8/sym/token", "sglang", "as asked", "int8/sym/token");
        row("w=int8/sym/g128 a=int8/sym/token", "vllm-sm80", "refused", "one scale a channel");
        row("w=fp8_e4m3/sym/channel a=fp8_e4m3/sym/token", "vllm-sm80", "other inputs", "");
        row("w=fp8_e4m3/sym/channel a=fp8_e4m3/sym/token", "vllm-sm89", "as asked", "fp8_e4m3/sym/token");
        row("w=fp8_e4m3/sym/channel", "vllm-sm80", "as asked", "");
    }
    void fates() {
        QFETCH(QString, recipe);
        QFETCH(QString, target);
        QFETCH(QString, fate);
        QFETCH(QString, inputs);
        const Workbench work = opened("sample-opt");
        const TargetReport report =
            target_report(*work.model(), choices_for(work, recipe.toStdString()), exporter_named("compressed-tensors"),
                          target_named(target.toStdString()));
        QCOMPARE(report.parts.size(), std::size_t{1});
        QCOMPARE(report.parts.front().layers, work.model()->linears().size());
        QCOMPARE(QString::fromUtf8(to_text(report.fate)), fate);
        const Served& served = report.parts.front().served;
        if (report.fate == Fate::refused)
            QVERIFY2(QString::fromStdString(served.why).contains(inputs), served.why.c_str());
        else
            QCOMPARE(QString::fromStdString(served.input ? to_text(*served.input) : ""), inputs);
        // What was not tried here says where it is from.
        if (report.target->program != "transformers")
            QVERIFY2(served.source.starts_with("https://"), served.source.c_str());
    }

    /// What is there beside the three layouts of Hugging Face folders.
    void other_exporters_data() {
        QTest::addColumn<QString>("exporter");
        QTest::addColumn<QString>("recipe");
        QTest::addColumn<QString>("target");
        QTest::addColumn<QString>("fate");
        QTest::addColumn<QString>("inputs"); // as in fates
        const auto row = [](const char* exporter, const char* recipe, const char* target, const char* fate,
                            const char* inputs) {
            QTest::addRow("%s %s at %s", exporter, recipe, target) << exporter << recipe << target << fate << inputs;
        };
        row("gguf", "w=int4/asym/g32:f16", "llama.cpp", "other inputs", "int8/sym/g32:f16");
        row("gguf", "w=int6/sym/channel:f16", "llama.cpp", "other inputs", "int8/sym/g256"); // Q6_K
        row("gguf", "w=int6/sym/channel:f16", "llama.cpp-cuda", "other inputs", "int8/sym/g32:f16");
        row("gguf", "w=mxfp4", "llama.cpp-cuda", "other inputs", "int8/sym/g32:f16");
        row("gguf", "w=mxfp4", "llama.cpp-sm120", "other inputs", "mxfp4");
        row("gguf", "w=int4/sym/g32:f16", "llama.cpp-sm120", "other inputs", "int8/sym/g32:f16");
        row("gguf", "w=int4/sym/g32:f16", "transformers-5.17", "as asked", "");
        row("gguf", "w=mxfp4", "transformers-5.24", "as asked", "");
        row("gguf", "w=int4/sym/g32:f16", "vllm-sm90", "refused", "vllm-gguf-plugin");
        const char* dual = "w=int4/asym/dual128:f16";
        const char* dual_with_inputs = "w=int4/asym/dual128:f16 a=int8/sym/token";
        row("qserve", dual_with_inputs, "sglang-2025", "as asked", "int8/sym/token");
        row("qserve", dual, "sglang-2025", "other inputs", "int8/sym/token");
        row("qserve", dual, "sglang", "refused", "July 2026");
        row("qserve", dual, "omniserve", "refused", "pytorch_model.bin");
        row("qserve", dual, "vllm-sm80", "refused", "qoq");
        row("qserve", dual_with_inputs, "transformers-5.24", "another model", "random weights");
        row("packed", "w=dint4/asym/g128", "graticule", "as asked", "");
        row("packed", "w=dint4/asym/g128 a=int8/sym/token", "graticule", "other inputs", "");
        row("packed", "w=dint4/asym/g128", "transformers-5.17", "refused", "no model.safetensors");
        row("packed", "w=dint4/asym/g128", "vllm-sm89", "refused", "compressed-tensors");
        row("packed", "w=dint4/asym/g128", "sglang", "refused", "compressed-tensors");
    }
    void other_exporters() {
        QFETCH(QString, exporter);
        QFETCH(QString, recipe);
        QFETCH(QString, target);
        QFETCH(QString, fate);
        QFETCH(QString, inputs);
        const Workbench work = opened(exporter == "gguf" ? "sample-llama" : "sample-opt");
        const Target& there = target_named(target.toStdString());
        const TargetReport report = target_report(*work.model(), choices_for(work, recipe.toStdString()),
                                                  exporter_named(exporter.toStdString()), there);
        QCOMPARE(report.parts.empty() ? std::size_t{0} : report.parts.front().layers, work.model()->linears().size());
        QCOMPARE(QString::fromUtf8(to_text(report.fate)), fate);
        const Served& served = report.parts.front().served;
        if (runs(report.fate))
            QCOMPARE(QString::fromStdString(served.input ? to_text(*served.input) : ""), inputs);
        else
            QVERIFY2(QString::fromStdString(served.why).contains(inputs), served.why.c_str());
        if (there.program != "transformers" && there.program != "Graticule")
            QVERIFY2(served.source.starts_with("https://"), served.source.c_str());
        const Exporter& row = exporter_named(exporter.toStdString());
        QVERIFY(std::ranges::find(there.exporters, row.name) != there.exporters.end());
        const auto choices = choices_for(work, recipe.toStdString());
        if (runs(report.fate))
            QCOMPARE(served_choices(*work.model(), choices, row, there).front()->scheme.input, served.input);
        else
            GRATICULE_EXPECT_ERROR(ErrorKind::unsupported, inputs.toStdString(),
                                   served_choices(*work.model(), choices, row, there));
    }

    /// transformers' reader of GGUF leaves out what it has no place for; tried with both versions on tiny models.
    void models_that_a_reader_does_not_take() {
        const auto fate_of = [](ModelConfig config, const char* target) {
            const StoredLinear stored{"Q8_0", 8, true, 32, 64, std::nullopt, &config};
            return served_at(target_named(target), stored).fate;
        };
        ModelConfig config;
        config.model_type = "llama";
        config.rope.type = RopeConfig::Type::standard;
        QVERIFY(fate_of(config, "transformers-5.24") == Fate::as_asked);
        config.rope.type = RopeConfig::Type::llama3;
        QVERIFY(fate_of(config, "transformers-5.24") == Fate::other_model);
        QVERIFY(fate_of(config, "llama.cpp") == Fate::other_inputs);
        config.rope.type = RopeConfig::Type::standard;
        config.model_type = "gpt2";
        QVERIFY(fate_of(config, "transformers-5.17") == Fate::as_asked);
        QVERIFY(fate_of(config, "transformers-5.24") == Fate::refused);
        config.model_type = "gemma2";
        config.attention_scale = 1.0 / 16;
        config.attention_softcap = 50;
        config.logit_softcap = 30;
        QVERIFY(fate_of(config, "transformers-5.17") == Fate::as_asked);
        config.attention_scale = 1.0 / 12; // Gemma 2 27B
        QVERIFY(fate_of(config, "transformers-5.17") == Fate::other_model);
    }

    /// What an exporter cannot hold is told in its words, not in those of one that nobody asked for.
    void the_first_exporter_says_why() {
        const Workbench work = opened("sample-opt");
        GRATICULE_EXPECT_ERROR(
            ErrorKind::unsupported, "compressed-tensors cannot hold this recipe",
            check_served(*work.model(), choices_for(work, "w=mxfp8"), target_named("transformers-5.24")));
    }

    /// Every way in which an exporter may store a linear is spoken of by every target that reads it.
    void every_stored_form_has_a_rule() {
        const Workbench work = opened("sample-opt");
        const Linear& linear = work.model()->linears().front();
        std::size_t stored_forms = 0;
        for (const QuantFormat& format : all_formats())
            for (const char* rest :
                 {"/sym/channel", "/asym/channel", "/sym/g32", "/asym/g128", "/sym/g16:f16", "/asym/channel:f16"})
                for (const char* input :
                     {"", " a=int8/sym/token", " a=int8/asym/token", " a=int8/sym/tensor/static", " a=int4/sym/token",
                      " a=fp8_e4m3/sym/token", " a=fp8_e4m3/sym/tensor/static"}) {
                    SchemeChoice choice;
                    try {
                        choice = parse_scheme_line("w=" + std::string(format.name) + rest + input);
                    } catch (const Error&) {
                        continue; // no such recipe
                    }
                    for (const Exporter& exporter : all_exporters()) {
                        const auto stored = exporter.stored(linear, choice);
                        if (!stored) continue;
                        ++stored_forms;
                        for (const Target& target : all_targets())
                            if (std::ranges::find(target.exporters, exporter.name) != target.exporters.end())
                                (void)served_at(target, *stored);
                    }
                }
        QVERIFY(stored_forms > 100);
        for (const Exporter& exporter : all_exporters())
            QVERIFY(target_reports(*work.model(), choices_for(work, "w=int4/sym/g128:f16"), exporter).size() > 1);
    }

    void layers_of_a_fate_are_told_together() {
        Workbench work = opened("sample-llama");
        const std::string recipe = R"({"schema": 1, "name": "two", "defaults": "w=int4/sym/g128 a=int8/sym/token",
            "rules": [{"pattern": "*.down_proj", "choice": "w=int8/sym/channel a=int8/sym/token"}]})";
        const auto choices = choices_of(work.resolve(parse_recipe(recipe)));
        const TargetReport report =
            target_report(*work.model(), choices, exporter_named("compressed-tensors"), target_named("vllm-sm90"));
        QCOMPARE(report.parts.size(), std::size_t{2});
        QCOMPARE(report.parts[0].layers + report.parts[1].layers, work.model()->linears().size());
        QVERIFY(report.parts[1].first_layer.ends_with("down_proj"));
        const std::vector<std::string> lines = to_lines(report);
        QVERIFY2(lines[0].find("a=fp8_e4m3/sym/token instead of a=int8/sym/token") != std::string::npos,
                 lines[0].c_str());
        QVERIFY2(lines[1].find("down_proj and ") == std::string("layers.0.mlp.").size(), lines[1].c_str());
    }

    /// A target that serves the weights alone gives what the weights alone give, one with FP8 inputs what those give,
    /// bit for bit: in all, the inputs' rounding is what differs.
    void figures_are_those_of_the_path() {
        Workbench work = opened("sample-opt");
        const char* recipe = "w=int4/sym/g128 a=int8/sym/token";
        const auto asked = evaluated(work, recipe), alone = evaluated(work, "w=int4/sym/g128");
        const auto ampere = evaluated(work, recipe, "vllm-sm80"), hopper = evaluated(work, recipe, "vllm-sm90");
        const auto transformers = evaluated(work, recipe, "transformers-5.24");
        QCOMPARE(ampere->window_losses, alone->window_losses);
        QCOMPARE(transformers->window_losses, asked->window_losses);
        QVERIFY(hopper->window_losses != asked->window_losses && hopper->window_losses != alone->window_losses);
        QVERIFY(ampere->window_losses != asked->window_losses);

        // FP8 inputs beside integer weights, computed with no target in sight.
        JobContext ctx;
        work.serve_as(nullptr);
        const auto quantized =
            work.quantize(read_recipe(std::string("w=int4/sym/g128 a=fp8_e4m3/sym/token")), false, ctx);
        QCOMPARE(hopper->window_losses, work.evaluate(true, some_text(), short_spec(), ctx)->window_losses);

        QCOMPARE(hopper->provenance.served_as, std::string("vllm-sm90"));
        QCOMPARE(hopper->provenance.recipe_hash, asked->provenance.recipe_hash);
        QCOMPARE(hopper->run_name, std::string(recipe) + " as vllm-sm90");
        QCOMPARE(asked->run_name, std::string(recipe));
        QVERIFY(to_json(*hopper, Timing::leave_out).at("provenance").at("served_as") == "vllm-sm90");
        QVERIFY(to_json(*asked, Timing::leave_out).at("provenance").at("served_as").is_null());

        const Comparison comparison = compare(*asked, *hopper);
        QVERIFY(comparison.difference.has_value());
        QVERIFY2(comparison.notes.text().find("\"as the recipe says\" against \"vllm-sm90\"") != std::string::npos,
                 comparison.notes.text().c_str());
        QVERIFY(compare(*asked, *alone).notes.items.empty());
    }

    void static_inputs_are_dropped_with_their_scheme() {
        Workbench work = opened("sample-opt");
        const char* recipe = "w=fp8_e4m3/sym/channel a=fp8_e4m3/sym/tensor/static";
        QCOMPARE(evaluated(work, recipe, "vllm-sm80")->window_losses,
                 evaluated(work, "w=fp8_e4m3/sym/channel")->window_losses);
        QVERIFY(evaluated(work, recipe)->window_losses != evaluated(work, recipe, "vllm-sm80")->window_losses);
    }

    void compared_beside_what_was_asked() {
        Workbench work = opened("sample-opt");
        work.serve_as(&target_named("vllm-sm80"), true);
        JobContext ctx;
        const Recipe recipe = read_recipe(std::string("w=int4/sym/g128 a=int8/sym/token"));
        const auto runs = work.compare(std::span(&recipe, 1), true, some_text(), short_spec(), ctx);
        QCOMPARE(runs.size(), std::size_t{3});
        QVERIFY(runs[1].evaluation->provenance.served_as.empty());
        QCOMPARE(runs[2].evaluation->provenance.served_as, std::string("vllm-sm80"));
        QCOMPARE(runs[2].evaluation->window_losses, evaluated(work, "w=int4/sym/g128")->window_losses);
    }

    void what_a_target_refuses_is_not_evaluated() {
        Workbench work = opened("sample-opt");
        JobContext ctx;
        work.serve_as(&target_named("vllm-sm90"));
        GRATICULE_EXPECT_ERROR(ErrorKind::unsupported, "groups of 128",
                               work.quantize(read_recipe(std::string("w=int4/sym/g64 a=int8/sym/token")), false, ctx));
        GRATICULE_EXPECT_ERROR(ErrorKind::unsupported, "channels kept in 16 bits",
                               work.quantize(read_recipe(std::string("w=int4/sym/g128 keep")), false, ctx));
        GRATICULE_EXPECT_ERROR(ErrorKind::usage, "vllm-sm90", target_named("vllm-sm95"));
    }

    /// The second half of each window of the papers' protocol, where no BOS comes between.
    void llama_cpp_scores_second_halves() {
        Workbench work = opened("sample-opt");
        JobContext ctx;
        EvaluationSpec spec = short_spec();
        spec.predictions = true;
        const auto all = work.evaluate(false, some_text(), spec, ctx);
        spec.protocol = "llama.cpp";
        spec.predictions = false;
        const auto halves = work.evaluate(false, some_text(), spec, ctx);
        QCOMPARE(halves->tokens, 3 * 63); // of 128 tokens the 64 behind the middle, but the first of them
        QVERIFY(halves->perplexity != all->perplexity);
        const bool bos = halves->protocol.bos == "each window";
        for (std::size_t window = bos ? 1 : 0; !bos && window < 3; ++window) {
            double sum = 0;
            for (std::size_t i = 64; i < 127; ++i) sum += double(all->predictions[window * 127 + i].loss);
            QVERIFY(std::abs(sum / 63 - halves->window_losses[window]) < 1e-5);
        }
        QVERIFY2(halves->protocol.text().find("llama.cpp, windows of 128 (3 of ") == 0,
                 halves->protocol.text().c_str());
        QVERIFY(compare(*all, *halves).notes.has_errors());
    }

    /// BOS takes the place of a window's first token: each window alone, scored by the runner's other entry.
    void llama_cpp_begins_windows_with_bos_data() {
        QTest::addColumn<QString>("sample");
        QTest::newRow("opt") << "sample-opt";
        QTest::newRow("llama") << "sample-llama";
    }
    void llama_cpp_begins_windows_with_bos() {
        QFETCH(QString, sample);
        Workbench work = opened(sample.toUtf8().constData());
        JobContext ctx;
        EvaluationSpec spec = short_spec();
        spec.protocol = "llama.cpp";
        spec.predictions = true; // the losses of single tokens, and with them the passages
        const auto halves = work.evaluate(false, some_text(), spec, ctx);
        const std::vector<std::int32_t> ids = tokenize(work.tokenizer(), some_text());
        const auto bos = work.tokenizer().bos();
        const bool set = bos && ids.front() == *bos;
        QCOMPARE(halves->protocol.bos, std::string(set ? "each window" : "none"));
        std::vector<ScoreRequest> requests;
        for (std::size_t window = 0; window < 3; ++window) {
            ScoreRequest request;
            request.tokens.assign(ids.begin() + std::ptrdiff_t(window) * 128,
                                  ids.begin() + std::ptrdiff_t(window + 1) * 128);
            if (set) request.tokens.front() = *bos;
            request.first = 65;
            requests.push_back(std::move(request));
        }
        ModelRunner runner(work.model(), std::shared_ptr<const QuantizedModel>(), open_device("cpu"));
        runner.score(requests, ctx, [&](std::size_t request, std::span<const TokenPredictions> sides) {
            double sum = 0;
            for (const auto& token : sides.front()) sum += double(token.loss);
            QCOMPARE(sides.front().size(), std::size_t{63});
            QVERIFY(std::abs(sum / 63 - halves->window_losses[request]) < 1e-5);
        });
        QCOMPARE(halves->predictions.size(), std::size_t{3 * 63});
        QCOMPARE(to_json(halves->protocol).at("first_scored").get<int>(), 65);
    }
};

GRATICULE_TEST(TestTargets);
#include "tst_targets.moc"
