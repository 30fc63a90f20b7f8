// What was finished is there again after the program was killed.
#include <QtCore/QDir>
#include <QtCore/QFile>
#include <QtCore/QSemaphore>
#include <QtCore/QTemporaryDir>
#include <QtTest/QSignalSpy>
#include <QtTest/QTest>
#include <functional>

#include "app/session/kept_reports.h"
#include "app/session/run_journal.h"
#include "app/session/run_json.h"
#include "app/session/session.h"
#include "app/window/table_rows.h"
#include "core/engine/resources.h"
#include "core/io/safetensors.h"
#include "core/report/report.h"
#include "tests/support/error_message.h"
#include "tests/support/short_calibration.h"
#include "tests/support/test_main.h"

using namespace graticule;
using graticule::testing::error_message;

namespace {
/// And all is on the disk.
void remove_run(Session& session, int run) {
    session.runList().remove(run);
    session.runList().keeper().finish();
}
} // namespace

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
        const QStringList files = QDir(folder_.path()).entryList({"*.json"}, QDir::Files);
        return files.size() == 1 ? folder_.filePath(files.front()) : QString();
    }
    static QByteArray read(const QString& path) {
        QFile file(path);
        return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
    }
    static void write(const QString& path, const QByteArray& bytes) {
        QFile file(path);
        QVERIFY(file.open(QIODevice::WriteOnly) && file.write(bytes) == bytes.size());
    }
    QByteArray journal() const { return read(journal_file()); }
    void write_journal(const QByteArray& bytes) const { write(journal_file(), bytes); }
    static QString path_of(const Session& session) {
        return QString::fromStdString(session.model()->parts().path.string());
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
        QSemaphore gate; // what is asked for next has not begun when the other opens
        before->jobs().submit<int>(
            {}, [&](JobContext&) { return std::make_shared<const int>(gate.tryAcquire(1, 120'000)); }, {});
        before->evaluate({{}, 512, 0});
        QCOMPARE(before->runs().size(), std::size_t(4));

        // Nothing is closed or saved: what is on disk then is what a kill leaves.
        before->runList().keeper().finish();
        const auto after = opened();
        QCOMPARE(std::ranges::count_if(after->runs(), &Run::finished), 2);
        QCOMPARE(after->runs().size(), std::size_t(4));                      // what was only asked for, too
        QVERIFY(after->runList().protocol() == after->runs()[0].protocol()); // of what is finished
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
        gate.release();
        QTRY_VERIFY_WITH_TIMEOUT(!before->jobs().busy(), 60'000);

        while (before->runs().size() > 2) remove_run(*before, before->runs()[2].id);
        while (after->runs().size() > 1) remove_run(*after, after->runs()[1].id); // taken away stays away
        QCOMPARE(opened()->runs().size(), std::size_t(1));
    }

    /// What is on disk while a run is evaluated is enough to go on from, and gone once it is finished.
    void a_run_under_way_goes_on_after_a_kill() {
        const QTemporaryDir folder;
        const auto open = [&](Session& session) {
            session.open("sample-opt");
            [&] { QTRY_VERIFY_WITH_TIMEOUT(session.model() && !session.jobs().busy(), 60'000); }();
        };
        const EvaluationChoice choice{{}, 64, 12};
        std::vector<double> uninterrupted;
        {
            Session alone;
            open(alone);
            alone.evaluate(choice);
            QTRY_VERIFY_WITH_TIMEOUT(alone.runs().size() == 2 && alone.runs()[0].finished(), 120'000);
            uninterrupted = alone.runs()[0].evaluation->window_losses;
        }
        Session killed(nullptr, RunJournal(folder.path()));
        open(killed);
        Evaluation part; // as it is told on the way, and at the moment of the kill the last that was written
        {
            Session other;
            open(other);
            other.evaluate(choice);
            QTRY_VERIFY_WITH_TIMEOUT(other.runs().size() == 2 && other.runs()[0].finished(), 120'000);
            part = *other.runs()[0].evaluation;
        }
        part.window_losses.resize(5);
        const int run = killed.runList().add([&] {
            Run begun;
            begun.full_precision = true;
            begun.recipe.name = "full precision";
            begun.name = "full precision";
            begun.choice = choice;
            begun.execution = part.protocol.execution;
            return begun;
        }());
        killed.runList().receive(run, part);
        killed.runList().keeper().finish(); // a kill before that finds what was written two seconds earlier

        Session after(nullptr, RunJournal(folder.path()));
        open(after);
        QCOMPARE(after.runs().size(), std::size_t(1));
        QVERIFY(after.runs()[0].resumable());
        QCOMPARE(after.runs()[0].evaluation->window_losses.size(), std::size_t(5));
        after.evaluate(choice);
        QTRY_VERIFY_WITH_TIMEOUT(after.runs().size() == 2 && after.runs()[0].finished() && after.runs()[1].finished(),
                                 120'000);
        QCOMPARE(after.runs()[0].evaluation->window_losses, uninterrupted);
        // Of one question there is the furthest answer alone, whatever another window still has.
        after.runList().keeper().finish();
        killed.runList().receive(run, part);
        remove_run(killed, 0);
        const auto kept = RunJournal(folder.path()).read(path_of(after));
        QCOMPARE(std::ranges::count_if(kept, [](const Run& one) { return one.full_precision; }), 1);
        QVERIFY(std::ranges::all_of(kept, &Run::finished));
    }

    /// Waiting, or stopped on the way: what was asked for is in the journal, and goes on to the same figures.
    void a_run_that_was_cut_off_is_continued() {
        const QTemporaryDir folder;
        const EvaluationChoice choice{{}, 64, 12};
        const auto open = [&](Session& session) {
            session.open("sample-opt");
            [&] { QTRY_VERIFY_WITH_TIMEOUT(session.model() && !session.jobs().busy(), 60'000); }();
        };
        const auto set_recipe = [](Session& session) {
            Recipe recipe = session.recipe();
            recipe.defaults = parse_scheme_line("w=int4/asym/g32 gptq");
            recipe.calibration = testing::short_calibration();
            session.setRecipe(recipe, "short");
        };
        Evaluation whole;
        {
            Session alone;
            open(alone);
            set_recipe(alone);
            alone.evaluate(choice);
            QTRY_VERIFY_WITH_TIMEOUT(alone.runs().size() == 2 && alone.runs()[1].finished(), 120'000);
            whole = *alone.runs()[1].evaluation;
        }
        {
            Session killed(nullptr, RunJournal(folder.path()));
            open(killed);
            set_recipe(killed);
            QSemaphore gate;
            killed.jobs().submit<int>(
                {}, [&](JobContext&) { return std::make_shared<const int>(gate.tryAcquire(1, 120'000)); }, {});
            killed.evaluate(choice);
            QCOMPARE(killed.runs().size(), std::size_t(2));
            killed.runList().keeper().finish();
            Session other(nullptr, RunJournal(folder.path())); // while the first is at them
            open(other);
            QCOMPARE(other.runs().size(), std::size_t(2));
            for (const Run& run : other.runs()) QVERIFY(run.in_another_window && !run.cutOff() && !run.alive());
            other.continueRun(other.runs()[1].id);
            QVERIFY(!other.runs()[1].alive()); // not twice
            Evaluation part = whole;
            part.window_losses.resize(5);
            killed.runList().receive(killed.runs()[1].id, part);
            killed.runList().markCutOff(); // from here on it is killed
            killed.jobs().cancelAll();
            gate.release();
            QTRY_VERIFY_WITH_TIMEOUT(!killed.jobs().busy(), 60'000);
        }
        {
            Session after(nullptr, RunJournal(folder.path()));
            QSignalSpy back(&after.runList(), &RunList::cameBack);
            open(after);
            QCOMPARE(back.size(), 1);
            QCOMPARE(after.runs().size(), std::size_t(2));
            const auto full = std::ranges::find_if(after.runs(), &Run::full_precision);
            const Run recipe = *std::ranges::find_if(after.runs(), std::not_fn(&Run::full_precision));
            QVERIFY(full->cutOff() && !full->hasWindows() && recipe.cutOff() && recipe.resumable());
            QCOMPARE(recipe.losses().size(), std::size_t(5));
            // A session file of before knows nothing of the end of the window.
            Run saved = recipe;
            saved.window.clear();
            QSignalSpy restored(&after.runList(), &RunList::restored);
            after.runList().restore({{}, {saved}, -1});
            QTRY_COMPARE_WITH_TIMEOUT(restored.size(), 1, 60'000);
            QVERIFY(after.run(recipe.id)->cutOff() && after.runs().size() == 2);
            const Recipe now = after.recipe(); // not its own
            QVERIFY(now != recipe.recipe);
            std::size_t least = 12;
            connect(&after.runList(), &RunList::changed, &after, [&] {
                const Run* run = after.run(recipe.id);
                if (run->alive()) least = std::min(least, run->losses().size());
            });
            after.continueRun(recipe.id);
            QTRY_VERIFY_WITH_TIMEOUT(after.run(recipe.id)->finished() && after.run(full->id)->finished(), 120'000);
            QCOMPARE(after.runs().size(), std::size_t(2));
            QCOMPARE(after.run(recipe.id)->evaluation->window_losses, whole.window_losses);
            QVERIFY(least >= 5);
            QVERIFY(after.recipe() == now && after.reference() == now && !after.stats());
        }
        Session last(nullptr, RunJournal(folder.path()));
        open(last);
        QCOMPARE(last.runs().size(), std::size_t(2));
        QVERIFY(std::ranges::all_of(last.runs(), &Run::finished));
        QVERIFY(std::ranges::none_of(last.runs(), &Run::cutOff));
    }

    /// What was stopped by somebody comes back as stopped, and nobody is asked about it.
    void a_run_that_somebody_stopped_is_not_offered() {
        const QTemporaryDir folder;
        {
            Session session(nullptr, RunJournal(folder.path()));
            session.open("sample-opt");
            QTRY_VERIFY_WITH_TIMEOUT(session.model() && !session.jobs().busy(), 60'000);
            QSemaphore gate;
            session.jobs().submit<int>(
                {}, [&](JobContext&) { return std::make_shared<const int>(gate.tryAcquire(1, 60'000)); }, {});
            session.evaluate(brief_);
            session.jobs().cancelAll();
            gate.release();
            QTRY_VERIFY_WITH_TIMEOUT(!session.jobs().busy(), 60'000);
            session.poll();
        }
        Session after(nullptr, RunJournal(folder.path()));
        after.open("sample-opt");
        QTRY_VERIFY_WITH_TIMEOUT(after.model() && !after.jobs().busy(), 60'000);
        QCOMPARE(after.runs().size(), std::size_t(2));
        QVERIFY(std::ranges::none_of(after.runs(), &Run::cutOff) && std::ranges::none_of(after.runs(), &Run::alive));
    }

    /// Another window's run is seen without a new start.
    void what_another_window_finished_is_read_again() {
        const QTemporaryDir folder;
        const auto open = [&](Session& session) {
            session.open("sample-opt");
            [&] { QTRY_VERIFY_WITH_TIMEOUT(session.model() && !session.jobs().busy(), 60'000); }();
        };
        Session first(nullptr, RunJournal(folder.path())), second(nullptr, RunJournal(folder.path()));
        open(first);
        open(second);
        second.calibrate(testing::short_calibration());
        second.evaluate(brief_);
        QTRY_VERIFY_WITH_TIMEOUT(second.runs().size() == 2 && second.runs()[1].finished(), 120'000);
        second.runList().keeper().finish();
        QVERIFY(first.runs().empty());
        QSignalSpy figures(&first, &Session::reportsChanged); // the table shows them
        first.runList().readAgain();
        QTRY_COMPARE_WITH_TIMEOUT(first.runs().size(), std::size_t(2), 30'000);
        QTRY_COMPARE(figures.size(), 1);
        QVERIFY(first.runs()[1].finished() && first.runs()[1].reports);
        QCOMPARE(first.runs()[1].evaluation->window_losses, second.runs()[1].evaluation->window_losses);
        // Its own journal, written since, has nothing new for it.
        first.runList().keep();
        first.runList().keeper().finish();
        first.runList().readAgain();
        first.runList().keeper().finish();
        QTest::qWait(50);
        QCOMPARE(first.runs().size(), std::size_t(2));
    }

    void runs_of_another_model_at_the_same_place_are_left_out() {
        const QByteArray good = journal();
        const QByteArray hash = QByteArray::fromStdString(*opened()->model()->known_hash());
        QVERIFY(good.contains(hash));
        write_journal(QByteArray(good).replace(hash, QByteArray(hash.size(), '0')));
        const auto session = opened();
        QVERIFY(session->runs().empty());
        remove_run(*session, 0); // whatever is kept next does not write over them
        QCOMPARE(RunJournal(folder_.path()).read(path_of(*session)).size(), std::size_t(1));
        QVERIFY(journal().contains(QByteArray(hash.size(), '0')));
        write_journal(good);
    }

    void a_journal_that_was_not_read_to_the_end_is_not_written_over() {
        const auto losses = RunJournal(folder_.path()).read(path_of(*opened())).at(0).evaluation->window_losses;
        Session session(nullptr, RunJournal(folder_.path()));
        QSemaphore gate;
        connect(&session, &Session::modelChanged, &session, [&] { // before the job that reads the journal
            session.jobs().submit<int>(
                {}, [&](JobContext&) { return std::make_shared<const int>(gate.tryAcquire(1, 30'000)); }, {});
        });
        session.open("sample-opt");
        QTRY_VERIFY_WITH_TIMEOUT(session.model() != nullptr, 60'000);
        session.jobs().cancelAll();
        gate.release();
        QTRY_VERIFY_WITH_TIMEOUT(!session.jobs().busy(), 60'000);
        remove_run(session, 0); // keeps what there is, read or not
        const auto after = opened();
        QCOMPARE(after->runs().size(), std::size_t(1));
        QCOMPARE(after->runs()[0].evaluation->window_losses, losses);
    }

    void what_could_not_be_read_again_is_not_written() {
        const QByteArray good = journal();
        const auto session = opened();
        Run endless = session->runs().at(0);
        endless.evaluation->window_losses.assign(5'000'000, 2.718281828459045);
        const std::string message = error_message([&] {
            RunJournal(folder_.path()).keep(path_of(*session), {session->runs().at(0), endless});
        });
        QVERIFY2(message.find(std::to_string(run_file_limits.bytes)) != std::string::npos, message.c_str());
        QCOMPARE(journal(), good);
    }

    void a_damaged_journal_is_said_and_stops_nothing() {
        const QByteArray damaged = journal().chopped(100);
        const QString file = journal_file();
        write_journal(damaged);
        Session session(nullptr, RunJournal(folder_.path()));
        QSignalSpy log(&session, &Session::logged);
        session.open("sample-opt");
        QTRY_VERIFY_WITH_TIMEOUT(session.model() && !session.jobs().busy(), 60'000);
        QVERIFY(session.runs().empty());
        QStringList lines;
        for (const QVariantList& call : log) lines << call[0].toString();
        QVERIFY2(lines.join('\n').contains(file), qPrintable(lines.join('\n')));
        QCOMPARE(journal(), damaged);
        remove_run(session, 0); // the next keeping leaves it where somebody can look at it, twice if need be
        write(file, "{");
        Session second(nullptr, RunJournal(folder_.path()));
        second.open("sample-opt");
        QTRY_VERIFY_WITH_TIMEOUT(second.model() && !second.jobs().busy(), 60'000);
        remove_run(second, 0);
        QCOMPARE(read(file + ".unread"), damaged);
        QCOMPARE(read(file + ".unread-2"), QByteArray("{"));
        QVERIFY(RunJournal(folder_.path()).read(path_of(session)).empty());
    }

    /// What was measured is shown as measured; a damaged file of it is as good as none.
    void figures_of_layers_come_back_with_their_run() {
        const QTemporaryDir folder;
        const auto open = [&](Session& session) {
            session.open("sample-opt");
            [&] { QTRY_VERIFY_WITH_TIMEOUT(session.model() && !session.jobs().busy(), 60'000); }();
        };
        Recipe recipe;
        std::vector<LayerReport> before;
        {
            Session session(nullptr, RunJournal(folder.path()));
            open(session);
            recipe = session.recipe();
            recipe.calibration = testing::short_calibration();
            session.setRecipe(recipe, "short");
            session.calibrate(recipe.calibration);
            session.evaluate(brief_);
            QTRY_VERIFY_WITH_TIMEOUT(session.runs().size() == 2 && session.runs()[1].finished(), 120'000);
            before = *session.runs()[1].reports;
            QCOMPARE(before.size(), session.model()->linears().size());
            QVERIFY(before.front().output_sqnr_db);
            // They are there from the first window on: a kill on the way does not take them.
            const Run done = session.runs()[1];
            Run begun = done;
            begun.reports.reset();
            begun.quantized.reset();
            begun.evaluation.reset();
            begun.state = JobState::waiting;
            const int id = session.runList().add(begun);
            Evaluation part = *done.evaluation;
            part.window_losses.resize(1);
            session.runList().receive(id, part, done.quantized);
            QVERIFY(session.run(id)->reports && session.run(id)->reports->front().output_sqnr_db);
            session.runList().remove(id);
            // Evaluated once more without a calibration, of the same codes: what was measured stays.
            session.runList().keeper().finish();
            Run unmeasured = session.runs()[1];
            std::vector<LayerReport> reports = before;
            for (LayerReport& report : reports) report.output_sqnr_db.reset(), report.output_error.reset();
            unmeasured.reports = std::make_shared<const std::vector<LayerReport>>(std::move(reports));
            keep_reports(kept_reports(session.runList().journal()), unmeasured);
        }
        const auto measured_again = [&](QStringList& lines) {
            Session session(nullptr, RunJournal(folder.path()));
            connect(&session, &Session::logged, this, [&](const QString& line) { lines << line; });
            open(session);
            session.setRecipe(recipe, "short");
            [&] { QCOMPARE(session.runs().size(), std::size_t(2)); }();
            std::size_t same = 0;
            for (const LayerReport& report : before) {
                const auto choice = session.choiceFor(report.layer, session.recipeRules());
                const auto found = session.measured(report.layer, choice);
                same += found && found->output_sqnr_db == report.output_sqnr_db &&
                        found->weight_mse == report.weight_mse && found->output_error == report.output_error &&
                        found->weight_counts.underflow == report.weight_counts.underflow;
            }
            return same;
        };
        QStringList lines;
        QCOMPARE(measured_again(lines), before.size());
        { // A report has what the run measured although its weights are quantized again without a calibration.
            Session session(nullptr, RunJournal(folder.path()));
            open(session);
            const int run = session.runs()[1].id;
            QVERIFY(!session.runs()[1].quantized);
            session.withWeights(run, [](const auto&) {});
            QTRY_VERIFY_WITH_TIMEOUT(session.runs()[1].quantized && !session.jobs().busy(), 120'000);
            const auto input = session.reportOf(run);
            QVERIFY(input.has_value());
            const auto layers = layers_of(*input);
            QCOMPARE(layers.size(), before.size());
            for (std::size_t i = 0; i < layers.size(); ++i) {
                QVERIFY(!session.runs()[1].quantized->linears[index_of(layers[i]->layer)]->report.output_sqnr_db);
                QCOMPARE(layers[i]->output_sqnr_db, before[i].output_sqnr_db);
                QVERIFY(layers[i]->output_error == before[i].output_error);
                QCOMPARE(layers[i]->rows_scored, before[i].rows_scored);
            }
        }
        { // Nor does an evaluation without a calibration take it from the window that makes it.
            Session session(nullptr, RunJournal(folder.path()));
            open(session);
            session.setRecipe(recipe, "short");
            session.evaluate({{}, 64, 3});
            QTRY_VERIFY_WITH_TIMEOUT(session.runs().size() == 4 && session.runs()[3].finished(), 120'000);
            QVERIFY(!session.stats());
            for (const LayerReport& report : before) {
                const auto found =
                    session.measured(report.layer, session.choiceFor(report.layer, session.recipeRules()));
                QVERIFY(found && found->output_sqnr_db == report.output_sqnr_db);
            }
            QVERIFY(session.runs()[3].reports->front().output_sqnr_db); // as Compare shows it
            session.runList().remove(session.runs()[3].id);
            session.runList().remove(session.runs()[2].id);
        }
        const QDir layers(folder.filePath("layers"));
        QCOMPARE(layers.entryList(QDir::Files).size(), 1);
        const QString file = layers.filePath(layers.entryList(QDir::Files).front());
        const QByteArray good = read(file);
        for (const qsizetype at : {qsizetype(0), good.size() / 2, good.size() - 1}) {
            QByteArray bad = good;
            bad[at] = static_cast<char>(bad[at] ^ 1);
            write(file, bad);
            lines.clear();
            QCOMPARE(measured_again(lines), std::size_t(0));
            QVERIFY2(lines.join('\n').contains(file), qPrintable(lines.join('\n')));
        }
        write(file, good.chopped(1));
        QCOMPARE(measured_again(lines), std::size_t(0));
        write(file, good);
        QCOMPARE(measured_again(lines), before.size());
    }

    /// Its weights are not on the disk: it is quantized again, from what the run says, to the same bytes.
    void a_run_of_an_earlier_session_is_exported_as_it_was() {
        const QTemporaryDir folder;
        const QString first = folder.filePath("first"), second = folder.filePath("second");
        const auto exported = [](Session& session, int run, const QString& to) {
            QSignalSpy done(&session, &Session::exported);
            session.exportRun(run, "packed", to);
            [&] { QTRY_VERIFY_WITH_TIMEOUT(done.size() == 1 && !session.jobs().busy(), 120'000); }();
        };
        const auto open = [&](Session& session) {
            session.open("sample-opt");
            [&] { QTRY_VERIFY_WITH_TIMEOUT(session.model() && !session.jobs().busy(), 60'000); }();
        };
        {
            Session session(nullptr, RunJournal(folder.filePath("runs")));
            open(session);
            Recipe recipe = session.recipe();
            recipe.defaults = parse_scheme_line("w=int4/asym/g32 gptq"); // looks at inputs
            recipe.calibration = testing::short_calibration();
            recipe.calibration.pick = CalibrationSpec::Pick::random;
            recipe.calibration.seed = 7;
            session.setRecipe(recipe, "short");
            session.evaluate(brief_);
            QTRY_VERIFY_WITH_TIMEOUT(session.runs().size() == 2 && session.runs()[1].finished(), 120'000);
            exported(session, session.runs()[1].id, first);
        }
        Session session(nullptr, RunJournal(folder.filePath("runs")));
        QStringList lines;
        connect(&session, &Session::logged, this, [&](const QString& line) { lines << line; });
        open(session);
        const Recipe now = session.recipe();
        const int run = session.runs().at(1).id;
        QVERIFY(session.run(run)->finished() && !session.run(run)->quantized);
        exported(session, run, second);
        QVERIFY(session.run(run)->quantized);
        QVERIFY(session.recipe() == now && !session.stats()); // what one is about is left alone
        const QStringList files = QDir(first).entryList(QDir::Files);
        QVERIFY2(files.filter(".safetensors").size() == 1, qPrintable(files.join(' ')));
        for (const QString& name : files)
            if (name != "graticule.json")
                QVERIFY2(read(first + '/' + name) == read(second + '/' + name), qPrintable(name));
        QVERIFY2(!lines.join('\n').contains("came out other"), qPrintable(lines.join('\n')));
        QVERIFY2(lines.join('\n').contains("were there from before"), qPrintable(lines.join('\n'))); // its statistics
        // That they are there is known once it was looked up, and who has gone is not told.
        using From = Session::CalibrationUse::From;
        session.setRecipe(session.run(run)->recipe, "of before");
        QVERIFY(session.calibrationOf() && session.calibrationOf()->from == From::made_here);
        QObject asks;
        int told = 0;
        const auto tell = [&told] { ++told; };
        session.lookWhetherKept(&asks, tell);
        QTRY_COMPARE_WITH_TIMEOUT(told, 1, 60'000);
        QVERIFY(session.calibrationOf()->from == From::kept && session.calibrationOf()->ahead());
        Recipe longer = session.recipe();
        longer.calibration.samples += 1;
        session.setRecipe(longer, "one more");
        QVERIFY(session.calibrationOf()->from == From::made_here);
        {
            QObject gone;
            session.lookWhetherKept(&gone, tell);
        }
        QTest::qWait(100);
        QCOMPARE(told, 1);
        session.calibrate(session.run(run)->recipe.calibration); // read: that is no rate of calibrating
        QTRY_VERIFY_WITH_TIMEOUT(session.statsComplete() && !session.jobs().busy(), 60'000);
        JobPace pace;
        QCOMPARE(job_rows(session, pace).back().note, QString("read from the cache"));
        session.setRecipe(now, "as before");
        session.exportRun(session.runs().at(0).id, "packed",
                          folder.filePath("third")); // full precision: nothing to write
        QTest::qWait(50);
        QVERIFY(!session.jobs().busy() && !QFile::exists(folder.filePath("third")));
    }

    /// A model whose files are not read when it is opened: its runs come when the hash is there.
    void runs_of_a_large_model_come_back_with_its_hash() {
        const QTemporaryDir place, kept;
        const std::filesystem::path folder = place.path().toStdString(), sample = resolve_model_path("sample-opt");
        for (const char* file : {"config.json", "tokenizer.json"}) std::filesystem::copy(sample / file, folder / file);
        const auto weights = SafetensorsFile::open(sample / "model.safetensors");
        std::vector<SafetensorsSpec> specs{{"filler", DType::u8, {std::int64_t{17} << 20}}};
        for (const SafetensorsEntry& entry : weights->entries())
            specs.push_back({entry.name, *entry.dtype, entry.shape});
        SafetensorsWriter writer(folder / "model.safetensors", specs);
        writer.write("filler", std::vector<std::byte>(std::size_t{17} << 20));
        for (const SafetensorsEntry& entry : weights->entries()) writer.write(entry.name, weights->tensor(entry.name));
        writer.finish();

        Recipe recipe;
        for (const std::size_t runs_kept : {std::size_t{0}, std::size_t{2}}) {
            Session session(nullptr, RunJournal(kept.path()));
            session.open(place.path());
            QTRY_VERIFY_WITH_TIMEOUT(session.model() != nullptr, 60'000);
            QTRY_COMPARE_WITH_TIMEOUT(session.runs().size(), runs_kept, 60'000);
            if (runs_kept > 0) break;
            recipe = session.recipe();
            recipe.calibration.samples = 1;
            recipe.calibration.length = 64;
            session.setRecipe(recipe, "short");
            session.evaluate(brief_);
            QTRY_VERIFY_WITH_TIMEOUT(session.runs().size() == 2 && session.runs()[1].finished(), 120'000);
            QCOMPARE(QString::fromStdString(session.runs()[1].evaluation->provenance.model_hash),
                     QString::fromStdString(*session.model()->known_hash()));
        }
    }
};

GRATICULE_TEST(RunJournalTest);
#include "tst_run_journal.moc"
