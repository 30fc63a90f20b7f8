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
