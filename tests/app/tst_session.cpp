// Recipe edits, their history, the command line that says the same, and the session over the sample model from open to
// compare.
#include <QtCore/QDir>
#include <QtCore/QRegularExpression>
#include <QtCore/QSettings>
#include <QtCore/QTemporaryDir>
#include <QtCore/QThread>
#include <QtTest/QSignalSpy>
#include <QtTest/QTest>
#include <QtWidgets/QComboBox>
#include <QtWidgets/QLabel>
#include <QtWidgets/QPushButton>
#include <QtWidgets/QTableWidget>
#include <algorithm>
#include <nlohmann/json.hpp>

#include "app/session/command_line_text.h"
#include "app/session/recent_models.h"
#include "app/session/recipe_edit.h"
#include "app/session/run_json.h"
#include "app/session/session.h"
#include "app/window/plot_feed.h"
#include "app/window/table_rows.h"
#include "core/engine/export.h"
#include "core/engine/resolve.h"
#include "core/engine/resources.h"
#include "core/recipe/hardware_cost.h"
#include "core/recipe/layer_rules.h"
#include "tests/support/short_calibration.h"
#include "tests/support/test_main.h"
#include "widgets/models/number_text.h"
#include "widgets/panels/figure_table.h"
#include "widgets/panels/slac_panel.h"
#include "widgets/panels/speed_panel.h"

using namespace graticule;

namespace {
std::shared_ptr<const Model> sample() {
    static const std::shared_ptr<const Model> model = [] {
        JobContext ctx;
        return open_model(resolve_model_path("sample-opt"), ctx).model;
    }();
    return model;
}

std::vector<LayerId> layers_where(const std::function<bool(const Linear&)>& wanted) {
    std::vector<LayerId> layers;
    for (const Linear& linear : sample()->linears())
        if (wanted(linear)) layers.push_back(linear.id);
    return layers;
}

Recipe int4_recipe() {
    Recipe recipe;
    recipe.defaults = parse_scheme_line("w=int4/asym/channel a=int8/sym/token");
    return recipe;
}

void to_dint(SchemeChoice& choice) { choice.scheme.weight->format = find_format("dint4"); }
} // namespace

class SessionTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void editing_all_layers_changes_the_defaults() {
        const Recipe edited =
            edit_layers(int4_recipe(), *sample(), layers_where([](const Linear&) { return true; }), to_dint);
        QVERIFY(edited.rules.empty());
        QCOMPARE(to_line(edited.defaults), to_line(parse_scheme_line("w=dint4/asym/channel a=int8/sym/token")));
    }

    void editing_some_layers_makes_the_shortest_rule_data() {
        QTest::addColumn<QString>("part");
        QTest::addColumn<QStringList>("patterns");
        QTest::newRow("one linear") << "layers.3.self_attn.v_proj" << QStringList{"layers.3.self_attn.v_proj"};
        QTest::newRow("one role") << ".v_proj" << QStringList{"*.v_proj"};
        QTest::newRow("one block") << "layers.3." << QStringList{"layers.3.*"};
        QTest::newRow("two roles") << ".fc" << QStringList{"*.{fc1,fc2}"};
        QTest::newRow("q, k and v of a block")
            << "layers.3.self_attn.[qkv]" << QStringList{"layers.3.*{k_proj,q_proj,v_proj}"};
        QTest::newRow("a role of some blocks") << "layers.[13].fc2" << QStringList{"{layers.1,layers.3}.*fc2"};
    }
    void editing_some_layers_makes_the_shortest_rule() {
        QFETCH(QString, part);
        QFETCH(QStringList, patterns);
        const auto layers = layers_where([&](const Linear& linear) {
            QString pattern = part;
            pattern.replace(u'.', QStringLiteral("\\."));
            return QRegularExpression(pattern).match(QString::fromStdString(linear.short_name)).hasMatch();
        });
        QVERIFY(!layers.empty());
        const Recipe edited = edit_layers(int4_recipe(), *sample(), layers, to_dint);
        QStringList made;
        for (const Rule& rule : edited.rules) made << QString::fromStdString(rule.pattern);
        QCOMPARE(made, patterns);
        for (const Linear& linear : sample()->linears()) {
            const bool in = std::find(layers.begin(), layers.end(), linear.id) != layers.end();
            QCOMPARE(LayerRules(edited).choice_of(linear).choice.scheme.weight->format->name,
                     in ? std::string_view("dint4") : std::string_view("int4"));
        }
    }

    void editing_the_layers_of_a_rule_changes_that_rule() {
        const auto layers = layers_where([](const Linear& linear) { return linear.short_name.ends_with("v_proj"); });
        Recipe edited = edit_layers(int4_recipe(), *sample(), layers, to_dint);
        edited = edit_layers(edited, *sample(), layers, [](SchemeChoice& choice) { choice.scheme.input.reset(); });
        QCOMPARE(edited.rules.size(), std::size_t(1));
        QVERIFY(!edited.rules[0].choice.scheme.input);
        QCOMPARE(edited.rules[0].choice.scheme.weight->format->name, std::string_view("dint4"));
    }

    void rules_that_an_edit_made_idle_go() {
        const auto one =
            layers_where([](const Linear& linear) { return linear.short_name == "layers.3.self_attn.v_proj"; });
        const auto role = layers_where([](const Linear& linear) { return linear.short_name.ends_with("v_proj"); });
        Recipe edited = edit_layers(int4_recipe(), *sample(), one, to_dint);
        edited = edit_layers(edited, *sample(), role,
                             [](SchemeChoice& choice) { choice = parse_scheme_line("w=int8/sym/channel"); });
        QCOMPARE(edited.rules.size(), std::size_t(1));
        QCOMPARE(edited.rules[0].pattern, std::string("*.v_proj"));
    }

    /// One linear, then all of them, to the same: there is one scheme, and no rule that says so again.
    void rules_that_say_what_holds_without_them_go() {
        const auto all = layers_where([](const Linear&) { return true; });
        const auto named = [](const std::string& end) {
            return layers_where([&](const Linear& linear) { return linear.short_name.ends_with(end); });
        };
        const auto to_int8 = [](SchemeChoice& choice) { choice = parse_scheme_line("w=int8/sym/channel"); };
        const Recipe one = edit_layers(int4_recipe(), *sample(), named("layers.0.self_attn.q_proj"), to_dint);
        QCOMPARE(one.rules.size(), std::size_t(1));
        for (const auto& edit :
             {std::function<void(SchemeChoice&)>(to_dint), std::function<void(SchemeChoice&)>(to_int8)}) {
            const Recipe whole = edit_layers(one, *sample(), all, edit);
            QVERIFY2(whole.rules.empty(), summary_line(whole).c_str());
            SchemeChoice expected = int4_recipe().defaults;
            edit(expected);
            QVERIFY(whole.defaults == expected);
        }
        // One of a role, then the role: the role's rule is left.
        Recipe role = edit_layers(int4_recipe(), *sample(), named(".v_proj"), to_int8);
        role = edit_layers(role, *sample(), named("layers.3.self_attn.v_proj"), to_dint);
        QCOMPARE(role.rules.size(), std::size_t(2));
        role = edit_layers(role, *sample(), named(".v_proj"), to_int8);
        QCOMPARE(role.rules.size(), std::size_t(1));
        QCOMPARE(role.rules[0].pattern, std::string("*.v_proj"));
        // What they differ in keeps them.
        const Recipe differs =
            edit_layers(one, *sample(), all, [](SchemeChoice& choice) { choice.scheme.input.reset(); });
        QCOMPARE(differs.rules.size(), std::size_t(1));
        // Back to what it was; a pattern that somebody wrote stays, for what it may still become.
        const auto back = [](SchemeChoice& choice) { choice = int4_recipe().defaults; };
        QVERIFY(edit_layers(one, *sample(), named("layers.0.self_attn.q_proj"), back).rules.empty());
        Recipe written = one;
        written.rules[0].pattern = "layers.0.*q_proj";
        QCOMPARE(edit_layers(written, *sample(), named("layers.0.self_attn.q_proj"), back).rules.size(),
                 std::size_t(1));
    }

    void editing_an_ignored_layer_takes_only_it_off_the_ignore_list() {
        Recipe recipe = int4_recipe();
        recipe.ignore = {"layers.0.*"};
        const auto one = layers_where([](const Linear& linear) { return linear.short_name == "layers.0.fc1"; });
        const Recipe edited = edit_layers(recipe, *sample(), one, to_dint);
        for (const Linear& linear : sample()->linears())
            QCOMPARE(LayerRules(edited).choice_of(linear).ignored,
                     linear.short_name.starts_with("layers.0.") && linear.short_name != "layers.0.fc1");
    }

    void the_window_and_the_engine_find_the_same_choice_data() {
        QTest::addColumn<QString>("pattern");
        QTest::addColumn<bool>("regex");
        QTest::addColumn<int>("layers");
        QTest::newRow("full name") << "model.decoder.layers.3.fc2" << false << 1;
        QTest::newRow("full name, glob") << "model.decoder.layers.{0,1}.*" << false << 12;
        QTest::newRow("full name, regex") << "model\\.decoder\\..*\\.v_proj" << true << 8;
        QTest::newRow("short name") << "layers.3.fc2" << false << 1;
        QTest::newRow("role") << "*.v_proj" << false << 8;
        QTest::newRow("leaf") << "v_proj" << false << 8;
        QTest::newRow("middle of a name") << "decoder.layers.7.*" << false << 6;
    }
    void the_window_and_the_engine_find_the_same_choice() {
        QFETCH(QString, pattern);
        QFETCH(bool, regex);
        QFETCH(int, layers);
        Recipe recipe = int4_recipe();
        recipe.rules.push_back({pattern.toStdString(), regex, parse_scheme_line("w=int8/sym/channel")});
        const Resolution resolution = resolve(recipe, *sample());
        QVERIFY2(resolution.resolved, resolution.diagnostics.text().c_str());
        QCOMPARE(resolution.matches[0].won, layers);
        const LayerRules rules(recipe);
        for (const Linear& linear : sample()->linears())
            QCOMPARE(rules.choice_of(linear).rule, resolution.resolved->plans()[index_of(linear.id)]->rule);
    }

    void a_rule_that_cannot_be_read_is_a_finding_and_no_exception() {
        Session session;
        session.open("sample-opt");
        QTRY_VERIFY_WITH_TIMEOUT(session.model() != nullptr, 30'000);
        Recipe recipe = session.recipe();
        recipe.rules.push_back({"*.{", false, parse_scheme_line("w=int8/sym/channel")});
        recipe.rules.push_back({"(([a-z0-9._]+)+)+[#!]", true, parse_scheme_line("w=int8/sym/channel")});
        recipe.ignore = {"[b-a]*"};
        session.setRecipe(recipe, "typed");
        QVERIFY(!session.resolution().resolved);
        const std::string text = session.resolution().diagnostics.text();
        for (const char* part : {"*.{", "takes too long", "[b-a]*"})
            QVERIFY2(text.find(part) != std::string::npos, text.c_str());
        QCOMPARE(layer_rows(session).size(), std::size_t(48));
        session.undo();
        QVERIFY(session.resolution().resolved.has_value());
    }

    void history_groups_gestures_and_names_steps() {
        RecipeHistory history;
        history.reset(int4_recipe(), "start");
        Recipe recipe = history.current();
        for (const std::uint64_t seed : {1, 2, 3}) {
            recipe.calibration.seed = seed;
            QVERIFY(history.push(recipe, "drag", "slider"));
        }
        QVERIFY(!history.push(recipe, "nothing"));
        recipe.calibration.seed = 9;
        history.push(recipe, "other");
        QCOMPARE(history.steps().size(), std::size_t(3));
        QCOMPARE(history.undoName(), QString("other"));
        history.undo();
        QCOMPARE(history.current().calibration.seed, std::uint64_t(3));
        history.undo();
        QCOMPARE(history.current().calibration.seed, std::uint64_t(0));
        QVERIFY(!history.canUndo());
        history.redo();
        QCOMPARE(history.current().calibration.seed, std::uint64_t(3));
        recipe.calibration.seed = 20;
        history.push(recipe, "branch");
        QVERIFY(!history.canRedo());
    }

    void command_line_quotes_what_a_shell_would_split() {
        const QString line = run_command("/a model", int4_recipe(), {"my text.txt", 128, 4}, "my models/out", "cuda:0");
        QCOMPARE(line, QString("graticule-cli run 'w=int4/asym/channel a=int8/sym/token' --calib-samples 16 "
                               "--calib-length 512 --model '/a model' --text 'my text.txt' --window 128 --windows 4 "
                               "--out 'my models/out' --device cuda:0"));
        QCOMPARE(shell_quoted("it's"), QString("'it'\\''s'"));
        QCOMPARE(evaluate_command("m", {{}, 512, 0}, "cpu"), QString("graticule-cli eval m --window 512"));
    }

    void command_line_holds_rules_as_json() {
        Recipe recipe = int4_recipe();
        recipe.rules.push_back({"*.v_proj", false, parse_scheme_line("w=int8/sym/channel")});
        recipe.calibration.samples = 3;
        const QString line = run_command("m", recipe, {}, "out", "cpu");
        const QString json = line.section(u'\'', 1, 1);
        QVERIFY2(json.startsWith('{') && !json.contains('\n'), qPrintable(line));
        QVERIFY(read_recipe(json.toStdString()) == recipe);
        QVERIFY(!line.contains("--calib"));
    }

    void recent_models_are_unique_newest_first_and_know_what_is_missing() {
        const QTemporaryDir folder;
        QSettings settings(folder.filePath("s.ini"), QSettings::IniFormat);
        remember_model(settings, folder.filePath("gone"));
        remember_model(settings, folder.path());
        remember_model(settings, folder.filePath("gone"));
        const auto models = recent_models(settings);
        QCOMPARE(models.size(), std::size_t(2));
        QVERIFY(models[0].missing);
        QVERIFY(!models[1].missing);
        forget_model(settings, models[0].path);
        QCOMPARE(recent_models(settings).size(), std::size_t(1));
    }

    void failed_open_leaves_the_session_as_it_was() {
        Session session;
        QSignalSpy failed(&session, &Session::openFailed);
        session.open("sample-opt");
        QTRY_VERIFY_WITH_TIMEOUT(session.model() != nullptr, 30'000);
        const auto before = session.model();
        session.open("/nowhere/at/all");
        QTRY_COMPARE_WITH_TIMEOUT(failed.size(), 1, 30'000);
        QVERIFY(session.model() == before);
        QVERIFY(failed[0][1].toString().contains("/nowhere/at/all"));
    }

    void the_transform_of_one_linear_is_given_to_all_that_read_its_input() {
        Session session;
        session.open("sample-opt");
        QTRY_VERIFY_WITH_TIMEOUT(session.model() != nullptr, 30'000);
        const auto layer = [&](const char* name) { return session.model()->find_linear(name).value(); };
        const LayerId q = layer("layers.0.self_attn.q_proj");
        session.select({q});
        const MethodStep step{"smoothquant", {{"alpha", 0.3}}};
        session.editSelected([&](SchemeChoice& choice) { choice.steps.insert(choice.steps.begin(), step); }, "smooth",
                             {});
        QCOMPARE(session.otherTransforms().size(), std::size_t(2));
        session.shareTransform();
        QVERIFY(session.otherTransforms().empty());
        for (const char* name : {"q_proj", "k_proj", "v_proj"}) {
            const LayerId id = layer((std::string("layers.0.self_attn.") + name).c_str());
            QCOMPARE(session.choiceFor(id, session.recipeRules()).steps.front(), step);
        }
        QVERIFY(session.choiceFor(layer("layers.0.fc1"), session.recipeRules()).steps.empty());
    }

    void a_model_asked_for_while_another_arrives_is_opened() {
        Session session;
        const auto all_done = [&session] {
            for (const JobView& job : session.jobs().jobs())
                if (job.tag == u"open" && job.state != JobState::done) return false;
            return true;
        };
        session.open("sample-opt");
        while (!all_done()) QThread::msleep(1); // the result waits to be delivered: no events are handled here
        session.open("sample-llama");
        QTRY_VERIFY_WITH_TIMEOUT(session.model() && session.model()->name() == "sample-llama", 30'000);
    }

    void a_cancelled_quantization_leaves_the_reports_of_the_one_before() {
        Session session;
        session.open("sample-opt");
        QTRY_VERIFY_WITH_TIMEOUT(session.model() != nullptr, 30'000);
        session.setRecipe(int4_recipe(), "plain");
        QVERIFY(session.quantize().has_value());
        QTRY_VERIFY_WITH_TIMEOUT(session.newestQuantized() != nullptr, 60'000);
        const double before = session.reports().at(0).weight_sqnr_db;
        QCOMPARE(session.reports().size(), std::size_t(48));
        QVERIFY(session.statsComplete() == false);      // this recipe needs no calibration, so none was made
        for (const LayerRow& row : layer_rows(session)) // and so no figure of outputs: the weights' is not shown for it
            QVERIFY(!row.sqnr_db && row.weight_sqnr_db);
        Recipe slow = int4_recipe();
        slow.defaults = parse_scheme_line("w=int3/asym/channel mse");
        session.setRecipe(slow, "slow");
        const auto job = session.quantize();
        QVERIFY(job.has_value());
        QCOMPARE(session.reports().size(), std::size_t(48)); // nothing has happened yet
        QTRY_VERIFY_WITH_TIMEOUT(session.reports().size() < 48, 60'000);
        session.jobs().cancel(*job);
        QTRY_VERIFY_WITH_TIMEOUT(!session.jobs().busy(), 60'000);
        QTRY_COMPARE(session.reports().size(), std::size_t(48));
        QCOMPARE(session.reports().at(0).weight_sqnr_db, before);
    }

    void one_calibration_serves_all_that_wait_for_it() {
        Session session;
        session.open("sample-opt");
        QTRY_VERIFY_WITH_TIMEOUT(session.model() != nullptr, 30'000);
        Recipe recipe;
        recipe.defaults = parse_scheme_line("w=int4/asym/channel a=int8/sym/static");
        session.setRecipe(recipe, "static");
        session.calibrate(testing::short_calibration());
        QVERIFY(session.quantize().has_value());
        session.evaluate({{}, 64, 1});
        QTRY_VERIFY_WITH_TIMEOUT(session.runs().size() == 2 && session.runs()[1].finished(), 120'000);
        int calibrations = 0;
        for (const JobView& job : session.jobs().jobs())
            if (job.title.startsWith("Calibrate")) ++calibrations;
        QCOMPARE(calibrations, 1);
        session.runList().remove(session.runs()[1].id); // must not take the calibration along
        QVERIFY(session.statsComplete());
    }

    /// Runs that wait together pass the blocks together, and come to what each comes to alone.
    void runs_that_wait_together_are_evaluated_together() {
        const char* lines[] = {"w=int4/asym/channel a=int8/sym/token", "w=dint4/sym/g64",
                               "w=int3/asym/g32 a=int8/sym/token"};
        const EvaluationChoice choice{{}, 64, 40};
        const auto set_recipe = [](Session& session, const char* line) {
            Recipe recipe;
            recipe.defaults = parse_scheme_line(line);
            session.setRecipe(recipe, QString::fromLatin1(line));
        };
        std::vector<std::shared_ptr<const Evaluation>> alone; // full precision first
        {
            JobContext ctx;
            const OpenedModel opened = open_model(resolve_model_path("sample-opt"), ctx);
            const Corpus corpus = load_text({}, BuiltInText::evaluation);
            EvaluationSpec spec;
            spec.window = choice.window;
            spec.max_windows = choice.windows;
            alone.push_back(evaluate(opened.model, nullptr, *opened.tokenizer, corpus, spec, ctx));
            for (const char* line : lines) {
                Recipe recipe;
                recipe.defaults = parse_scheme_line(line);
                const auto quantized = quantize(opened.model, nullptr, *resolve(recipe, *opened.model).resolved, ctx);
                alone.push_back(evaluate(opened.model, quantized, *opened.tokenizer, corpus, spec, ctx));
            }
        }
        for (const int cancelled : {-1, 2}) {
            Session session;
            session.open("sample-opt");
            QTRY_VERIFY_WITH_TIMEOUT(session.model() != nullptr, 30'000);
            session.calibrate(testing::short_calibration()); // holds the engine while all are queued
            for (const char* line : lines) {
                set_recipe(session, line);
                session.evaluate(choice);
            }
            QCOMPARE(session.runs().size(), std::size_t(4));
            bool together = false, quantized_together = false;
            const auto at_work = [&] {
                int running = 0;
                for (const JobView& job : session.jobs().jobs())
                    quantized_together = quantized_together || job.progress.stage == "Quantizing 3 recipes";
                for (const JobView& job : session.jobs().jobs())
                    running += job.state == JobState::running && job.progress.stage == "Evaluating 4 runs" &&
                               job.progress.done > 0;
                session.poll();
                together = together || running == 4;
                return running == 4;
            };
            const auto all_but_one = [&] {
                at_work();
                for (std::size_t i = 0; i < 4; ++i)
                    if (int(i) != cancelled && !session.runs()[i].finished()) return false;
                return true;
            };
            if (cancelled >= 0) {
                QTRY_VERIFY_WITH_TIMEOUT(at_work(), 60'000);
                session.jobs().cancel(session.runs()[std::size_t(cancelled)].jobs.back());
            }
            QTRY_VERIFY_WITH_TIMEOUT(all_but_one(), 60'000);
            QVERIFY(together && quantized_together);
            session.poll();
            for (std::size_t i = 0; i < 4; ++i) {
                const Run& run = session.runs()[i];
                if (int(i) == cancelled) {
                    QCOMPARE(run.state, JobState::cancelled);
                    QVERIFY(!run.finished());
                    continue;
                }
                QVERIFY(run.evaluation->complete);
                QVERIFY(run.evaluation->window_losses == alone[i]->window_losses); // the same bits
                QCOMPARE(run.evaluation->perplexity, alone[i]->perplexity);
                QVERIFY(run.evaluation->protocol == alone[i]->protocol);
                QCOMPARE(run.evaluation->provenance.recipe_hash, alone[i]->provenance.recipe_hash);
                QCOMPARE(run.quantized == nullptr, i == 0);
            }
            if (cancelled < 0) continue;
            // It goes on where it was stopped, and ends where it would have.
            set_recipe(session, lines[std::size_t(cancelled) - 1]);
            session.evaluate(choice);
            QCOMPARE(session.runs().size(), std::size_t(4));
            QTRY_VERIFY_WITH_TIMEOUT(session.runs()[std::size_t(cancelled)].finished(), 60'000);
            QVERIFY(session.runs()[std::size_t(cancelled)].evaluation->window_losses ==
                    alone[std::size_t(cancelled)]->window_losses);
        }
    }

    void the_export_dialog_is_told_all_that_the_export_would_refuse() {
        const QTemporaryDir folder;
        const Exporter& exporter = exporter_named("compressed-tensors");
        bool move_aside = false;
        const auto findings = [&](const char* line, const QString& where) {
            Recipe recipe;
            recipe.defaults = parse_scheme_line(line);
            const Resolution resolution = resolve(recipe, *sample());
            return export_findings(*sample(), choices_of(*resolution.resolved), exporter,
                                   export_target(where, move_aside), {});
        };
        const QString free = folder.filePath("out");
        QVERIFY(!findings("w=int4/sym/g64", free).has_errors());
        QVERIFY(findings("w=int4/sym/g64 keep", free).has_errors());
        QVERIFY(findings("w=int4/sym/g64 lorc", free).has_errors());
        QFile(folder.filePath("somebody's")).open(QIODevice::WriteOnly);
        const Diagnostics taken = findings("w=int4/sym/g64", folder.path());
        QVERIFY2(taken.has_errors() && taken.text().find("not empty") != std::string::npos, taken.text().c_str());
        // It says what one does in a window, and that helps.
        QVERIFY(taken.text().find("--") == std::string::npos);
        QVERIFY(taken.text().find("tick “Move what is there aside”") != std::string::npos);
        move_aside = true;
        QVERIFY(!findings("w=int4/sym/g64", folder.path()).has_errors());
        QVERIFY(QDir(folder.path()).entryList(QDir::AllEntries | QDir::Hidden | QDir::NoDotAndDotDot).size() == 1);
    }

    /// A run as a program serves it: beside the recipe's own, told apart, kept, and with the figures of that path.
    void evaluated_as_a_target_serves_it() {
        Session session;
        session.open("sample-opt");
        QTRY_VERIFY_WITH_TIMEOUT(session.model() != nullptr, 30'000);
        const auto take = [&](const char* line) {
            Recipe recipe;
            recipe.defaults = parse_scheme_line(line);
            session.setRecipe(recipe, line);
        };
        take("w=int4/sym/g128 a=int8/sym/token");
        session.evaluate({{}, 64, 2});
        session.evaluate({{}, 64, 2}, Session::Calibrate::where_needed, "vllm-sm80");
        take("w=int4/sym/g128");
        session.evaluate({{}, 64, 2});
        QCOMPARE(session.runs().size(), std::size_t(4));
        QTRY_VERIFY_WITH_TIMEOUT(session.runs()[3].finished(), 120'000);
        const Run &asked = session.runs()[1], &served = session.runs()[2], &alone = session.runs()[3];
        QVERIFY(served.finished() && asked.finished());
        QCOMPARE(served.evaluation->window_losses, alone.evaluation->window_losses);
        QVERIFY(asked.evaluation->window_losses != served.evaluation->window_losses);
        QCOMPARE(served.name, asked.name + " as vllm-sm80");
        QCOMPARE(served.input_bits, 16.0);
        QVERIFY(!same_result(asked, served));
        const Run again = run_from_json(run_to_json(served));
        QVERIFY(same_result(again, served) && again.served_as == "vllm-sm80");
        QCOMPARE(served_command("m", served.recipe, served.served_as, served.choice, "cpu"),
                 QString("graticule-cli eval m --recipe 'w=int4/sym/g128 a=int8/sym/token' --calib-samples 16 "
                         "--calib-length 512 --as vllm-sm80 --window 64 --windows 2"));
        const auto compared = session.comparison(asked.id, served.id);
        QVERIFY(compared && compared->difference);
        QVERIFY(compared->notes.text().find("vllm-sm80") != std::string::npos);
        // One that it refuses is said, and nothing is queued.
        take("w=int4/sym/g64 a=int8/sym/token");
        const QSignalSpy failures(&session, &Session::failed);
        session.evaluate({{}, 64, 2}, Session::Calibrate::where_needed, "vllm-sm90");
        QCOMPARE(failures.size(), 1);
        QVERIFY(failures.front().at(1).toString().contains("groups of 128"));
        QCOMPARE(session.runs().size(), std::size_t(4));
    }

    void from_open_to_compare_on_the_sample() {
        Session session;
        session.open("sample-opt");
        QTRY_VERIFY_WITH_TIMEOUT(session.model() != nullptr, 30'000);
        QCOMPARE(session.model()->linears().size(), std::size_t(48));
        session.calibrate(testing::short_calibration());
        QTRY_VERIFY_WITH_TIMEOUT(session.statsComplete(), 60'000);
        QTest::qWait(500); // a late snapshot must not take the place of the result
        QVERIFY(session.statsComplete());
        QTRY_VERIFY_WITH_TIMEOUT(session.whatIfs().idle(), 60'000);
        for (const LayerRow& row : layer_rows(session)) {
            QVERIFY(row.absmax && *row.absmax > 0);
            QTRY_VERIFY(layer_rows(session).front().sqnr_db.has_value());
        }
        session.evaluate({{}, 64, 3});
        QCOMPARE(session.runs().size(), std::size_t(2));
        QTRY_VERIFY_WITH_TIMEOUT(session.runs()[1].finished(), 120'000);
        const auto compared = session.comparison(session.runs()[0].id, session.runs()[1].id);
        QVERIFY(compared && compared->difference);
        QVERIFY(session.runs()[1].evaluation->perplexity > session.runs()[0].evaluation->perplexity);
        QVERIFY(session.runs()[1].quantized != nullptr);
        QCOMPARE(session.baseline(), session.runs()[0].id);
        // Full precision has a size and no unit.
        const auto points = [&](ParetoCost cost) { return pareto_plot(session, cost).table.rows; };
        QCOMPARE(points(ParetoCost::size).size(), std::size_t(2));
        QCOMPARE(points(ParetoCost::unit_area).size(), std::size_t(1));
        const MacUnit* unit = mac_unit_of(session.recipe().defaults.scheme);
        QVERIFY(unit);
        QVERIFY(std::abs(points(ParetoCost::unit_area)[0][1].toDouble() - unit->area) < 1e-6);
        QVERIFY(std::abs(points(ParetoCost::unit_power)[0][1].toDouble() - unit->power) < 1e-6);
        QVERIFY(pareto_plot(session, ParetoCost::unit_power).subtitle.text().contains("left out: 1"));
        // Another protocol is another measure: refused, with the reason.
        session.evaluate({{}, 128, 2});
        QTRY_VERIFY_WITH_TIMEOUT(session.runs().size() == 4 && session.runs()[3].finished(), 120'000);
        const auto refused = session.comparison(session.runs()[0].id, session.runs()[3].id);
        QVERIFY(refused && !refused->difference && !refused->notes.items.empty());
    }

    void speed_is_measured_and_shown_as_plot_and_table() {
        Session session;
        session.open("sample-llama");
        QTRY_VERIFY_WITH_TIMEOUT(session.model() != nullptr, 30'000);
        QVERIFY(!session.speedStudy());
        QVERIFY(speed_plot(session).panels.empty());
        session.measureSpeed({.lengths = {16, 32}, .batches = {2}});
        QTRY_VERIFY_WITH_TIMEOUT(!session.jobs().busy() && session.speedStudy() != nullptr, 120'000);
        const SpeedStudy& study = *session.speedStudy();
        QCOMPARE(study.runs.size(), std::size_t(5));      // full precision, A8W8, A16W4, A8W4, dINT4
        const auto rows = speed_plot(session).table.rows; // prefill alone
        QCOMPARE(rows.size(), std::size_t(10));
        QCOMPARE(rows[3][0], QString::fromStdString(study.runs[1].label()));
        QCOMPARE(rows[3][1], QString("32"));
        const double rate = study.runs[1].points[1].tokens_per_second();
        QVERIFY(std::abs(rows[3][2].toDouble() / rate - 1) < 1e-6);
        SpeedPanel panel;
        QVERIFY(panel.table()->isHidden());
        panel.setStudy(session.speedStudy());
        QCOMPARE(panel.table()->rowCount(), 5);
        QCOMPARE(panel.table()->columnCount(), 1 + 3 + 2); // name, two prefills and a decode, weights and kernel
        const QString mark = study.runs[1].doubtful(study.runs[1].points[1]) ? " *" : "";
        QCOMPARE(panel.table()->item(1, 2)->text(), thousands_text(static_cast<std::int64_t>(rate)) + mark);
        for (const SpeedShare& share : study.runs[1].points[1].shares)
            QVERIFY(panel.table()->item(1, 2)->toolTip().contains(QString::fromStdString(share.kind)));
        // The other figures, in plot and table alike.
        auto* figure = panel.findChildren<QComboBox*>().at(0);
        auto* pass = panel.findChildren<QComboBox*>().at(1);
        const SpeedPoint& point = study.runs[1].points[1];
        const std::pair<SpeedFigure, double> expected[] = {
            {SpeedFigure::time, 1e3 * point.seconds},
            {SpeedFigure::memory, 1e-6 * static_cast<double>(point.peak_bytes)},
            {SpeedFigure::roofline, 100 * point.floor_seconds / point.seconds}};
        for (const auto& [chosen, value] : expected) {
            QSignalSpy told(&panel, &SpeedPanel::figureChosen);
            figure->setCurrentIndex(static_cast<int>(chosen));
            QCOMPARE(told.size(), 1);
            QVERIFY(panel.figure() == chosen && pass->isHidden());
            QVERIFY(std::abs(speed_plot(session, chosen).table.rows[3][2].toDouble() / value - 1) < 1e-6);
            QCOMPARE(panel.table()->item(1, 2)->text(),
                     speed_text(chosen, point) + (chosen != SpeedFigure::memory ? mark : QString()));
        }
        // Kinds of layers of the longest prefill, then of the decode.
        figure->setCurrentIndex(static_cast<int>(SpeedFigure::products));
        QVERIFY(!pass->isHidden());
        QCOMPARE(pass->currentText(), QString("prefill 32 tokens"));
        QCOMPARE(panel.table()->columnCount(), 1 + 5 + 1);
        for (const int index : {1, 2}) {
            pass->setCurrentIndex(index);
            const std::vector<SpeedShare>& shares = study.runs[1].points[static_cast<std::size_t>(index)].shares;
            QCOMPARE(panel.table()->rowCount(), static_cast<int>(shares.size()));
            for (int row = 0; row < panel.table()->rowCount(); ++row) {
                const SpeedShare& share = shares[static_cast<std::size_t>(row)];
                QCOMPARE(panel.table()->item(row, 0)->text(), QString::fromStdString(share.kind));
                QCOMPARE(panel.table()->item(row, 2)->text(), percent_text(share.share));
                QVERIFY(panel.table()->item(row, 2)->toolTip().contains(QString::fromStdString(share.kernel)));
            }
        }
        // What other work falsified, what is only simulated, what was not measured, and the host's own time.
        auto made = std::make_shared<SpeedStudy>(study);
        made->runs[0].device_share = made->runs[1].device_share = 1;
        for (SpeedPoint& of : made->runs[1].points) of.p10_seconds = of.p90_seconds = of.seconds = of.least_seconds = 1;
        made->runs[1].points[0].floor_seconds = 2;
        made->runs[1].points[1].floor_seconds = 0.5;
        made->runs[1].points[1].one_by_one_seconds = 0.125;
        made->runs[2].kernels = {{"simulated", {"q"}}};
        made->runs[3].points[0].problem = "no room";
        panel.setStudy(made);
        figure->setCurrentIndex(static_cast<int>(SpeedFigure::roofline));
        QCOMPARE(panel.table()->item(1, 1)->text(), percent_text(2) + " *");
        QCOMPARE(panel.table()->item(1, 2)->text(), percent_text(0.5));
        QVERIFY(panel.table()->item(1, 2)->toolTip().contains("125 ms where the host starts"));
        QCOMPARE(panel.table()->item(2, 0)->text(), QString("A16W4 (simulated)"));
        QCOMPARE(panel.table()->item(3, 1)->text(), QString("–"));
        QVERIFY(panel.table()->item(3, 1)->toolTip().contains("no room"));
        panel.setStudy(nullptr);
        QVERIFY(panel.table()->isHidden() && figure->isHidden() && pass->isHidden());
        session.open("sample-opt");
        QTRY_VERIFY_WITH_TIMEOUT(session.speedStudy() == nullptr, 30'000); // of the other model
    }

    void compared_lengths_are_advised_and_drawn() {
        Session session;
        session.open(QStringLiteral("sample-opt"));
        QTRY_VERIFY_WITH_TIMEOUT(session.model() != nullptr, 30'000);
        QVERIFY(sequence_length_plot(session).panels.empty()); // says what would do instead
        session.studyLengths(128);
        QTRY_VERIFY_WITH_TIMEOUT(session.lengthsOfNow() != nullptr, 240'000);
        const CalibrationLengths lengths = *session.lengthsOfNow();
        QVERIFY(!lengths.measured());
        QCOMPARE(lengths.advice.own, std::int64_t(128));
        const plots::PlotScene scene = sequence_length_plot(session);
        QCOMPARE(scene.panels.size(), std::size_t(2)); // activations, and the update ratio on an axis of its own
        QVERIFY(scene.legend.front().text.startsWith(QStringLiteral("advised ")) && scene.panels[0].ranges.empty());
        SlacPanel panel;
        const auto says = [&panel](const QString& words) {
            return std::ranges::any_of(panel.findChildren<QLabel*>(), [&](const QLabel* label) {
                return !label->isHidden() && label->text().startsWith(words);
            });
        };
        const QString reason = QString::fromStdString(lengths.advice.reason);
        panel.setStudy(lengths.study, lengths.advice, true);
        QVERIFY(panel.matrix()->isHidden() && says(reason) && says(QStringLiteral("Not measured")));
        // Without a matrix another recipe has the same inputs; another text has others.
        session.setRecipe(int4_recipe(), {});
        QVERIFY(session.lengthsOfNow() != nullptr);
        Recipe other = session.recipe();
        other.calibration.text = "other.txt";
        session.setRecipe(other, {});
        QVERIFY(session.lengthsOfNow() == nullptr);
        QVERIFY(!sequence_length_plot(session).legend.front().text.startsWith(QStringLiteral("advised ")));
        panel.setStudy(lengths.study, lengths.advice, false);
        QVERIFY(!says(reason) && says(QStringLiteral("Compared on another text")));
        session.open(QStringLiteral("sample-llama"));
        QTRY_VERIFY_WITH_TIMEOUT(session.calibrationLengths() == nullptr, 30'000); // of the other model
    }

    /// What would be measured is said before, and nothing is where no calibration changes the recipe.
    void measuring_lengths_says_what_it_measures() {
        Session session;
        session.open("sample-opt");
        QTRY_VERIFY_WITH_TIMEOUT(session.model() != nullptr, 30'000);
        Recipe recipe = session.recipe();
        recipe.defaults = parse_scheme_line("w=int4/asym/channel gptq");
        recipe.calibration.samples = 16;
        session.setRecipe(recipe, {});
        SlacPanel panel;
        const Session::LengthsOffer offer = session.lengthsOffer();
        for (const char* words : {"w=int4/asym/channel gptq", "8,192 tokens", "128, 512, 2,048", "built-in text",
                                  "3 quantizations", "12 evaluations"})
            QVERIFY2(offer.what.contains(QString::fromUtf8(words)), qPrintable(offer.what));
        QVERIFY2(offer.refusal.isEmpty(), qPrintable(offer.refusal));
        QVERIFY2(!offer.what.contains("instead of"), qPrintable(offer.what)); // 16 × 512 are these 8,192
        recipe.calibration.samples = 4;
        session.setRecipe(recipe, {});
        const QString fewer = session.lengthsOffer().what;
        QVERIFY2(fewer.contains("8,192 tokens of the built-in text instead of the recipe's 4 × 512"),
                 qPrintable(fewer));
        session.undo();
        panel.setOffer(offer.what, offer.refusal);
        QVERIFY(panel.measure()->isEnabled() && panel.measure()->toolTip().contains(offer.what));
        session.setRecipe(int4_recipe(), {});
        const QString refusal = session.lengthsOffer().refusal;
        QVERIFY2(refusal.contains(QStringLiteral("same at every length")), qPrintable(refusal));
        panel.setOffer(session.lengthsOffer().what, refusal);
        QVERIFY(!panel.measure()->isEnabled());
        QCOMPARE(panel.measure()->toolTip(), refusal);
        const QSignalSpy failed(&session, &Session::failed);
        session.studyLengths(128, true);
        QCOMPARE(failed.count(), 1);
        QCOMPARE(failed.front().at(1).toString(), refusal);
    }

    /// A recipe that needs no calibration runs without one, which is said where none was finished.
    void a_run_without_statistics_says_so() {
        Session session;
        session.open("sample-opt");
        QTRY_VERIFY_WITH_TIMEOUT(session.model() != nullptr, 30'000);
        session.setRecipe(int4_recipe(), {});
        const QSignalSpy told(&session, &Session::logged);
        const auto times_told = [&] {
            return std::count_if(told.begin(), told.end(), [](const QList<QVariant>& line) {
                return line.front().toString().contains("is quantized without calibration");
            });
        };
        CalibrationSpec spec = session.recipe().calibration;
        spec.samples = 24;
        spec.length = 128;
        session.jobs().cancel(session.calibrate(spec));
        QTRY_VERIFY_WITH_TIMEOUT(!session.jobs().busy(), 60'000);
        QVERIFY(!session.statsComplete());
        session.quantize();
        QCOMPARE(times_told(), 1);
        QTRY_VERIFY_WITH_TIMEOUT(!session.jobs().busy(), 60'000);
        spec.samples = 1;
        spec.length = 64;
        session.calibrate(spec);
        session.quantize(); // joins the calibration under way
        QTRY_VERIFY_WITH_TIMEOUT(!session.jobs().busy(), 60'000);
        session.quantize();
        QCOMPARE(times_told(), 1);
        QTRY_VERIFY_WITH_TIMEOUT(!session.jobs().busy(), 60'000);
    }

    void a_calibration_that_fails_half_way_leaves_nothing_on_the_screen() {
        const QTemporaryDir folder;
        const std::filesystem::path there = folder.filePath("model").toStdString();
        JobContext ctx;
        const OpenedModel sample = open_model(resolve_model_path("sample-opt"), ctx);
        std::filesystem::copy(sample.model->parts().path, there);
        Session session(nullptr, RunJournal(folder.filePath("runs")));
        QSignalSpy failed(&session, &Session::failed);
        session.open(QString::fromStdString(there.string()));
        QTRY_VERIFY_WITH_TIMEOUT(session.model() != nullptr, 30'000);
        CalibrationSpec spec;
        spec.samples = 50;
        spec.length = 256;
        session.calibrate(spec);
        QTRY_VERIFY_WITH_TIMEOUT(session.stats() != nullptr, 120'000); // the first part of it is there
        QVERIFY(!session.statsComplete());
        std::filesystem::path file;
        for (const auto& entry : std::filesystem::directory_iterator(there))
            if (entry.path().extension() == ".safetensors") file = entry.path();
        const auto whole = std::filesystem::file_size(file);
        std::filesystem::copy_file(file, there / "kept");
        std::filesystem::resize_file(file, whole / 16);
        QTRY_VERIFY_WITH_TIMEOUT(!session.jobs().busy(), 60'000);
        QVERIFY(!failed.isEmpty());
        const QString why = failed.front().at(1).toString();
        QVERIFY2(why.contains("cut short") && why.contains("File, Open again"), qPrintable(why));
        QVERIFY(!session.stats() && session.outliers().empty());
        // What was done before is kept all the same, and stands in the way of nothing.
        session.runList().keep();
        session.runList().keeper().finish();
        QVERIFY2(session.runList().keeper().problems().isEmpty(),
                 qPrintable(session.runList().keeper().problems().join(u' ')));
        // Restored and opened again it is a model like any other.
        std::filesystem::rename(there / "kept", file);
        session.open(session.modelPath());
        const JobId before = session.openedBy();
        QTRY_VERIFY_WITH_TIMEOUT(session.openedBy() != before, 30'000);
        session.calibrate(testing::short_calibration());
        QTRY_VERIFY_WITH_TIMEOUT(session.statsComplete(), 60'000);
    }

    void cancelled_calibration_leaves_no_half_result() {
        Session session;
        session.open("sample-opt");
        QTRY_VERIFY_WITH_TIMEOUT(session.model() != nullptr, 30'000);
        CalibrationSpec spec;
        spec.samples = 24;
        spec.length = 128;
        const JobId id = session.calibrate(spec);
        QTRY_VERIFY_WITH_TIMEOUT(session.stats() != nullptr, 120'000); // the first part of it is there
        QVERIFY(!session.statsComplete());
        session.jobs().cancel(id);
        QTRY_VERIFY_WITH_TIMEOUT(!session.jobs().busy(), 20'000);
        QVERIFY(!session.statsComplete());
        // With a whole calibration before it, a cancelled one goes back to that.
        CalibrationSpec brief;
        brief.samples = 1;
        brief.length = 64;
        session.calibrate(brief);
        QTRY_VERIFY_WITH_TIMEOUT(session.statsComplete(), 30'000);
        const auto whole = session.stats();
        const JobId second = session.calibrate(spec);
        QTRY_VERIFY_WITH_TIMEOUT(session.stats() != whole, 120'000);
        session.jobs().cancel(second);
        QTRY_VERIFY_WITH_TIMEOUT(!session.jobs().busy(), 20'000);
        QTRY_VERIFY(session.statsComplete());
        QVERIFY(session.stats() == whole);
    }
};

GRATICULE_TEST(SessionTest);
#include "tst_session.moc"
