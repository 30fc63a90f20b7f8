// What needs what: the steps that Workbench and the window's chains of jobs both walk.
#include <QtTest/QTest>

#include "core/engine/engine.h"
#include "core/engine/plan.h"
#include "core/engine/resources.h"
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
};

GRATICULE_TEST(TestEnginePlan);
#include "tst_engine_plan.moc"
