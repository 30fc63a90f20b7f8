// What is kept beside the event loop: in order, the newest of each file, all of it before the end.
#include <QtCore/QSemaphore>
#include <QtCore/QThread>
#include <QtTest/QTest>

#include "app/session/keeper.h"
#include "core/base/error.h"
#include "tests/support/test_main.h"

using namespace graticule;

class TestKeeper : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void what_waits_for_a_file_gives_way_to_newer() {
        QSemaphore gate, begun;
        QStringList written; // by the keeper's thread alone, read when it has finished
        Keeper keeper;
        const auto keep = [&](const QString& file, const QString& text) {
            keeper.keep(
                file, [&written, file, text] { written << file + text; }, this, [](const QString&) {});
        };
        keeper.keep(
            "a",
            [&] {
                begun.release();
                gate.acquire();
                written << "a1";
            },
            this, [](const QString&) {});
        begun.acquire(); // under way: what comes now waits
        keep("a", "2");
        keep("b", "1");
        keep("a", "3");
        gate.release();
        keeper.finish();
        QCOMPARE(written, (QStringList{"a1", "b1", "a3"}));
    }

    void an_error_is_told_in_the_thread_of_who_asked() {
        QString why;
        QThread* told_in = nullptr;
        {
            Keeper keeper;
            keeper.keep(
                "a", [] { throw Error(ErrorKind::bad_input, "the disk is full"); }, this,
                [&](const QString& text) {
                    why = text;
                    told_in = QThread::currentThread();
                });
            keeper.finish();
            QVERIFY(why.isEmpty()); // only when the event loop comes round
            QCOMPARE(keeper.problems(), QStringList("the disk is full"));
            keeper.keep(
                "b", [] {}, this, [](const QString&) {});
            keeper.finish();
            QCOMPARE(keeper.problems().size(), 1); // of another file
            keeper.keep(
                "a", [] {}, this, [](const QString&) {});
            keeper.finish();
            QVERIFY(keeper.problems().isEmpty());
        }
        QTRY_COMPARE(why, QString("the disk is full"));
        QCOMPARE(told_in, QThread::currentThread());
        Keeper keeper;
        {
            QObject gone;
            keeper.keep(
                "a", [] { throw std::bad_alloc(); }, &gone, [](const QString&) { QFAIL("told"); });
            keeper.finish();
        }
        QTest::qWait(20);
    }

    void what_is_asked_comes_after_what_was_given_and_in_the_thread_of_who_asked() {
        Keeper keeper;
        QStringList written; // by the keeper's thread alone
        QStringList answer;
        QThread* told_in = nullptr;
        keeper.keep(
            "a", [&] { written << "a"; }, this, [](const QString&) {});
        keeper.ask<QStringList>([&] { return written; }, this,
                                [&](const QStringList& there) {
                                    answer = there;
                                    told_in = QThread::currentThread();
                                });
        keeper.finish();
        QVERIFY(answer.isEmpty() && keeper.idle()); // only when the event loop comes round
        QTRY_COMPARE(answer, QStringList("a"));
        QCOMPARE(told_in, QThread::currentThread());
        {
            QObject gone;
            keeper.ask<int>([] { return 1; }, &gone, [](int) { QFAIL("told"); });
            keeper.ask<int>([]() -> int { throw std::bad_alloc(); }, this, [](int) { QFAIL("told"); });
            keeper.finish();
        }
        QTest::qWait(20);
        QVERIFY(keeper.problems().isEmpty()); // nobody's
    }

    void what_failed_is_tried_again_unless_there_is_newer() {
        Keeper keeper;
        bool full = true;
        QStringList written;
        const auto keep = [&](const QString& file, const QString& text) {
            keeper.keep(
                file,
                [&, file, text] {
                    if (full) throw Error(ErrorKind::bad_input, "the disk is full");
                    written << file + text;
                },
                this, [](const QString&) {});
            keeper.finish();
        };
        keep("a", "1");
        keep("b", "1");
        QCOMPARE(keeper.problems().size(), 2);
        full = false;
        keep("a", "2");
        keeper.retry();
        keeper.finish();
        QCOMPARE(written, (QStringList{"a2", "b1"}));
        QVERIFY(keeper.problems().isEmpty());
    }

    void all_is_written_before_the_end() {
        int written = 0;
        {
            Keeper keeper;
            for (int i = 0; i < 20; ++i)
                keeper.keep(
                    QString::number(i),
                    [&] {
                        QThread::msleep(1);
                        ++written;
                    },
                    this, [](const QString&) {});
        }
        QCOMPARE(written, 20);
    }
};

GRATICULE_TEST(TestKeeper);
#include "tst_keeper.moc"
