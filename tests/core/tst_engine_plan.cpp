// What needs what: the steps that Workbench and the window's chains of jobs both walk.
#include <QtTest/QTest>

#include "core/engine/engine.h"
#include "core/engine/plan.h"
#include "core/engine/resources.h"
#include "core/engine/workbench.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/test_main.h"

using namespace graticule;
using Steps = std::vector<Step>;
Q_DECLARE_METATYPE(graticule::PlanHave)
Q_DECLARE_METATYPE(Steps)

class TestEnginePlan : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void steps_from_what_is_there_to_what_is_wanted_data() {
        QTest::addColumn<QString>("line");
        QTest::addColumn<int>("goal");
        QTest::addColumn<bool>("with_statistics");
        QTest::addColumn<PlanHave>("have");
        QTest::addColumn<Steps>("steps");
        const QString plain = QStringLiteral("w=int4/sym/channel"), gptq = plain + QStringLiteral(" gptq"),
                      nothing = QStringLiteral("none");
        const auto row = [](const char* name, const QString& line, Step goal, bool statistics, const PlanHave& have,
                            const Steps& steps) {
            QTest::newRow(name) << line << int(goal) << statistics << have << steps;
        };
        using enum Step;
        row("everything", gptq, evaluate, false, {}, {evaluate_unquantized, calibrate, quantize, evaluate});
        row("no method looks at inputs", plain, evaluate, false, {}, {evaluate_unquantized, quantize, evaluate});
        row("reports want them", plain, evaluate, true, {}, {evaluate_unquantized, calibrate, quantize, evaluate});
        row("calibrated before", gptq, evaluate, true, {true, false, false},
            {evaluate_unquantized, quantize, evaluate});
        row("quantized before", gptq, evaluate, true, {false, true, true}, {evaluate});
        row("a recipe that does nothing", nothing, evaluate, false, {}, {evaluate_unquantized});
        row("quantize alone", gptq, quantize, false, {}, {calibrate, quantize});
        row("quantize again", plain, quantize, false, {false, true, true}, {quantize});
        row("calibrate again", plain, calibrate, false, {true, true, true}, {calibrate});
    }
    void steps_from_what_is_there_to_what_is_wanted() {
        QFETCH(QString, line);
        QFETCH(int, goal);
        QFETCH(bool, with_statistics);
        QFETCH(PlanHave, have);
        QFETCH(Steps, steps);
        JobContext ctx;
        static const auto model = open_model(resolve_model_path("sample-opt"), ctx).model;
        Recipe recipe;
        recipe.defaults = parse_scheme_line(line.toStdString());
        const Resolution resolution = resolve(recipe, *model);
        QVERIFY2(resolution.resolved, resolution.diagnostics.text().c_str());
        QCOMPARE(plan_of({Step(goal), &*resolution.resolved, with_statistics}, have), steps);
    }

    /// A run walks the list: what a recipe does not change is not evaluated a second time.
    void a_run_does_the_steps_of_the_plan_data() {
        QTest::addColumn<QString>("line");
        QTest::addColumn<int>("windows");
        QTest::newRow("a recipe that does nothing") << "none" << 2;
        QTest::newRow("codes") << "w=int8/sym/g32:f16" << 4;
    }
    void a_run_does_the_steps_of_the_plan() {
        QFETCH(QString, line);
        QFETCH(int, windows);
        JobContext ctx;
        Workbench work;
        work.open(resolve_model_path("sample-llama"), ctx);
        const testing::TemporaryFolder parent;
        RunRequest request;
        request.recipe.defaults = parse_scheme_line(line.toStdString());
        request.recipe.calibration.samples = 2;
        request.recipe.calibration.length = 32;
        request.out = parent / "out";
        request.exporter = "gguf";
        request.evaluation.window = 64;
        request.evaluation.max_windows = 2;
        int evaluated = 0;
        const RunResult result = run_recipe(work, request, ctx, {}, [&](const Evaluation&) { ++evaluated; });
        QCOMPARE(evaluated, windows);
        QVERIFY(result.baseline && result.quantized && result.evaluation && result.comparison.difference);
        QCOMPARE(result.evaluation->run_name, summary_line(request.recipe));
        QCOMPARE(result.evaluation->provenance.recipe_hash, result.quantized->provenance.recipe_hash);
        QCOMPARE(result.evaluation->window_losses == result.baseline->window_losses, line == "none");
        QVERIFY(std::filesystem::exists(result.out / "report.json"));
    }
};

GRATICULE_TEST(TestEnginePlan);
#include "tst_engine_plan.moc"
