// Rotations: the same function in float64 with quantization off, quantizing in the rotated domain with it on.
#include "tests/solvers/golden_tensors.h"

#include "core/engine/engine.h"
#include "core/engine/export.h"
#include "core/engine/resources.h"
#include "core/method/pipeline.h"
#include "core/runtime/decoder.h"
#include "core/runtime/input_mapping.h"
#include "tests/support/shared_data.h"

using namespace graticule;
using namespace graticule::testing;

namespace {

Recipe recipe_of(const std::string& line) {
    Recipe recipe;
    recipe.defaults = parse_scheme_line(line);
    return recipe;
}

const std::vector<std::int32_t> some_ids = {3, 17, 5, 44, 2, 91, 60, 7, 33, 8, 21, 64, 12, 70, 9, 40};

at::Tensor logits_in_float64(const std::shared_ptr<const Model>& model, std::shared_ptr<const WeightSource> weights) {
    const Device device = open_device("cpu");
    const TorchScope scope(device);
    const Decoder decoder(model, std::move(weights), device, Execution{Compute::float64, Arithmetic::simulated});
    const std::span<const std::int32_t> row(some_ids);
    at::Tensor hidden = decoder.embed(std::span(&row, 1));
    for (const Block& block : model->blocks()) hidden = decoder.forward(block.id, decoder.prepare(block.id), hidden);
    return decoder.logits(hidden);
}

} // namespace

class TestRotation : public QObject {
    Q_OBJECT

    std::map<QString, OpenedModel> models_;
    std::map<QString, std::shared_ptr<const ActivationStats>> stats_;

    std::shared_ptr<const QuantizedModel> quantized(const QString& name, const std::string& line) {
        const OpenedModel& opened = models_.at(name);
        const Resolution resolution = resolve(recipe_of(line), *opened.model);
        if (!resolution.resolved) throw Error(ErrorKind::bad_input, resolution.diagnostics.text());
        JobContext ctx;
        return quantize(opened.model, stats_.at(name), *resolution.resolved, ctx);
    }
    /// With folds and forward passes in float64.
    std::shared_ptr<const QuantizedModel> in_float64(const std::shared_ptr<const Model>& model,
                                                     const std::shared_ptr<const ActivationStats>& stats,
                                                     const std::string& line) {
        const Resolution resolution = resolve(recipe_of(line), *model);
        if (!resolution.resolved) throw Error(ErrorKind::bad_input, resolution.diagnostics.text());
        QuantizePipeline pipeline(model, stats, choices_of(*resolution.resolved), open_device("cpu"),
                                  {.execution = {Compute::float64, Arithmetic::simulated}});
        auto result = std::make_shared<QuantizedModel>();
        result->base = model;
        result->linears.resize(model->linears().size());
        JobContext ctx;
        for (const Block& block : model->blocks())
            pipeline.run(block.id, ctx, [&](QuantizedLinear&& linear) {
                result->linears[index_of(linear.layer)] = std::move(linear);
            });
        result->replaced = std::move(pipeline.replaced());
        return result;
    }
    static void compare_logits(const std::shared_ptr<const Model>& model,
                               const std::shared_ptr<const QuantizedModel>& rotated) {
        const at::Tensor before = logits_in_float64(model, stored_weights());
        const at::Tensor after = logits_in_float64(model, quantized_weights(rotated));
        const double difference = (after - before).abs().max().item<double>();
        QVERIFY2(difference < 1e-9, qPrintable(QString::number(difference)));
        QVERIFY(difference > 0); // something was rotated
    }

private Q_SLOTS:
    void initTestCase() {
        for (const char* name : {"opt", "llama"}) {
            JobContext ctx;
            models_[name] = open_model(std::filesystem::path(GRATICULE_SOURCE_DIR) / "resources/samples" /
                                           ("sample-" + std::string(name)),
                                       ctx);
            CalibrationSpec spec;
            spec.samples = 3;
            spec.length = 64;
            stats_[name] = calibrate(*models_[name].model, *models_[name].tokenizer, spec, ctx);
        }
    }

    void blocks_follow_from_widths() {
        QCOMPARE(hadamard_block(11008), std::int64_t(256)); // 43 x 256
        QCOMPARE(hadamard_block(4096), std::int64_t(256));
        QCOMPARE(hadamard_block(576), std::int64_t(64));
        QCOMPARE(hadamard_block(80), std::int64_t(16)); // a head of Phi-2
        QCOMPARE(hadamard_block(33), std::int64_t(1));
    }
    void maps_leave_the_product() {
        at::manual_seed(2);
        const Device device = open_device("cpu");
        const at::Tensor x = at::randn({5, 7, 48}, at::kDouble), weight = at::randn({9, 48}, at::kDouble);
        const InputMap map{{DiagonalMap{to_vector(at::rand({48}).add(0.5))}, HadamardMap{16, false},
                            DiagonalMap{to_vector(at::rand({48}).add(0.5))}}};
        const at::Tensor mapped = at::linear(apply(map, x, device), fold_into(map, weight, device));
        QVERIFY((mapped - at::linear(x, weight)).abs().max().item<double>() < 1e-12);
        QCOMPARE(map.online(), std::optional<std::int64_t>(16));
        // The kernel's float32 and Torch's float64 are the same transform.
        const at::Tensor single = hadamard(x.to(at::kFloat), 16, device);
        QVERIFY((single - hadamard(x, 16, device)).abs().max().item<double>() < 1e-5);
        QVERIFY((hadamard(hadamard(x, 16, device), 16, device) - x).abs().max().item<double>() < 1e-12);
    }

    void the_function_stays_data() {
        QTest::addColumn<QString>("model");
        QTest::addColumn<QString>("line");
        for (const char* model : {"opt", "llama"})
            for (const char* line : {"hadamard", "smoothquant:alpha=0.6 hadamard"})
                QTest::addRow("%s %s", model, line) << model << line;
        for (const char* line : {"hadamard:residual=true", "percentile:percent=3 hadamard:residual=true",
                                 "smoothquant:alpha=0.6 hadamard:residual=true"})
            QTest::addRow("llama %s", line) << "llama" << line;
    }
    void the_function_stays() {
        QFETCH(QString, model);
        QFETCH(QString, line);
        compare_logits(models_.at(model).model,
                       in_float64(models_.at(model).model, stats_.at(model), line.toStdString()));
    }

    void of_families_too_data() {
        QTest::addColumn<QString>("family");
        QTest::addColumn<QString>("why_not"); // of the residual stream; empty: it is rotated
        for (const char* family : {"llama", "llama3_rope", "llama_gqa_tied", "mistral", "qwen2", "qwen3", "phi3"})
            QTest::newRow(family) << family << "";
        for (const char* family : {"gpt2", "opt"}) QTest::newRow(family) << family << "LayerNorm";
        QTest::newRow("mixtral") << "mixtral"
                                 << "router";
        QTest::newRow("gemma2") << "gemma2"
                                << "norms between a module and the residual stream";
        QTest::newRow("olmo2") << "olmo2"
                               << "norms";
    }
    void of_families_too() {
        QFETCH(QString, family);
        QFETCH(QString, why_not);
        GRATICULE_NEEDS_SHARED("fixtures/families");
        JobContext ctx;
        const auto model = open_model(shared_dir() / "fixtures/families" / family.toStdString(), ctx).model;
        compare_logits(model, in_float64(model, nullptr, "hadamard"));
        if (why_not.isEmpty()) return compare_logits(model, in_float64(model, nullptr, "hadamard:residual=true"));
        const std::string text = resolve(recipe_of("hadamard:residual=true"), *model).diagnostics.text();
        QVERIFY2(text.find(why_not.toStdString()) != std::string::npos, text.c_str());
        QVERIFY2(text.find("leave residual=true out") != std::string::npos, text.c_str());
    }

    void a_rotated_stream_is_for_the_whole_model() {
        Recipe recipe = recipe_of("w=int4 hadamard:residual=true");
        recipe.rules.push_back({"layers.2.*.up_proj", false, parse_scheme_line("w=int4")});
        const std::string text = resolve(recipe, *models_.at("llama").model).diagnostics.text();
        QVERIFY2(text.find("layers.2.mlp.up_proj: other layers have hadamard:residual=true") != std::string::npos,
                 text.c_str());
        recipe.rules.back().choice = parse_scheme_line("w=int4 hadamard");
        QVERIFY(!resolve(recipe, *models_.at("llama").model).resolved);
        recipe.rules.back().pattern = "layers.2.*.down_proj"; // writes to the stream, reads something else
        QVERIFY(resolve(recipe, *models_.at("llama").model).resolved.has_value());
        recipe.rules.back() = {"layers.2.*", false, parse_scheme_line("none")}; // stays, rotated
        QVERIFY(resolve(recipe, *models_.at("llama").model).resolved.has_value());
    }

    /// What lies in the reports and what an evaluation reads is the rotated weight times rotated inputs.
    void quantizing_rounds_the_rotated_weight_data() {
        QTest::addColumn<QString>("model");
        for (const char* model : {"opt", "llama"}) QTest::newRow(model) << model;
    }
    void quantizing_rounds_the_rotated_weight() {
        QFETCH(QString, model);
        const Device device = open_device("cpu");
        const auto rounded = quantized(model, "w=int8/sym/channel hadamard");
        for (const Linear& linear : models_.at(model).model->linears()) {
            const at::Tensor weight = to_torch(linear.weight, device);
            const std::int64_t block = rounded->linears[index_of(linear.id)]->input_map.online().value();
            const auto values = effective_weight(*rounded, linear.id), plain = plain_weight(*rounded, linear.id);
            const at::Tensor rotated = hadamard(weight, block, device);
            QVERIFY((to_torch(values, rotated.sizes(), device) - rotated).norm().item<double>() <
                    0.02 * rotated.norm().item<double>());
            QVERIFY((to_torch(plain, rotated.sizes(), device) - weight).norm().item<double>() <
                    0.02 * rotated.norm().item<double>());
            if (linear.role == Role::o) QVERIFY(models_.at(model).model->config().head_dim % block == 0);
        }
        // Eight bits leave the logits nearly as they are, if forward pass and weights mean the same rotation.
        JobContext ctx;
        const auto before = to_floats(logits(models_.at(model).model, nullptr, {some_ids}, ctx));
        const auto after = to_floats(logits(models_.at(model).model, rounded, {some_ids}, ctx));
        double difference = 0, size = 0;
        for (std::size_t i = 0; i < before.size(); ++i) {
            difference += std::pow(double(after[i]) - double(before[i]), 2);
            size += std::pow(double(before[i]), 2);
        }
        QVERIFY2(difference < 4e-4 * size, qPrintable(QString::number(difference / size)));
    }

    void every_later_stage_works_on_rotated_inputs_data() {
        QTest::addColumn<QString>("model");
        QTest::addColumn<QString>("line");
        for (const char* line :
             {"w=int4/asym/g64 a=int8/sym/token hadamard gptq:quantized_inputs=true",
              "w=int4/asym/g64 hadamard clip:grid=4", "w=int4/asym/dual128 a=int8/sym/tensor/static hadamard dgq",
              "w=int4/asym/channel hadamard lorc:rank=4"}) {
            for (const char* model : {"opt", "llama"}) QTest::addRow("%s %s", model, line) << model << line;
            const QString residual = QString(line).replace("hadamard", "hadamard:residual=true");
            QTest::addRow("llama %s", qPrintable(residual)) << "llama" << residual;
        }
    }
    void every_later_stage_works_on_rotated_inputs() {
        QFETCH(QString, model);
        QFETCH(QString, line);
        const auto result = quantized(model, line.toStdString());
        for (const auto& linear : result->linears) {
            const LayerReport& report = linear->report;
            if (report.search_loss) QVERIFY2(*report.search_loss < *report.search_loss_before, report.name.c_str());
            // An input that is not the one the weight was rotated for gives an output that has nothing to do with it.
            QVERIFY2(*report.output_sqnr_db > 8, (report.name + " " + std::to_string(*report.output_sqnr_db)).c_str());
        }
        JobContext ctx;
        EvaluationSpec spec;
        spec.window = 128;
        spec.max_windows = 4;
        const OpenedModel& opened = models_.at(model);
        const Corpus corpus = load_text("", BuiltInText::evaluation);
        const double plain = evaluate(opened.model, nullptr, *opened.tokenizer, corpus, spec, ctx)->perplexity;
        const double rotated = evaluate(opened.model, result, *opened.tokenizer, corpus, spec, ctx)->perplexity;
        qInfo("perplexity %.3f, was %.3f", rotated, plain);
        QVERIFY(rotated < 1.3 * plain);
    }

    void ranges_and_kept_channels_are_those_of_rotated_inputs() {
        const auto result = quantized("llama", "w=int8/sym/channel a=int8/sym/tensor/static hadamard keep:percent=2");
        const Device device = open_device("cpu");
        const TorchScope scope(device);
        const Model& model = *models_.at("llama").model;
        const Decoder decoder(models_.at("llama").model, stored_weights(), device);
        struct Absmax final : DecoderHooks {
            const Model& model;
            const Device& device;
            std::map<SiteId, at::Tensor> seen;
            Absmax(const Model& m, const Device& d)
                : model(m)
                , device(d) {}
            void observe(SiteId site, const at::Tensor& x) override {
                const Linear& reader = model.linear(model.site(site).consumers.front());
                const std::int64_t width = reader.role == Role::o ? model.config().head_dim : reader.in_features();
                const at::Tensor absmax = hadamard(x, hadamard_block(width), device).abs().amax({0, 1});
                at::Tensor& largest = seen[site];
                largest = largest.defined() ? at::maximum(largest, absmax) : absmax;
            }
        } hooks(model, device);
        for (const at::Tensor& hidden : decoder.embed(stats_.at("llama")->samples))
            (void)decoder.forward(BlockId(0), decoder.load(BlockId(0)), hidden, &hooks);
        for (const Linear& linear : model.linears()) {
            if (index_of(linear.block) != 0) continue;
            const QuantizedLinear& found = *result->linears[index_of(linear.id)];
            at::Tensor absmax = hooks.seen.at(linear.site).clone();
            const auto kept = std::int64_t(found.kept_channels.size());
            QCOMPARE(kept, std::int64_t(std::lround(0.02 * double(linear.in_features()))));
            const double least_kept = std::get<0>(absmax.topk(kept)).min().item<double>();
            for (const std::int32_t channel : found.kept_channels) {
                QVERIFY(absmax[channel].item<double>() >= least_kept * (1 - 1e-5));
                absmax[channel] = 0;
            }
            COMPARE_CLOSE(double(found.static_input->scale), absmax.max().item<double>() / 127, 1e-4);
        }
    }

    void what_if_tells_what_the_run_would_data() {
        QTest::addColumn<QString>("line");
        for (const char* line :
             {"w=int4/asym/g64 a=int8/sym/token hadamard", "w=int4/asym/g64 a=int4/sym/token hadamard:residual=true",
              "w=int4/asym/channel a=int8/sym/token smoothquant hadamard"})
            QTest::newRow(line) << line;
    }
    void what_if_tells_what_the_run_would() {
        QFETCH(QString, line);
        const auto result = quantized("llama", line.toStdString());
        const Model& model = *models_.at("llama").model;
        for (const char* name : {"layers.2.mlp.up_proj", "layers.1.self_attn.o_proj"}) {
            const LayerId layer = *model.find_linear(name);
            const WhatIf tried =
                WhatIfs(models_.at("llama").model, stats_.at("llama")).of(layer, parse_scheme_line(line.toStdString()));
            COMPARE_CLOSE(*tried.report.output_mse, *result->linears[index_of(layer)]->report.output_mse, 1e-3);
        }
    }

    /// The factors of a norm that a rotated stream takes in are no smoothing, and neither are those of rotated channels.
    void a_rotated_stream_shows_no_smoothing_data() {
        QTest::addColumn<QString>("line");
        QTest::addColumn<bool>("smoothed");
        QTest::newRow("rotated stream") << "w=int4/asym/g64 hadamard:residual=true" << false;
        QTest::newRow("scaled behind it")
            << "w=int4/asym/g64 a=int8/sym/token smoothquant hadamard:residual=true" << false;
        QTest::newRow("scaled, then rotated") << "w=int4/asym/g64 a=int8/sym/token smoothquant hadamard" << true;
    }
    void a_rotated_stream_shows_no_smoothing() {
        QFETCH(QString, line);
        QFETCH(bool, smoothed);
        const OpenedModel& opened = models_.at("llama");
        const LayerId layer = opened.model->blocks()[1].q;
        const WhatIf tried = WhatIfs(opened.model, stats_.at("llama")).of(layer, parse_scheme_line(line.toStdString()));
        QCOMPARE(!tried.smoothing.empty(), smoothed);
        const SiteStats& site = stats_.at("llama")->sites[index_of(opened.model->linear(layer).site)];
        QCOMPARE(tried.input_absmax == site.all().channels.absmax_per_channel(), !smoothed);
        for (const float factor : tried.smoothing) QVERIFY(factor > 0);
    }

    void an_export_says_that_it_cannot_rotate() {
        const auto result = quantized("llama", "w=int4/asym/g64 hadamard");
        const std::string text = export_findings(*models_.at("llama").model, choices_of(*result),
                                                 exporter_named("compressed-tensors"), {"nowhere"}, {})
                                     .text();
        QVERIFY2(text.find("a rotation of the inputs at run time") != std::string::npos, text.c_str());
    }
};

GRATICULE_TEST(TestRotation);
#include "tst_rotation.moc"
