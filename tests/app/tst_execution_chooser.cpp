// The chooser beside the device says and sets how jobs compute, and a run says so in its protocol.
#include <QtTest/QTest>

#include "app/session/command_line_text.h"
#include "app/session/session.h"
#include "app/window/execution_chooser.h"
#include "tests/support/test_main.h"

using namespace graticule;

class ExecutionChooserTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void shows_and_sets() {
        ExecutionChooser chooser;
        Session session;
        connect(&chooser, &ExecutionChooser::chosen, &session, &Session::setExecution);
        QCOMPARE(session.execution(), Execution{});
        for (int item = 0; item < chooser.count(); ++item) {
            Q_EMIT chooser.activated(item);
            chooser.setExecution(session.execution());
            QCOMPARE(chooser.currentIndex(), item);
        }
        QCOMPARE(session.execution(), (Execution{Compute::automatic, Arithmetic::integer})); // the last one offered
        chooser.setExecution({Compute::bfloat16, Arithmetic::simulated});
        QCOMPARE(chooser.currentText(), QStringLiteral("bfloat16"));
    }

    void the_copied_command_says_it() {
        const EvaluationChoice choice;
        const QString plain = evaluate_command("m", choice, "cpu");
        QVERIFY(!plain.contains("--precision"));
        QVERIFY(evaluate_command("m", choice, "cpu", {Compute::bfloat16, Arithmetic::integer})
                    .endsWith("--precision bfloat16 --arithmetic integer"));
    }
};

GRATICULE_TEST(ExecutionChooserTest);
#include "tst_execution_chooser.moc"
