// The one-line notation, JSON, presets and layer patterns.
#include <QtTest/QTest>

#include <algorithm>

#include "core/base/error.h"
#include "core/method/method.h"
#include "core/recipe/layer_pattern.h"
#include "core/recipe/presets.h"
#include "core/recipe/recipe.h"
#include "tests/support/error_message.h"
#include "tests/support/test_main.h"

using namespace graticule;

namespace {

using testing::error_message;

/// JSON is easier to read with single quotes.
std::string quoted(std::string text) {
    std::replace(text.begin(), text.end(), '\'', '"');
    return text;
}

} // namespace

class TestRecipeNotation : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void the_summary_names_the_rules() {
        Recipe recipe;
        recipe.defaults = parse_scheme_line("w=int4/sym/channel");
        const auto add = [&](const char* pattern, bool regex) {
            recipe.rules.push_back({pattern, regex, parse_scheme_line("w=int8/sym/channel")});
        };
        QCOMPARE(summary_line(recipe), std::string("w=int4/sym/channel"));
        add("*.v_proj", false);
        QCOMPARE(summary_line(recipe), std::string("w=int4/sym/channel + *.v_proj => w=int8/sym/channel"));
        recipe.defaults = parse_scheme_line("w=int4/sym/channel a=int8/sym/token");
        recipe.rules.front().choice = parse_scheme_line("w=int8/sym/channel a=int8/sym/token");
        QCOMPARE(summary_line(recipe), // the inputs go without saying
                 std::string("w=int4/sym/channel a=int8/sym/token + *.v_proj => w=int8/sym/channel"));
        recipe.rules.front().choice = parse_scheme_line("w=int8/sym/channel");
        QVERIFY(summary_line(recipe).ends_with("*.v_proj => w=int8/sym/channel without a=int8/sym/token"));
        recipe.defaults = parse_scheme_line("w=int4/sym/channel");
        add("layers.[03]", true);
        recipe.ignore = {"lm_head"};
        QCOMPARE(summary_line(recipe),
                 std::string("w=int4/sym/channel + rules for *.v_proj, /layers.[03]/, without lm_head"));
        for (const char* more : {"*.fc1", "*.fc2", "*.q_proj"}) add(more, false);
        QCOMPARE(rule_names(recipe), std::string("*.v_proj, /layers.[03]/, *.fc1 and 2 more"));
    }

    void lines_data() {
        QTest::addColumn<QString>("line");
        QTest::addColumn<QString>("canonical");
        const auto row = [](const char* line, const char* canonical) { QTest::newRow(line) << line << canonical; };
        row("w=int4", "w=int4/asym/channel");
        row("a=int8", "a=int8/sym/token");
        row("v=dint4", "v=dint4/asym/channel");
        row("w=fp4_e2m1/g32", "w=fp4_e2m1/sym/g32");
        row("a=int8/static", "a=int8/sym/tensor/static");
        row("a=int8/asym/tensor/static", "a=int8/asym/tensor/static");
        row("q=int8/static", "q=int8/sym/tensor/static");
        row("v=int8/static", "v=int8/asym/tensor/static");
        row("w=int4/g128/asym", "w=int4/asym/g128");
        row("smoothquant:alpha=0.5 a=int8 w=int4", "w=int4/asym/channel a=int8/sym/token smoothquant:alpha=0.5");
        row("w=int4/asym/g128 gptq:damp=0.05,act_order=true", "w=int4/asym/g128 gptq:act_order=true,damp=0.05");
        row("w=int4/asym/dual128 percentile dgq", "w=int4/asym/dual128 percentile dgq");
        row("w=nvfp4", "w=nvfp4");
        row("w=fp4_e2m1/g16:e4m3/tensor:f32", "w=nvfp4");
        row("w=nvfp4/four_over_six a=nvfp4", "w=nvfp4/four_over_six a=nvfp4");
        row("w=mxfp8 a=mxfp8", "w=mxfp8 a=mxfp8");
        row("w=fp4_e2m1/g32:e8m0", "w=mxfp4");
        row("w=fp4_e2m1/g32:e4m3/channel", "w=fp4_e2m1/sym/g32:e4m3/channel:f32");
        row("a=fp8_e4m3/g32:e4m3/token", "a=fp8_e4m3/sym/g32:e4m3/token:f32");
        row("w=int4/g128:f16", "w=int4/asym/g128:f16");
        row("w=int4/asym:i8/g32:f16", "w=int4/asym:i8/g32:f16");
        row("w=int4/g128:i8/channel", "w=int4/asym/dual128");
        row("w=int4/asym/g128:i8/channel:f16", "w=int4/asym/dual128:f16");
        row("", "none");
        row("none", "none");
        row("w=none a=int8", "a=int8/sym/token");
        row("  w=int8/sym/channel   a=int8/sym/token ", "w=int8/sym/channel a=int8/sym/token");
    }
    void lines() {
        QFETCH(QString, line);
        QFETCH(QString, canonical);
        const SchemeChoice choice = parse_scheme_line(line.toStdString());
        QCOMPARE(to_line(choice), canonical.toStdString());
        QCOMPARE(parse_scheme_line(to_line(choice)), choice);
    }

    void refused_data() {
        QTest::addColumn<QString>("line");
        QTest::addColumn<QString>("says");
        const auto row = [](const char* line, const char* says) { QTest::newRow(line) << line << says; };
        row("w=int9", "there is no format \"int9\"");
        row("w=int4/asymm", "\"asymm\" is not understood");
        row("w=int4/sym/asym", "\"asym\" comes twice or contradicts");
        row("w=int4/g128/sym/g64", "\"g64\" comes twice");
        row("w=int4/g128/channel", "float32 scales need no coarser ones");
        row("w=fp4_e2m1/g16:e4m3/g24:f32", "a coarse level is made of whole blocks");
        row("w=fp4_e2m1/tensor:e4m3/g16:f32", "a coarse level is made of whole blocks");
        row("w=fp4_e2m1/g8:e4m3/g16:e4m3/tensor", "one level or two");
        row("w=int4/g128:f24", "\"g128:f24\" is not understood");
        row("w=int4/g128:i8", "i8 scales are whole multiples of a channel's scale");
        row("w=int8/g32:e8m0", "have no zero point; use sym");
        row("w=int4/four_over_six", "four_over_six is a choice of blocks of fp4_e2m1");
        row("w=mxfp4/four_over_six", "four_over_six is a choice of blocks of fp4_e2m1");
        row("w=nvfp4/g32", "\"g32\" comes twice");
        row("w=nvfp4/asym", "fp4_e2m1 has no zero point");
        row("a=nvfp4/static", "a static range is one for the whole tensor");
        row("a=fp4_e2m1/g16:e4m3/channel:f32", "a coarse level is made of whole blocks");
        row("w=int4 w=int8", "operand w is given twice");
        row("w=fp8_e4m3/asym", "fp8_e4m3 has no zero point");
        row("w=int4/token", "weights have no tokens");
        row("w=int8/asym/dual128", "the dual grain is defined for int4/asym");
        row("w=int4/asym/dual128:e4m3", "dual128:e4m3");
        row("a=int8/channel", "per channel is possible for weights, keys and values only");
        row("a=int8/token/static", "a static range is one for the whole tensor");
        row("w=int4/dynamic", "\"dynamic\" is for inputs");
        row("w=int8/tensor/static", "\"static\" is for inputs");
        row("x=int4", "neither an operand");
        row("gptq:damp", "\"damp\" is not of the form param=value");
        row("gptq:damp=1,damp=2", "parameter damp is set twice");
        row("w=none/sym", "takes nothing after it");
    }
    void refused() {
        QFETCH(QString, line);
        QFETCH(QString, says);
        const std::string message = error_message([&] { (void)parse_scheme_line(line.toStdString()); });
        QVERIFY2(message.find(says.toStdString()) != std::string::npos, message.c_str());
    }

    void json_round_trip() {
        Recipe recipe;
        recipe.name = "mixed";
        recipe.defaults = parse_scheme_line("w=dint4/asym/g128 a=int8/sym/token smoothquant:alpha=0.5");
        recipe.rules.push_back({"*.v_proj", false, parse_scheme_line("w=int8/sym/channel")});
        recipe.rules.push_back({"layers\\.[01]\\..*", true, parse_scheme_line("none")});
        recipe.ignore = {"layers.7.*"};
        recipe.calibration = {"text.txt", 8, 256, CalibrationSpec::Pick::random, 3};
        QCOMPARE(parse_recipe(to_json(recipe)), recipe);
        QCOMPARE(recipe_hash(parse_recipe(to_json(recipe))), recipe_hash(recipe));
        Recipe other = recipe;
        other.calibration.seed = 12;
        QVERIFY(recipe_hash(other) != recipe_hash(recipe));
        other = recipe;
        other.name = "the same under another name";
        QCOMPARE(recipe_hash(other), recipe_hash(recipe));
        QVERIFY(to_json(other) != to_json(recipe));
    }
    void json_of_scale_levels_data() {
        QTest::addColumn<QString>("line");
        QTest::addColumn<QString>("weight"); // in JSON, as written
        QTest::newRow("as before") << "w=int4/asym/g128"
                                   << "{'format':'int4','symmetric':false,'granularity':'g128'}";
        QTest::newRow("dual grain") << "w=int4/asym/dual128"
                                    << "{'format':'int4','symmetric':false,'granularity':'dual128'}";
        QTest::newRow("nvfp4") << "w=nvfp4/four_over_six"
                               << "{'format':'fp4_e2m1','symmetric':true,'granularity':'g16:e4m3/tensor:f32',"
                                  "'four_over_six':true}";
        QTest::newRow("byte zero points")
            << "w=int4/asym:i8/g32:f16"
            << "{'format':'int4','symmetric':false,'granularity':'g32:f16','zero_point':'i8'}";
    }
    void json_of_scale_levels() {
        QFETCH(QString, line);
        QFETCH(QString, weight);
        Recipe recipe;
        recipe.defaults = parse_scheme_line(line.toStdString());
        std::string json = to_json(recipe);
        std::erase_if(json, [](char c) { return c == ' ' || c == '\n'; });
        const std::string expected = "\"weight\":" + quoted(weight.toStdString());
        QVERIFY2(json.find(expected) != std::string::npos, json.c_str());
        QCOMPARE(parse_recipe(to_json(recipe)), recipe);
    }
    void json_zero_point_needs_one() {
        const std::string message = error_message([] {
            (void)parse_recipe(quoted("{'schema': 1, 'defaults': {'weight': {'format': 'int4', 'symmetric': true, "
                                      "'zero_point': 'i8'}}}"));
        });
        QVERIFY2(message.find("weight.zero_point: this is \"i8\"") != std::string::npos, message.c_str());
    }
    void json_takes_lines() {
        const Recipe recipe = parse_recipe(quoted("{'schema': 1, 'defaults': 'w=int4/asym/g128 gptq'}"));
        QCOMPARE(to_line(recipe.defaults), std::string("w=int4/asym/g128 gptq"));
    }
    void json_reports_every_problem_at_once() {
        const std::string message = error_message([] {
            (void)parse_recipe(quoted("{'schema': 'one', 'nmae': 'x', 'name': 7, 'ignore': [3, '['],"
                                      "'defaults': {'weight': {'format': 'int4', 'symmetric': 'no', 'size': 3}},"
                                      "'rules': [{'pattern': '(', 'regex': true}, {'choice': 'w=int1'}],"
                                      "'calibration': {'samples': 0, 'pick': 'last'}}"));
        });
        for (const char* part :
             {"schema: this is \"one\"", "there is no key \"nmae\"", "name: this is 7", "ignore[0]: this is 3",
              "defaults.weight: there is no key \"size\"", "defaults.weight.symmetric: this is \"no\"",
              "rules[0].pattern: regular expression \"(\" cannot be read", "rules[0]: the key \"choice\" is missing",
              "rules[1].pattern: the pattern is empty", "there is no format \"int1\"",
              "calibration.pick: this is \"last\"", "calibration.samples: this is 0"})
            QVERIFY2(message.find(part) != std::string::npos, (std::string(part) + " is not in\n" + message).c_str());
    }
    void json_follow_ons_are_not_reported_data() {
        QTest::addColumn<QString>("json");
        QTest::addColumn<QString>("says"); // and nothing else
        const auto row = [](const char* name, const char* json, const char* says) {
            QTest::newRow(name) << json << says;
        };
        row("future schema", "{'schema': 9, 'defaults': 'w=int44', 'rules': 3}", "version 9 is not known");
        row("format that is no text", "{'schema': 1, 'defaults': {'weight': {'format': 3}}}", "format: this is 3");
        row("misspelled format", "{'schema': 1, 'defaults': {'weight': {'fromat': 'int4'}}}", "no key \"fromat\"");
        row("no format", "{'schema': 1, 'defaults': {'weight': {'symmetric': true}}}", "\"format\" is missing");
        row("a line for a format", "{'schema': 1, 'defaults': {'weight': {'format': 'int4/g128'}}}",
            "weight.format: \"int4/g128\" is a line of notation");
        for (const char* part : {"dynamic", "sym", "four_over_six", "g128/sym"}) // what a line may hold elsewhere
            row(part,
                qPrintable(QString("{'schema': 1, 'defaults': {'weight': {'format': 'int4', 'granularity': '%1'}}}")
                               .arg(part)),
                "does not say who shares a scale");
        row("method that is no text", "{'schema': 1, 'defaults': {'methods': [{'method': 3}]}}", "method: this is 3");
        row("no method", "{'schema': 1, 'defaults': {'methods': [{}]}}", "\"method\" is missing");
        row("pattern that is no text", "{'schema': 1, 'rules': [{'pattern': 3, 'choice': 'w=int8'}]}",
            "pattern: this is 3");
        row("misspelled choice", "{'schema': 1, 'rules': [{'pattern': '*', 'chioce': 'w=int8'}]}", "no key \"chioce\"");
        row("misspelled schema", "{'shcema': 1}", "no key \"shcema\"");
    }
    void json_follow_ons_are_not_reported() {
        QFETCH(QString, json);
        QFETCH(QString, says);
        const std::string message = error_message([&] { (void)parse_recipe(quoted(json.toStdString())); });
        QVERIFY2(message.starts_with("the recipe has 1 problem\n"), message.c_str());
        QVERIFY2(message.find(says.toStdString()) != std::string::npos, message.c_str());
    }
    void json_that_is_none() {
        const std::string message = error_message([] { (void)parse_recipe("{\"schema\": 1,"); });
        QVERIFY2(message.find("recipe is not valid JSON (byte 14)") != std::string::npos, message.c_str());
    }

    void presets_data() {
        QTest::addColumn<QString>("name");
        for (const Preset& preset : all_presets())
            QTest::newRow(std::string(preset.name).c_str())
                << QString::fromUtf8(preset.name.data(), qsizetype(preset.name.size()));
    }
    void presets() {
        QFETCH(QString, name);
        const Preset* preset = find_preset(name.toStdString());
        QVERIFY(preset != nullptr);
        QVERIFY(!preset->help.empty());
        QVERIFY(!preset->source.empty());
        const Recipe recipe = read_recipe(name.toStdString());
        QCOMPARE(to_line(recipe.defaults), to_line(parse_scheme_line(std::string(preset->line))));
        for (const MethodStep& step : recipe.defaults.steps) QVERIFY(find_method(step.method) != nullptr);
    }
    void what_is_neither_file_preset_nor_line() {
        const std::string message = error_message([] { (void)read_recipe("no-such-preset"); });
        QVERIFY2(message.find("there is no such file") != std::string::npos, message.c_str());
        QVERIFY2(message.find("aqas-w4a8") != std::string::npos, message.c_str());
        const std::string folder = error_message([] { (void)read_recipe(GRATICULE_SOURCE_DIR "/docs"); });
        QVERIFY2(folder.find("is a folder") != std::string::npos, folder.c_str());
        for (const char* blank : {"", "  "}) {
            const std::string empty = error_message([&] { (void)read_recipe(blank); });
            QVERIFY2(empty.find("the recipe is empty; write") != std::string::npos, empty.c_str());
        }
    }

    void patterns_data() {
        QTest::addColumn<QString>("pattern");
        QTest::addColumn<bool>("regex");
        QTest::addColumn<QString>("name");
        QTest::addColumn<bool>("matches");
        int number = 0;
        const auto row = [&](const char* pattern, bool regex, const char* name, bool matches) {
            QTest::addRow("%d %s on %s", ++number, pattern, name) << pattern << regex << name << matches;
        };
        row("layers.3.fc2", false, "model.decoder.layers.3.fc2", true);
        row("fc2", false, "model.decoder.layers.3.fc2", true);
        row("c2", false, "model.decoder.layers.3.fc2", false); // only at dots
        row("layers.3.*", false, "model.decoder.layers.31.fc2", false);
        row("*", false, "anything", true);
        row("layers.{0,7}.*", false, "model.layers.7.mlp.down_proj", true);
        row("layers.{0,7}.*", false, "model.layers.6.mlp.down_proj", false);
        row("layers.[0-3].*", false, "model.layers.2.mlp.down_proj", true);
        row("*.?_proj", false, "model.layers.2.self_attn.q_proj", true);
        row("*.?_proj", false, "model.layers.2.mlp.up_proj", false);
        row("layers.3.fc2.", false, "model.decoder.layers.3.fc2", false);
        row("layers\\.(1|2)\\..*", true, "model.decoder.layers.2.fc2", true);
        row("layers\\.(1|2)\\.", true, "model.decoder.layers.2.fc2", false); // anchored at the end
    }
    void patterns() {
        QFETCH(QString, pattern);
        QFETCH(bool, regex);
        QFETCH(QString, name);
        QFETCH(bool, matches);
        QCOMPARE(LayerPattern(pattern.toStdString(), regex).matches(name.toStdString()), matches);
    }
    void half_a_pattern_says_so_and_matches_nothing_data() {
        QTest::addColumn<QString>("pattern");
        QTest::addColumn<bool>("regex");
        QTest::newRow("nothing") << "" << false;
        QTest::newRow("open brace") << "*.{" << false;
        QTest::newRow("empty class") << "[]" << false;
        QTest::newRow("class the wrong way round") << "[b-a]*" << false;
        QTest::newRow("open parenthesis") << "(q|k" << true;
        QTest::newRow("nothing to repeat") << "*_proj" << true;
    }
    void half_a_pattern_says_so_and_matches_nothing() {
        QFETCH(QString, pattern);
        QFETCH(bool, regex);
        const LayerPattern half(pattern.toStdString(), regex);
        QVERIFY(!half.problem().empty());
        QVERIFY(half.problem().find(pattern.toStdString()) != std::string::npos);
        QVERIFY(half.ask("model.layers.2.self_attn.q_proj") == LayerPattern::Answer::no);
    }
    void a_runaway_expression_is_stopped() {
        const LayerPattern runaway("(a+)+b", true);
        std::string name(60, 'a');
        name += "bc";
        QVERIFY(runaway.ask(name) == LayerPattern::Answer::too_long);
        QVERIFY(!runaway.matches(name));
        QVERIFY(runaway.too_long_on(name).find("takes too long") != std::string::npos);
    }
};

GRATICULE_TEST(TestRecipeNotation);
#include "tst_recipe_notation.moc"
