// What was finished is there again after the program was killed.
#include <QtCore/QDir>
#include <QtCore/QFile>
#include <QtCore/QTemporaryDir>
#include <QtTest/QSignalSpy>
#include <QtTest/QTest>

#include "app/session/run_journal.h"
#include "app/session/session.h"
#include "tests/support/test_main.h"

using namespace graticule;

class RunJournalTest : public QObject {
    Q_OBJECT

    QTemporaryDir folder_;
    const EvaluationChoice brief_{{}, 64, 2};

    std::unique_ptr<Session> opened() const {
        auto session = std::make_unique<Session>(nullptr, RunJournal(folder_.path()));
        session->open("sample-opt");
        [&] { QTRY_VERIFY_WITH_TIMEOUT(session->model() && !session->jobs().busy(), 60'000); }();
        return session;
    }
    QString journal_file() const {
        const QStringList files = QDir(folder_.path()).entryList(QDir::Files);
        return files.size() == 1 ? folder_.filePath(files.front()) : QString();
    }
    QByteArray journal() const {
        QFile file(journal_file());
        return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
    }
    void write_journal(const QByteArray& bytes) const {
        QFile file(journal_file());
        QVERIFY(file.open(QIODevice::WriteOnly) && file.write(bytes) == bytes.size());
    }

private Q_SLOTS:
    void finished_runs_are_there_again() {
        const auto before = opened();
        QVERIFY(before->runs().empty());
        Recipe recipe = before->recipe();
        recipe.rules.push_back({"*.v_proj", false, parse_scheme_line("w=int8/sym/channel")});
        recipe.calibration.samples = 1;
        recipe.calibration.length = 64;
        before->setRecipe(recipe, "rule");
        before->evaluate(brief_);
        QTRY_VERIFY_WITH_TIMEOUT(before->runs().size() == 2 && before->runs()[1].finished(), 120'000);
        before->evaluate({{}, 512, 0}); // never finished
        QCOMPARE(before->runs().size(), std::size_t(4));

        // Nothing is closed or saved: what is on disk now is what a kill leaves.
        const auto after = opened();
        QCOMPARE(after->runs().size(), std::size_t(2));
        for (std::size_t i = 0; i < 2; ++i) {
            const Run &was = before->runs()[i], &is = after->runs()[i];
            QVERIFY(is.finished());
            QCOMPARE(is.name, was.name);
            QVERIFY(is.recipe == was.recipe && is.choice == was.choice);
            QCOMPARE(is.colour, was.colour);
            QCOMPARE(is.evaluation->window_losses, was.evaluation->window_losses);
            QVERIFY(is.evaluation->protocol == was.evaluation->protocol);
            QVERIFY(is.evaluation->provenance == was.evaluation->provenance);
            QCOMPARE(is.evaluation->perplexity, was.evaluation->perplexity);
            QCOMPARE(is.bytes, was.bytes);
            QCOMPARE(is.weight_bits, was.weight_bits);
        }
        QCOMPARE(after->baseline(), after->runs()[0].id);
        const auto compared = after->comparison(after->runs()[0].id, after->runs()[1].id);
        QVERIFY(compared && compared->difference);
        before->jobs().cancelAll();
        QTRY_VERIFY_WITH_TIMEOUT(!before->jobs().busy(), 60'000);

        after->removeRun(after->runs()[1].id); // taken away stays away
        QCOMPARE(opened()->runs().size(), std::size_t(1));
    }

    void runs_of_another_model_at_the_same_place_are_left_out() {
        const QByteArray good = journal();
        const QByteArray hash = QByteArray::fromStdString(opened()->model()->hash());
        QVERIFY(good.contains(hash));
        write_journal(QByteArray(good).replace(hash, QByteArray(hash.size(), '0')));
        QVERIFY(opened()->runs().empty());
        write_journal(good);
    }

    void a_damaged_journal_is_said_and_stops_nothing() {
        write_journal(journal().chopped(100));
        Session session(nullptr, RunJournal(folder_.path()));
        QSignalSpy log(&session, &Session::logged);
        session.open("sample-opt");
        QTRY_VERIFY_WITH_TIMEOUT(session.model() && !session.jobs().busy(), 60'000);
        QVERIFY(session.runs().empty());
        QStringList lines;
        for (const QVariantList& call : log) lines << call[0].toString();
        QVERIFY2(lines.join('\n').contains(journal_file()), qPrintable(lines.join('\n')));
    }
};

GRATICULE_TEST(RunJournalTest);
#include "tst_run_journal.moc"
