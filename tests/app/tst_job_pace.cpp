// A time that is left is one that was measured, or none.
#include <QtTest/QTest>

#include "app/window/job_pace.h"
#include "tests/support/test_main.h"

using namespace graticule;

class JobPaceTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void even_steps_say_what_is_left() {
        JobPace pace;
        JobPace::Estimate at;
        for (int step = 0; step <= 20; ++step) at = pace.look(1, "Evaluating", step, 100, 0.5 * step);
        QVERIFY(at.seconds_left);
        QVERIFY2(std::abs(*at.seconds_left - 40) < 0.5, qPrintable(QString::number(*at.seconds_left)));
        QVERIFY(std::abs(at.steps_per_second - 2) < 0.01);
    }

    void too_little_says_nothing() {
        JobPace pace;
        QVERIFY(!pace.look(1, "Evaluating", 1, 100, 0.1).seconds_left);
        QVERIFY(!pace.look(1, "Evaluating", 2, 100, 0.2).seconds_left);
        QVERIFY(!pace.look(1, "Evaluating", 3, 100, 0.3).seconds_left); // three steps, but not a second
        QVERIFY(!pace.look(2, "Quantizing", 1, 4, 60).seconds_left);    // a minute, but one step
    }

    // 128 quick steps, then slow ones: "4.2 s left" that grew for half a minute.
    void steps_that_become_slower_say_nothing_until_they_are_even_again() {
        JobPace pace;
        for (int step = 0; step <= 128; ++step) (void)pace.look(1, "Predicting", step, 256, 4.2 / 128 * step);
        double at = 4.2;
        double least = 1e9;
        for (int step = 129; step < 256; ++step) {
            at += 0.3;
            const auto left = pace.look(1, "Predicting", step, 256, at).seconds_left;
            const double truly = (256 - step) * 0.3;
            if (left) least = std::min(least, *left / truly);
        }
        QVERIFY2(least > 0.5 && least < 1e9, qPrintable(QString::number(least)));
    }

    void windows_of_before_are_no_speed() {
        JobPace pace;
        (void)pace.look(1, "Evaluating", 0, 200, 0.01);
        JobPace::Estimate at;
        for (int step = 0; step <= 10; ++step) at = pace.look(1, "Evaluating", 90 + step, 200, 0.05 + step);
        QVERIFY(at.seconds_left);
        QVERIFY2(std::abs(*at.seconds_left - 100) < 1, qPrintable(QString::number(*at.seconds_left)));
    }

    void a_step_that_does_not_come_ends_what_was_said() {
        JobPace pace;
        for (int step = 1; step <= 10; ++step) (void)pace.look(1, "Evaluating", step, 100, step);
        QVERIFY(pace.look(1, "Evaluating", 10, 100, 10.5).seconds_left);
        QVERIFY(!pace.look(1, "Evaluating", 10, 100, 20).seconds_left);
    }

    void another_stage_begins_anew() {
        JobPace pace;
        for (int step = 1; step <= 10; ++step) (void)pace.look(1, "Running", step, 100, step);
        QVERIFY(!pace.look(1, "Predicting", 1, 100, 1).seconds_left);
    }
};

GRATICULE_TEST(JobPaceTest);
#include "tst_job_pace.moc"
