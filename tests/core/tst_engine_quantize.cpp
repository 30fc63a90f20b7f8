// Resolving recipes, and what quantizing leaves: codes, reports, folded tensors.
#include <QtTest/QTest>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>

#include "core/engine/engine.h"
#include "core/method/method.h"
#include "core/recipe/presets.h"
#include "core/report/json_results.h"
#include "core/runtime/settle_execution.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/test_main.h"

using namespace graticule;

namespace {

Recipe recipe_from(const std::string& line) {
    Recipe recipe;
    recipe.defaults = parse_scheme_line(line);
    return recipe;
}

std::shared_ptr<const QuantizedModel> quantized(const OpenedModel& opened,
                                                const std::shared_ptr<const ActivationStats>& stats,
                                                const Recipe& recipe, const LayerCallback& on_layer = {}) {
    const Resolution resolution = resolve(recipe, *opened.model);
    if (!resolution.resolved) throw Error(ErrorKind::bad_input, resolution.diagnostics.text());
    JobContext ctx;
    return quantize(opened.model, stats, *resolution.resolved, ctx, on_layer);
}

double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
    double largest = a.size() == b.size() ? 0 : INFINITY;
    for (std::size_t i = 0; i < a.size() && i < b.size(); ++i)
        largest = std::max(largest, std::abs(double(a[i]) - double(b[i])));
    return largest;
}

/// Norm of the difference that quantizing makes to the logits, relative to the logits'.
double logit_error(const OpenedModel& opened, const std::shared_ptr<const QuantizedModel>& model) {
    std::vector<std::int32_t> ids;
    for (std::int32_t i = 0; i < 96; ++i) ids.push_back(5 + 7 * i % 200);
    JobContext ctx;
    const std::vector<float> before = to_floats(logits(opened.model, nullptr, {ids}, ctx));
    const std::vector<float> after = to_floats(logits(opened.model, model, {ids}, ctx));
    double difference = 0, size = 0;
    for (std::size_t i = 0; i < before.size(); ++i) {
        difference += std::pow(double(after[i]) - double(before[i]), 2);
        size += std::pow(double(before[i]), 2);
    }
    return std::sqrt(difference / size);
}

bool near(double a, double b, double relative) {
    return std::abs(a - b) <= relative * std::max(std::abs(a), std::abs(b));
}

} // namespace

class TestEngineQuantize : public QObject {
    Q_OBJECT

    OpenedModel opt_, llama_;
    std::shared_ptr<const ActivationStats> opt_stats_, llama_stats_;

    const OpenedModel& opened(const QString& name) const { return name == "llama" ? llama_ : opt_; }
    const std::shared_ptr<const ActivationStats>& stats(const QString& name) const {
        return name == "llama" ? llama_stats_ : opt_stats_;
    }

private Q_SLOTS:
    void initTestCase() {
        JobContext ctx;
        const std::filesystem::path samples = std::filesystem::path(GRATICULE_SOURCE_DIR) / "resources/samples";
        opt_ = open_model(samples / "sample-opt", ctx);
        llama_ = open_model(samples / "sample-llama", ctx);
        CalibrationSpec spec;
        spec.samples = 4;
        spec.length = 64;
        opt_stats_ = calibrate(*opt_.model, *opt_.tokenizer, spec, ctx);
        llama_stats_ = calibrate(*llama_.model, *llama_.tokenizer, spec, ctx);
    }

    // ---- resolve

    void every_problem_at_once() {
        Recipe recipe = recipe_from("w=int4/asym/g96 awqq smoothquant:alpha=2,beta=1");
        recipe.rules.push_back({"layers.99.*", false, parse_scheme_line("w=int4")});
        recipe.rules.push_back({"*.q_proj", false, parse_scheme_line("w=int4 v=int8/sym/token")});
        recipe.ignore = {"nothing"};
        const Resolution found = resolve(recipe, *opt_.model);
        QVERIFY(!found.resolved);
        const std::string text = found.diagnostics.text();
        for (const char* part :
             {"there is no method \"awqq\"; methods are rtn", "parameter alpha is 2, but must be a number from 0 to 1",
              "smoothquant has no parameter \"beta\"; it takes alpha",
              "rule 1 (layers.99.*): the pattern matches none of the 48 layers",
              "ignore (nothing): the pattern matches none",
              "layers.0.self_attn.k_proj and 31 more: weight: group size 96 does not divide the 256 input columns",
              "layers.0.fc2 and 7 more: weight: group size 96 does not divide the 1024 input columns; use 32, 64, 128, "
              "256, or "
              "per channel"})
            QVERIFY2(text.find(part) != std::string::npos, (std::string(part) + " is not in\n" + text).c_str());
        QCOMPARE(found.matches.size(), std::size_t(2));
        QCOMPARE(found.matches[0].matched, 0);
        QCOMPARE(found.matches[1].matched, 8);
    }
    void one_cause_is_one_problem_data() {
        QTest::addColumn<QString>("line");
        QTest::newRow("a weight that two methods miss") << "a=int8 gptq awq";
        QTest::newRow("an unknown method twice") << "w=int4 magic magic";
        QTest::newRow("a group size, of 8 layers") << "w=int4/g1024 a=int8";
        QTest::newRow("attentions that differ, in 8 blocks") << "w=int4 v=int8";
    }
    void one_cause_is_one_problem() {
        QFETCH(QString, line);
        Recipe recipe = recipe_from(line.toStdString());
        if (line.contains("g1024")) recipe.ignore = {"*.self_attn.*", "*.fc2"};
        if (line.contains("v=int8")) recipe.rules.push_back({"*.out_proj", false, parse_scheme_line("w=int4")});
        const Diagnostics found = resolve(recipe, *opt_.model).diagnostics;
        QVERIFY2(found.items.size() == 1 && found.has_errors(), found.text().c_str());
        if (line.contains("g1024") || line.contains("v=int8"))
            QVERIFY2(found.items.front().where.ends_with(" and 7 more"), found.text().c_str());
    }

    void a_recipe_in_vain_is_refused_data() {
        QTest::addColumn<QString>("line");
        QTest::addColumn<QString>("rule"); // for every layer; empty: none
        QTest::addColumn<QStringList>("ignore");
        QTest::addColumn<QString>("says");
        QTest::newRow("all ignored") << "w=int4"
                                     << "" << QStringList{"*"} << "the ignore list takes all 48 layers";
        QTest::newRow("all ignored, by parts")
            << "w=int4"
            << "" << QStringList{"*.self_attn.*", "*.fc*"} << "the ignore list takes all 48 layers";
        QTest::newRow("rules") << "w=int4"
                               << "none" << QStringList{} << "rules without a scheme take all 48 layers";
        QTest::newRow("both") << "w=int4"
                              << "none" << QStringList{"*.fc1"} << "rules without a scheme and the ignore";
    }
    void a_recipe_in_vain_is_refused() {
        QFETCH(QString, line);
        QFETCH(QString, rule);
        QFETCH(QStringList, ignore);
        QFETCH(QString, says);
        Recipe recipe = recipe_from(line.toStdString());
        if (!rule.isEmpty()) recipe.rules.push_back({"*", false, parse_scheme_line(rule.toStdString())});
        for (const QString& pattern : ignore) recipe.ignore.push_back(pattern.toStdString());
        const Resolution found = resolve(recipe, *opt_.model);
        QVERIFY(!found.resolved);
        QVERIFY2(found.diagnostics.text().find(says.toStdString()) != std::string::npos,
                 found.diagnostics.text().c_str());
        QVERIFY(resolve(recipe_from("none"), *opt_.model).resolved); // it says so itself
    }

    void the_last_rule_wins() {
        Recipe recipe = recipe_from("w=int4");
        recipe.rules.push_back({"*.fc2", false, parse_scheme_line("w=int8")});
        recipe.rules.push_back({"layers.0.*", false, parse_scheme_line("w=int3")});
        recipe.ignore = {"layers.1.*"};
        const Resolution found = resolve(recipe, *opt_.model);
        QVERIFY(found.resolved.has_value());
        QCOMPARE(found.matches[0].matched, 8);
        QCOMPARE(found.matches[0].won, 6); // layer 0's is taken by the later rule, layer 1's is ignored
        const auto rule = [&](const char* name) {
            return found.resolved->plans()[index_of(*opt_.model->find_linear(name))];
        };
        QCOMPARE(rule("layers.0.fc2")->rule, 1);
        QCOMPARE(rule("layers.2.fc2")->rule, 0);
        QCOMPARE(rule("layers.2.fc1")->rule, -1);
        QVERIFY(!rule("layers.1.fc1").has_value());
    }
    void attention_operands_agree_in_a_block() {
        Recipe recipe = recipe_from("w=int4 v=int4");
        recipe.rules.push_back({"layers.2.*.out_proj", false, parse_scheme_line("w=int4")});
        const std::string text = resolve(recipe, *opt_.model).diagnostics.text();
        QVERIFY2(text.find("layers.2.self_attn.out_proj: the attention operands") != std::string::npos, text.c_str());
    }
    void transforms_agree_at_a_site() {
        Recipe recipe = recipe_from("w=int4 smoothquant");
        recipe.rules.push_back({"layers.2.*.v_proj", false, parse_scheme_line("w=int4")});
        const std::string text = resolve(recipe, *opt_.model).diagnostics.text();
        QVERIFY2(text.find("layers.2.self_attn.") != std::string::npos, text.c_str());
        QVERIFY2(text.find("its transform differs from that of the block's q") != std::string::npos, text.c_str());
    }
    void the_estimate_is_what_quantizing_gives() {
        const Recipe recipe = recipe_from("w=int4/asym/g128");
        const Resolution found = resolve(recipe, *opt_.model);
        const auto result = quantized(opt_, nullptr, recipe);
        QVERIFY(found.resolved->size() == result->size());
        QVERIFY(near(result->size().bits_per_weight.actual, 4 + 36 / 128.0, 1e-9)); // float32 scales
        QVERIFY(near(result->size().bits_per_weight.ideal, 4 + 20 / 128.0, 1e-9));  // as papers count them
    }

    // ---- quantize

    void rounding_by_hand() { // one group of one weight against the definition
        const auto result = quantized(opt_, nullptr, recipe_from("w=int4/asym/g128"));
        const LayerId layer = *opt_.model->find_linear("layers.3.fc1");
        const std::vector<float> weight = to_floats(opt_.model->linear(layer).weight);
        const std::vector<float> rounded = effective_weight(*result, layer);
        const std::size_t first = 5 * 256 + 128; // row 5, second group
        float low = 0, high = 0;
        for (std::size_t i = first; i < first + 128; ++i) {
            low = std::min(low, weight[i]);
            high = std::max(high, weight[i]);
        }
        const float scale = (high - low) / 15, zero = std::nearbyint(-low / scale);
        for (std::size_t i = first; i < first + 128; ++i) {
            const float code = std::min(15.0F, std::max(0.0F, std::nearbyint(weight[i] / scale) + zero));
            QVERIFY(std::abs((code - zero) * scale - rounded[i]) <= 1e-6F * scale);
        }
    }
    void a_report_is_what_a_plain_loop_finds() {
        const auto result = quantized(opt_, opt_stats_, recipe_from("w=int3/asym/channel"));
        const LayerId layer = *opt_.model->find_linear("layers.2.self_attn.v_proj");
        const Linear& linear = opt_.model->linear(layer);
        const std::vector<float> weight = to_floats(linear.weight), rounded = effective_weight(*result, layer);
        const std::vector<float> rows = to_floats(opt_stats_->sites[index_of(linear.site)].kept_rows);
        const std::size_t channels = std::size_t(linear.in_features()), tokens = rows.size() / channels;
        std::int64_t lost = 0;
        double squared = 0, total = 0, underflow = 0, kept_in_range = 0;
        for (std::size_t first = 0; first < weight.size(); first += channels) {
            std::vector<double> error(channels), of_lost(channels);
            for (std::size_t i = 0; i < channels; ++i) {
                error[i] = double(rounded[first + i]) - double(weight[first + i]);
                squared += error[i] * error[i];
                if (rounded[first + i] != 0 || weight[first + i] == 0) continue;
                ++lost;
                of_lost[i] = error[i];
            }
            for (std::size_t token = 0; token < tokens; ++token) {
                double all = 0, zeroed = 0;
                for (std::size_t i = 0; i < channels; ++i) {
                    const double x = double(rows[token * channels + i]);
                    all += error[i] * x;
                    zeroed += of_lost[i] * x;
                }
                total += all * all;
                underflow += zeroed * zeroed;
                kept_in_range += (all - zeroed) * (all - zeroed);
            }
        }
        const double outputs = double(tokens * (weight.size() / channels));
        const LayerReport& report = result->linears[index_of(layer)]->report;
        const ErrorSplit& split = *report.weight_output_error;
        QCOMPARE(report.weight_counts.underflow, lost);
        QVERIFY(near(report.weight_underflow_percent, 100.0 * double(lost) / double(weight.size()), 1e-9));
        QVERIFY(near(report.weight_mse, squared / double(weight.size()), 1e-5));
        QVERIFY(near(split.total, total / outputs, 1e-4));
        QVERIFY(near(split.underflow, underflow / outputs, 1e-4));
        QCOMPARE(split.clipping, 0.0); // the whole range is covered
        QVERIFY(near(split.rounding, kept_in_range / outputs, 1e-4));
        QVERIFY(near(split.cross, (total - underflow - kept_in_range) / outputs, 1e-2));
    }
    void reports_are_complete() {
        std::vector<LayerReport> reports;
        const auto result = quantized(opt_, opt_stats_, recipe_from("w=int3/asym/channel a=int8/sym/token"),
                                      [&](const LayerReport& report) { reports.push_back(report); });
        QCOMPARE(reports.size(), std::size_t(48));
        for (const LayerReport& report : reports) {
            QVERIFY(report.weight_output_error.has_value());
            const ErrorSplit& split = *report.weight_output_error;
            QVERIFY(split.total > 0);
            QVERIFY(report.weight_counts.underflow > 0);
            QVERIFY(report.input_mse && *report.input_mse > 0);
            QVERIFY(report.output_mse && *report.output_mse > 0);
            QVERIFY(report.bytes_after < report.bytes_before);
            QCOMPARE(report.scheme_line, std::string("w=int3/asym/channel a=int8/sym/token"));
        }
        QVERIFY(result->peak_bytes > 0);
        QCOMPARE(result->provenance.recipe_line, std::string("w=int3/asym/channel a=int8/sym/token"));
    }
    void the_model_is_not_changed() {
        const Linear& linear = opt_.model->linears().front();
        const std::vector<float> before = to_floats(linear.weight);
        const std::vector<float> norm = to_floats(opt_.model->blocks().front().norm(NormSlot::attention).weight);
        const auto result = quantized(opt_, opt_stats_, recipe_from("w=int4 a=int8 smoothquant"));
        QCOMPARE(to_floats(linear.weight), before);
        QCOMPARE(to_floats(opt_.model->blocks().front().norm(NormSlot::attention).weight), norm);
        QVERIFY(result->replaced.contains(opt_.model->blocks().front().norm(NormSlot::attention).name + ".weight"));
    }
    void without_calibration_it_says_so() {
        try {
            (void)quantized(opt_, nullptr, recipe_from("w=int4 gptq"));
            QFAIL("ran");
        } catch (const Error& error) {
            QVERIFY(error.info().message.find("needs calibration") != std::string::npos);
            QVERIFY(error.info().kind == ErrorKind::usage);
        }
    }
    void cancelling_stops_it() {
        const Resolution resolution = resolve(recipe_from("w=int4"), *opt_.model);
        JobContext ctx;
        int done = 0;
        const auto stop = [&](const LayerReport&) {
            if (++done == 3) ctx.cancel.request();
        };
        QVERIFY_THROWS_EXCEPTION(Cancelled, (void)quantize(opt_.model, nullptr, *resolution.resolved, ctx, stop));
        QCOMPARE(done, 3);
    }

    /// What a sink gets is what the result would hold, and the result tells the same without it.
    void a_sink_gets_everything() {
        struct Collected final : QuantizedSink {
            std::map<LayerId, QuantizedLinear> linears;
            std::map<std::string, HostTensor> replaced;
            Provenance announced;
            void begin(const QuantizedModel& heading) override { announced = heading.provenance; }
            void take(QuantizedLinear linear) override { linears.emplace(linear.layer, std::move(linear)); }
            void take(const std::string& name, HostTensor tensor) override {
                replaced.emplace(name, std::move(tensor));
            }
        } sink;
        const Recipe recipe = recipe_from("w=int4/asym/g64 smoothquant keep:percent=2 lorc:rank=3");
        const Resolution resolution = resolve(recipe, *opt_.model);
        JobContext ctx;
        const auto told = quantize(opt_.model, opt_stats_, *resolution.resolved, ctx, {}, {.sink = &sink});
        const auto held = quantized(opt_, opt_stats_, recipe);
        QCOMPARE(sink.linears.size(), held->linears.size());
        for (const auto& linear : held->linears) {
            const QuantizedLinear& taken = sink.linears.at(linear->layer);
            QVERIFY(taken.codes == linear->codes && taken.params == linear->params);
            QCOMPARE(to_floats(taken.kept_columns), to_floats(linear->kept_columns));
            QCOMPARE(to_floats(taken.low_rank->a), to_floats(linear->low_rank->a));
            const QuantizedLinear& left = *told->linears[index_of(linear->layer)];
            QVERIFY(left.codes.empty() && left.params.scale.empty() && left.kept_columns.empty());
            QCOMPARE(left.report.output_mse, linear->report.output_mse);
        }
        QCOMPARE(sink.replaced.size(), held->replaced.size());
        for (const auto& [name, tensor] : held->replaced)
            QCOMPARE(to_floats(sink.replaced.at(name)), to_floats(tensor));
        QVERIFY(told->replaced.empty());
        QVERIFY(told->size() == held->size());
        QCOMPARE(told->provenance, held->provenance);
        sink.announced.model_hash = held->provenance.model_hash; // the one thing that may come later
        QCOMPARE(sink.announced, held->provenance);
    }

    void a_stopped_quantization_goes_on_behind_its_last_block_data() {
        QTest::addColumn<QString>("model");
        QTest::addColumn<QString>("line");
        QTest::newRow("GPTQ in turn, its states passed on")
            << "opt"
            << "w=int4/asym/g64 a=int8/sym/token gptq:true_sequential=true,quantized_inputs=true";
        QTest::newRow("scaled, low rank, kept channels")
            << "opt"
            << "w=int4/asym/g64 a=int8/sym/token smoothquant keep:percent=2 lorc:rank=3";
        QTest::newRow("dINT, a scale found by samples") << "opt"
                                                        << "w=dint4/asym/channel a=int8/sym/token aqas";
        QTest::newRow("two levels of scales, static inputs")
            << "llama"
            << "w=fp4_e2m1/g16:e4m3/tensor:f32 a=int8/sym/tensor/static gptq";
    }
    /// The same codes, floats and reports, wherever it was stopped and whatever a kill left of a record.
    void a_stopped_quantization_goes_on_behind_its_last_block() {
        QFETCH(QString, model);
        QFETCH(QString, line);
        const Recipe recipe = recipe_from(line.toStdString());
        const Resolution resolution = resolve(recipe, *opened(model).model);
        QVERIFY2(resolution.resolved, resolution.diagnostics.text().c_str());
        const auto whole = quantized(opened(model), stats(model), recipe);
        const testing::TemporaryFolder folder;
        const std::filesystem::path journal = folder.path() / "kept" / "quantization";
        const std::size_t blocks = opened(model).model->blocks().size(), per_block = whole->linears.size() / blocks;
        std::vector<double> seconds; // of the linears that the stopped one has made: no two runs take the same
        Progress::Snapshot counted_from;
        const auto run = [&](std::size_t linears) {
            JobContext ctx;
            std::vector<double> told;
            const auto tell = [&](const LayerReport& report) {
                if (told.empty()) counted_from = ctx.progress.snapshot();
                told.push_back(report.seconds);
                if (told.size() == linears) ctx.cancel.request();
            };
            std::shared_ptr<const QuantizedModel> result;
            try {
                result =
                    quantize(opened(model).model, stats(model), *resolution.resolved, ctx, tell, {.journal = journal});
            } catch (const Cancelled&) {
            }
            const std::size_t same = static_cast<std::size_t>(
                std::mismatch(told.begin(), told.end(), seconds.begin(), seconds.end()).first - told.begin());
            seconds = told;
            return std::pair(result, same);
        };
        QVERIFY(!run(2 * per_block + 1).first);              // in the third block
        const auto [second, taken] = run(3 * per_block + 2); // and in the fourth
        QVERIFY(!second);
        QCOMPARE(taken, 2 * per_block);
        std::filesystem::resize_file(journal, std::filesystem::file_size(journal) - 100); // killed while it was written
        const auto [result, taken_then] = run(0);
        QVERIFY(result);
        QCOMPARE(taken_then, 2 * per_block);
        QCOMPARE(counted_from.done, std::int64_t(2 * per_block)); // what is kept is no work of this one
        QCOMPARE(counted_from.before, counted_from.done);
        QCOMPARE(counted_from.total, std::int64_t(whole->linears.size()));
        const Execution execution = settle_execution({}, "cpu", *opened(model).model);
        QVERIFY(kept_linears(kept_blocks(journal), *opened(model).model, recipe, execution) ==
                (KeptLinears{std::int64_t(whole->linears.size()), std::int64_t(whole->linears.size())}));
        for (std::size_t i = 0; i < whole->linears.size(); ++i) {
            const QuantizedLinear &is = *result->linears[i], &was = *whole->linears[i];
            QVERIFY(is.choice == was.choice && is.codes == was.codes && is.params == was.params);
            QVERIFY(is.input_map == was.input_map && is.static_input == was.static_input);
            QCOMPARE(is.kept_channels, was.kept_channels);
            QCOMPARE(is.kept_columns.empty(), was.kept_columns.empty());
            if (!is.kept_columns.empty()) QCOMPARE(to_floats(is.kept_columns), to_floats(was.kept_columns));
            QCOMPARE(is.low_rank.has_value(), was.low_rank.has_value());
            if (is.low_rank) QCOMPARE(to_floats(is.low_rank->a), to_floats(was.low_rank->a));
            if (is.low_rank) QCOMPARE(to_floats(is.low_rank->b), to_floats(was.low_rank->b));
            QCOMPARE(to_json(is.report, Timing::leave_out).dump(), to_json(was.report, Timing::leave_out).dump());
        }
        QCOMPARE(result->replaced.size(), whole->replaced.size());
        for (const auto& [name, tensor] : whole->replaced)
            QCOMPARE(to_floats(result->replaced.at(name)), to_floats(tensor));
        QCOMPARE(result->provenance, whole->provenance);
        // Another recipe has nothing of it.
        const Resolution other = resolve(recipe_from("w=int4/sym/channel"), *opened(model).model);
        JobContext ctx;
        std::string log;
        ctx.log = [&](const std::string& told) { log += told; };
        (void)quantize(opened(model).model, stats(model), *other.resolved, ctx, {}, {.journal = journal});
        QVERIFY2(log.find("quantized before") == std::string::npos, log.c_str());
        QVERIFY(!kept_linears(kept_blocks(journal), *opened(model).model, recipe, execution));
    }

    /// Nothing is searched again for a block that is kept, and where all are there no samples pass: what is computed
    /// from is another thing here, and nobody looks.
    void kept_blocks_are_not_computed_again() {
        const Resolution resolution =
            resolve(recipe_from("w=int4/asym/channel a=int8/sym/token aqas gptq"), *opt_.model);
        QVERIFY2(resolution.resolved, resolution.diagnostics.text().c_str());
        const testing::TemporaryFolder folder;
        const std::filesystem::path journal = folder.path() / "quantization";
        JobContext ctx;
        const auto whole = quantize(opt_.model, stats("opt"), *resolution.resolved, ctx, {}, {.journal = journal});
        auto other = std::make_shared<ActivationStats>(*stats("opt"));
        other->samples.clear();
        for (SiteStats& site : other->sites)
            for (BucketStats& bucket : site.buckets)
                for (float& highest : bucket.channels.maximum) highest *= 3;
        JobContext again;
        const auto kept = quantize(opt_.model, other, *resolution.resolved, again, {}, {.journal = journal});
        for (std::size_t i = 0; i < whole->linears.size(); ++i) {
            QVERIFY(kept->linears[i]->codes == whole->linears[i]->codes);
            QVERIFY(kept->linears[i]->input_map == whole->linears[i]->input_map);
        }
        QCOMPARE(kept->replaced.size(), whole->replaced.size());
        for (const auto& [name, tensor] : whole->replaced)
            QCOMPARE(to_floats(kept->replaced.at(name)), to_floats(tensor));
    }

    /// Statistics of another type are others, though of the same tokens: no block of theirs is taken over.
    void a_journal_is_of_its_statistics() {
        const Resolution resolution = resolve(recipe_from("w=int4/asym/g64 smoothquant"), *opt_.model);
        const testing::TemporaryFolder folder;
        const std::filesystem::path journal = folder.path() / "quantization";
        JobContext stopped;
        const std::size_t per_block = opt_.model->linears().size() / opt_.model->blocks().size();
        std::size_t done = 0;
        const auto stop = [&](const LayerReport&) {
            if (++done == 2 * per_block + 1) stopped.cancel.request();
        };
        QVERIFY_THROWS_EXCEPTION(Cancelled, (void)quantize(opt_.model, opt_stats_, *resolution.resolved, stopped, stop,
                                                           {.journal = journal}));
        JobContext coarser;
        coarser.execution.compute = Compute::bfloat16;
        const auto others = calibrate(*opt_.model, *opt_.tokenizer, opt_stats_->spec, coarser);
        QCOMPARE(others->provenance.data_hash, opt_stats_->provenance.data_hash);
        const auto log_of = [&](const std::shared_ptr<const ActivationStats>& stats) {
            JobContext ctx;
            std::string log;
            ctx.log = [&](const std::string& told) { log += told; };
            const auto enough = [&](const LayerReport&) { ctx.cancel.request(); };
            try {
                (void)quantize(opt_.model, stats, *resolution.resolved, ctx, enough, {.journal = journal});
            } catch (const Cancelled&) {
            }
            return log;
        };
        QVERIFY(log_of(opt_stats_).find("quantized before") != std::string::npos);
        QCOMPARE(log_of(others).find("quantized before"), std::string::npos);
    }

    /// No memory for results: their bytes lie in a file, and everything that reads them finds the same.
    void what_does_not_fit_lies_in_a_file() {
        const Recipe recipe = recipe_from("w=int3/asym/g64 smoothquant");
        const Resolution resolution = resolve(recipe, *opt_.model);
        JobContext ctx;
        const auto spilled = quantize(opt_.model, opt_stats_, *resolution.resolved, ctx, {}, {.held_bytes = 0});
        const auto held = quantized(opt_, opt_stats_, recipe);
        for (std::size_t i = 0; i < held->linears.size(); ++i) {
            QVERIFY(spilled->linears[i]->codes == held->linears[i]->codes);
            QVERIFY(effective_weight(*spilled, LayerId(i)) == effective_weight(*held, LayerId(i)));
        }
        QCOMPARE(spilled->replaced.size(), held->replaced.size());
        for (const auto& [name, tensor] : held->replaced)
            QCOMPARE(to_floats(spilled->replaced.at(name)), to_floats(tensor));
        int in_files = 0; // of the process' mappings, those of a file that was deleted or never had a name
        std::ifstream maps("/proc/self/maps");
        for (std::string line; std::getline(maps, line);)
            in_files += line.find(" (deleted)") != std::string::npos && line.find("r--s") != std::string::npos ? 1 : 0;
        QVERIFY2(in_files >= int(held->linears.size()), std::to_string(in_files).c_str());
    }
    void a_file_that_cannot_be_made_is_named() {
        qputenv("TMPDIR", "/nowhere/at/all");
        const Resolution resolution = resolve(recipe_from("w=int4"), *opt_.model);
        JobContext ctx;
        try {
            (void)quantize(opt_.model, nullptr, *resolution.resolved, ctx, {}, {.held_bytes = 0});
            QFAIL("wrote into a folder that is not there");
        } catch (const Error& error) {
            QCOMPARE(error.info().kind, ErrorKind::bad_input);
            QVERIFY2(error.info().message.find("/nowhere/at/all") != std::string::npos, error.what());
        }
        qunsetenv("TMPDIR");
    }

    void folding_alone_changes_no_logits_data() {
        QTest::addColumn<QString>("model");
        QTest::addColumn<QString>("line");
        for (const char* model : {"opt", "llama"})
            for (const char* line : {"smoothquant:alpha=0.7", "percentile:percent=5"})
                QTest::addRow("%s %s", model, line) << model << line;
    }
    void folding_alone_changes_no_logits() {
        QFETCH(QString, model);
        QFETCH(QString, line);
        const OpenedModel& sample = opened(model);
        const auto folded = quantized(sample, stats(model), recipe_from(line.toStdString()));
        QVERIFY(!folded->replaced.empty());
        std::vector<std::int32_t> ids;
        for (std::int32_t i = 0; i < 48; ++i) ids.push_back(5 + 7 * i % 200);
        JobContext ctx;
        const std::vector<float> before = to_floats(logits(sample.model, nullptr, {ids}, ctx));
        const std::vector<float> after = to_floats(logits(sample.model, folded, {ids}, ctx));
        // trials.md trap 9: float32 itself moves the logits by 2e-4; the exact identity is tested in float64 elsewhere.
        QVERIFY(largest_difference(before, after) < 1e-3);
        QVERIFY(largest_difference(before, after) > 0); // something was folded
    }

    void kept_channels_are_exact_to_16_bits() {
        const auto result =
            quantized(opt_, opt_stats_, recipe_from("w=int4/asym/channel a=int4/sym/token keep:percent=10"));
        for (const auto& linear : result->linears) {
            const Linear& source = opt_.model->linear(linear->layer);
            QCOMPARE(linear->kept_channels.size(), std::size_t(std::lround(0.1 * double(source.in_features()))));
            const std::vector<float> weight = to_floats(source.weight), now = effective_weight(*result, linear->layer);
            const std::size_t columns = std::size_t(source.in_features());
            for (std::size_t row = 0; row < 4; ++row)
                for (const std::int32_t channel : linear->kept_channels) {
                    const std::size_t i = row * columns + std::size_t(channel);
                    QVERIFY(std::abs(weight[i] - now[i]) <= std::abs(weight[i]) * 0x1p-10F + 1e-7F);
                }
        }
    }
    void the_dual_grain_fits_eight_bits() {
        Recipe recipe;
        recipe.rules.push_back({"layers.2.*", false, parse_scheme_line("w=int4/asym/dual128 dgq")});
        const auto result = quantized(opt_, opt_stats_, recipe);
        for (const auto& linear : result->linears) {
            if (!linear) continue;
            const Linear& shape = opt_.model->linear(linear->layer);
            QVERIFY(linear->params.coarse.has_value());
            QCOMPARE(std::int64_t(linear->params.coarse->scale.size()), shape.out_features());
            const std::vector<float> group_scale = fine_scales(linear->params, shape.in_features());
            const std::size_t groups = group_scale.size();
            for (const float scale : group_scale) QVERIFY(scale >= 1 && scale <= 127 && scale == std::round(scale));
            const std::vector<std::uint8_t> codes = linear->codes.unpack();
            for (std::size_t i = 0; i < codes.size(); ++i) {
                const std::size_t group = i / 128;
                QVERIFY(group < groups);
                const float product = (float(codes[i]) - linear->params.zero[group]) * group_scale[group];
                if (std::abs(product) > 127) QFAIL("an expanded weight leaves eight bits");
            }
            QVERIFY(*linear->report.search_loss < *linear->report.search_loss_before);
        }
    }
    void low_rank_lowers_the_output_error() {
        const auto plain = quantized(opt_, opt_stats_, recipe_from("w=int3/asym/channel"));
        const auto more = quantized(opt_, opt_stats_, recipe_from("w=int3/asym/channel lorc:rank=16"));
        for (std::size_t i = 0; i < plain->linears.size(); ++i) {
            QVERIFY(more->linears[i]->low_rank.has_value());
            QVERIFY(more->linears[i]->report.bytes_after > plain->linears[i]->report.bytes_after);
        }
        QVERIFY(*more->linears[4]->report.output_mse < *plain->linears[4]->report.output_mse);
    }
    void gptq_lowers_its_own_objective() {
        const auto result = quantized(llama_, llama_stats_, recipe_from("w=int3/asym/g64 gptq:true_sequential=true"));
        for (const auto& linear : result->linears)
            QVERIFY(*linear->report.search_loss < *linear->report.search_loss_before);
    }
    /// 256 tokens determine no more than 256 of fc2's 1024 directions.
    void damping_is_raised_from_nothing() {
        const auto result = quantized(opt_, opt_stats_, recipe_from("w=int4/asym/g64 gptq:damp=0"));
        const LayerReport& report = result->linears[index_of(*opt_.model->find_linear("layers.2.fc2"))]->report;
        QVERIFY2(report.method_note.starts_with("damping raised to 0.01; "), report.method_note.c_str());
        QVERIFY(*report.search_loss < *report.search_loss_before);
    }
    void searches_do_not_lose_against_doing_nothing_data() {
        QTest::addColumn<QString>("line");
        QTest::newRow("aqas") << "w=int4/asym/channel a=int8/asym/token aqas:grid=6";
        QTest::newRow("awq") << "w=int4/asym/g64 awq:grid=6";
    }
    void searches_do_not_lose_against_doing_nothing() {
        QFETCH(QString, line);
        const auto result = quantized(opt_, opt_stats_, recipe_from(line.toStdString()));
        int better = 0;
        for (const auto& linear : result->linears) {
            QVERIFY(*linear->report.search_loss <= *linear->report.search_loss_before);
            better += *linear->report.search_loss < *linear->report.search_loss_before ? 1 : 0;
        }
        QVERIFY(better > 24);
    }

    void every_preset_runs_data() {
        QTest::addColumn<QString>("preset");
        for (const Preset& preset : all_presets())
            QTest::newRow(std::string(preset.name).c_str())
                << QString::fromUtf8(preset.name.data(), qsizetype(preset.name.size()));
    }
    void every_preset_runs() {
        QFETCH(QString, preset);
        Recipe recipe = read_recipe(preset.toStdString());
        Recipe small = recipe;
        small.defaults = parse_scheme_line("none"); // one block has every kind of linear
        small.rules.push_back({"layers.0.*", false, recipe.defaults});
        for (MethodStep& step : small.rules.front().choice.steps) {
            if (step.method == "aqas" || step.method == "awq") step.params["grid"] = std::int64_t(3);
            if (step.params.contains("length")) step.params["length"] = std::int64_t(32); // the samples have 64 tokens
        }
        const auto result = quantized(llama_, llama_stats_, small);
        Recipe plain = small; // the same scheme without its methods
        plain.rules.front().choice.steps.clear();
        const auto nearest = quantized(llama_, llama_stats_, plain);
        int count = 0;
        for (const auto& linear : result->linears) {
            if (!linear) continue;
            ++count;
            const LayerReport& report = linear->report;
            const char* name = report.name.c_str();
            const std::vector<std::uint8_t> codes = linear->codes.unpack();
            const Linear& shape = llama_.model->linear(linear->layer);
            QVERIFY2(std::cmp_equal(codes.size(), shape.in_features() * shape.out_features()), name);
            QVERIFY2(*std::max_element(codes.begin(), codes.end()) <
                         linear->choice.scheme.weight->format->grid.code_count(),
                     name);
            // The report is of the weight that is handed out.
            const std::vector<float> weight = effective_weight(*result, linear->layer);
            for (const float value : weight) QVERIFY(std::isfinite(value));
            if (step_of(linear->choice, Stage::transform) == nullptr && linear->kept_channels.empty() &&
                !linear->low_rank) {
                const std::vector<float> stored = to_floats(shape.weight);
                double squared = 0;
                for (std::size_t i = 0; i < stored.size(); ++i)
                    squared += std::pow(double(weight[i]) - double(stored[i]), 2);
                QVERIFY2(near(report.weight_mse, squared / double(stored.size()), 1e-3), name);
            }
            QVERIFY2(report.weight_sqnr_db > (linear->choice.scheme.weight->format->bits == 8 ? 30 : 10), name);
            QVERIFY2(report.bytes_after < report.bytes_before, name);
            if (report.search_loss) QVERIFY2(*report.search_loss <= *report.search_loss_before * 1.001, name);
        }
        QCOMPARE(count, 7);
        // What a method fits to a few hundred tokens it may lose on others (GPTQ in act-order: half as much again);
        // what loses far more than the scheme alone is broken.
        const double with = logit_error(llama_, result), without = logit_error(llama_, nearest);
        qInfo("logits off by %.4f, without methods by %.4f", with, without);
        QVERIFY(with < 0.5 && with <= 1.6 * without);
    }

    void a_calibration_length_beyond_the_samples_is_refused() {
        Recipe recipe;
        recipe.defaults = parse_scheme_line("w=int4/asym/channel gptq:length=65");
        try {
            (void)quantized(llama_, llama_stats_, recipe);
            QFAIL("a length of 65 tokens was taken from samples of 64");
        } catch (const Error& error) {
            QCOMPARE(error.info().kind, ErrorKind::bad_input);
            QVERIFY2(error.info().message.find("calibration length 65") != std::string::npos, error.what());
        }
    }

    // ---- what-if

    void what_if_tells_what_the_run_would_data() {
        QTest::addColumn<QString>("line");
        for (const char* line :
             {"w=int4/asym/g128", "w=dint4/asym/channel a=int8/sym/token",
              "w=int8/sym/channel a=int8/sym/token smoothquant:alpha=0.5", "w=fp4_e2m1/sym/g32 a=fp8_e4m3"})
            QTest::newRow(line) << line;
    }
    void what_if_tells_what_the_run_would() {
        QFETCH(QString, line);
        const auto result = quantized(opt_, opt_stats_, recipe_from(line.toStdString()));
        const LayerId layer = *opt_.model->find_linear("layers.2.fc1");
        const WhatIf tried = WhatIfs(opt_.model, opt_stats_).of(layer, parse_scheme_line(line.toStdString()));
        const LayerReport& run = result->linears[index_of(layer)]->report;
        QVERIFY(near(tried.report.weight_mse, run.weight_mse, 1e-9));
        QVERIFY(near(*tried.report.output_mse, *run.output_mse, 1e-9));
        QCOMPARE(tried.report.weight_counts.underflow, run.weight_counts.underflow);
        QCOMPARE(tried.smoothing, result->linears[index_of(layer)]->input_map.smoothing());
        const std::vector<double>& counts = tried.weight_in_steps.counts;
        QCOMPARE(std::accumulate(counts.begin(), counts.end(), 0.0), double(256 * 1024)); // every weight, once
        // Where nothing is clipped and zero is a code, what rounds to zero lies within half a step of it.
        if (line.startsWith("w=int8/sym")) {
            const StepHistogram& steps = tried.weight_in_steps;
            const auto half = std::int64_t(std::lround(0.5 / steps.width));
            const auto zero = counts.begin() + steps.reach;
            const double within = std::accumulate(zero - half, zero + half, 0.0);
            QVERIFY(std::abs(within - double(run.weight_counts.underflow)) < 0.01 * within + 64);
        }
    }
    /// Beside a fit, which is scored on rows that it has not seen, what fits itself to none is scored on the same.
    void what_if_on_the_rows_that_a_fit_leaves() {
        const WhatIfs answers(opt_.model, opt_stats_);
        const LayerId layer = *opt_.model->find_linear("layers.2.fc1");
        const auto plain = parse_scheme_line("w=int4/asym/channel a=int8/sym/token");
        const LayerReport all = answers.of(layer, plain).report,
                          some = answers.of(layer, plain, 0, ScoredOn::held_out).report,
                          fit =
                              answers.of(layer, parse_scheme_line("w=int4/asym/channel a=int8/sym/token gptq")).report;
        QCOMPARE(some.rows_scored, fit.rows_scored);
        QCOMPARE(*some.input_mse, *fit.input_mse); // the same inputs and the same quantizer
        QVERIFY(*some.input_mse != *all.input_mse);
        QCOMPARE(some.weight_mse, all.weight_mse);
        QCOMPARE(some.rows_fitted, 0);
        QCOMPARE(fit.rows_fitted + fit.rows_scored, all.rows_scored);
    }
    /// What is shown before any input is looked at: the weight's figures of the whole answer, and none of the others.
    void what_if_of_the_weight_alone_data() {
        QTest::addColumn<QString>("line");
        for (const char* line :
             {"w=int4/asym/g128 a=int8/sym/token", "w=int4/sym/channel rtn:range=full", "w=dint4/asym/channel",
              "w=nvfp4", "w=int4/asym/dual128", "w=int4/asym/g128 lorc:rank=4",
              "w=int8/sym/channel a=int8/sym/token smoothquant:alpha=0.5", "a=int8/sym/token"})
            QTest::newRow(line) << line;
    }
    void what_if_of_the_weight_alone() {
        QFETCH(QString, line);
        const WhatIfs answers(opt_.model, opt_stats_);
        const LayerId layer = *opt_.model->find_linear("layers.2.fc1");
        const SchemeChoice choice = parse_scheme_line(line.toStdString());
        const WhatIf whole = answers.of(layer, choice), weight = answers.of_weight(layer, choice);
        const LayerReport &is = weight.report, &should = whole.report;
        QVERIFY(is.estimated && is.rows_scored == 0);
        QVERIFY(!is.output_mse && !is.output_sqnr_db && !is.weight_output_error && !is.input_mse && !is.output_error);
        QCOMPARE(is.name, should.name);
        QCOMPARE(is.scheme_line, should.scheme_line);
        QCOMPARE(is.weight_counts.total, should.weight_counts.total);
        QCOMPARE(is.weight_counts.underflow, should.weight_counts.underflow);
        QCOMPARE(is.weight_counts.clipped, should.weight_counts.clipped);
        QCOMPARE(is.weight_counts.squared_error, should.weight_counts.squared_error); // the same pass, the same bits
        QCOMPARE(is.weight_mse, should.weight_mse);
        QCOMPARE(is.weight_sqnr_db, should.weight_sqnr_db);
        QCOMPARE(is.weight_underflow_percent, should.weight_underflow_percent);
        QCOMPARE(is.levels_unused, should.levels_unused);
        QCOMPARE(is.bytes_before, should.bytes_before);
        QCOMPARE(is.bytes_after, should.bytes_after);
        QVERIFY(weight.params.scale == whole.params.scale && weight.params.zero == whole.params.zero);
        QVERIFY(weight.params.coarse == whole.params.coarse);
        QCOMPARE(weight.weight_in_steps.reach, whole.weight_in_steps.reach);
        QVERIFY(weight.weight_in_steps.counts == whole.weight_in_steps.counts);
        QCOMPARE(weight.smoothing, whole.smoothing);
    }
    void what_if_refuses_what_cannot_be() {
        try {
            (void)WhatIfs(opt_.model, opt_stats_)
                .of(*opt_.model->find_linear("layers.2.fc1"), parse_scheme_line("w=int4/g100"));
            QFAIL("accepted");
        } catch (const Error& error) {
            QVERIFY(error.info().message.find("group size 100 does not divide the 256 input columns") !=
                    std::string::npos);
        }
    }

    void the_method_registry_is_complete() {
        std::set<std::string_view> names;
        for (const MethodRow& row : all_methods()) {
            QVERIFY(names.insert(row.name).second);
            QVERIFY(!row.label.empty() && !row.help.empty() && !row.source.empty());
            QVERIFY(std::visit([](const auto* method) { return method != nullptr; }, row.method));
            for (const ParamSpec& spec : row.params) {
                QVERIFY(!spec.help.empty() && !spec.label.empty());
                QCOMPARE(check_param(spec, spec.default_value), std::string());
                // What is said of choices speaks of them as the window does, not as recipes do.
                if (spec.kind != ParamKind::choice) continue;
                QCOMPARE(spec.choice_labels.size(), spec.choices.size());
                std::string labels;
                for (const std::string& label : spec.choice_labels) labels += label + '\n';
                for (const std::string& choice : spec.choices)
                    QVERIFY2(labels.find(choice) != std::string::npos ||
                                 (spec.help + ' ').find(choice + ' ') == std::string::npos,
                             (spec.help + ": " + choice).c_str());
            }
        }
    }
};

GRATICULE_TEST(TestEngineQuantize);
#include "tst_engine_quantize.moc"
