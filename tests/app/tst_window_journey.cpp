// The window itself, without OpenGL (plots fall back to QPainter): commands, undo, linked selection, what-if, closing
// mid-job.
#include <QtCore/QFile>
#include <QtCore/QMimeData>
#include <QtCore/QSettings>
#include <QtCore/QTemporaryDir>
#include <QtCore/QTimer>
#include <QtGui/QDropEvent>
#include <QtTest/QSignalSpy>
#include <QtTest/QTest>
#include <QtWidgets/QAbstractButton>
#include <QtWidgets/QComboBox>
#include <QtWidgets/QDockWidget>
#include <QtWidgets/QHeaderView>
#include <QtWidgets/QMessageBox>
#include <QtWidgets/QTableView>

#include "app/session/recent_models.h"
#include "app/window/application.h"
#include "app/window/main_window.h"
#include "app/window/plot_feed.h"
#include "app/window/recipe_presenter.h"
#include "core/recipe/hardware_cost.h"
#include "tests/app/shown_window.h"
#include "tests/support/short_calibration.h"
#include "tests/support/test_main.h"
#include "widgets/models/layer_table_model.h"
#include "widgets/models/number_text.h"
#include "widgets/panels/layers_panel.h"
#include "widgets/panels/recipe_panel.h"

using namespace graticule;

namespace {
QByteArray dint_recipe() {
    Recipe recipe;
    recipe.defaults = parse_scheme_line("w=dint4/asym/channel");
    return QByteArray::fromStdString(to_json(recipe));
}
} // namespace

class WindowJourneyTest : public QObject {
    Q_OBJECT

    QTemporaryDir folder_;
    std::unique_ptr<QSettings> settings_;
    std::unique_ptr<MainWindow> window_;

    void choose(const QString& name, const QString& text) {
        for (QComboBox* box : window_->recipePanel().findChildren<QComboBox*>())
            if (box->accessibleName() == name) {
                box->setCurrentIndex(box->findText(text));
                Q_EMIT box->activated(box->currentIndex());
            }
    }
    void calibrate() { window_->session().calibrate(testing::short_calibration()); }
    /// Clicks that button of the question that comes next, which is put down in `said`.
    static void answer_with(const QString& button, QString& said) {
        QTimer::singleShot(0, qApp, [&said, button] {
            auto* box = qobject_cast<QMessageBox*>(QApplication::activeModalWidget());
            if (!box) return;
            said = box->text();
            for (QAbstractButton* choice : box->buttons())
                if (choice->text() == button) choice->click();
        });
    }
    bool quiet() { return !window_->session().jobs().busy() && window_->session().whatIfs().idle(); }

private Q_SLOTS:
    void init() {
        auto [settings, window] = testing::show_window(folder_.filePath("settings.ini"));
        settings_ = std::move(settings);
        window_ = std::move(window);
        window_->openPath("sample-opt");
        QTRY_VERIFY_WITH_TIMEOUT(window_->session().model() != nullptr, 30'000);
    }
    void cleanup() {
        window_.reset();
        settings_.reset();
    }

    void title_names_the_model_and_the_table_has_its_layers() {
        QVERIFY(window_->windowTitle().startsWith("sample-opt"));
        QTRY_COMPARE(window_->layers().table()->model()->rowCount(), 48);
    }

    void every_command_has_a_name_and_no_shortcut_is_used_twice() {
        QHash<QString, QString> used;
        for (const QAction* action : window_->findChildren<QAction*>()) {
            if (!action->objectName().contains(u'.')) continue; // not a command: a field's own
            QVERIFY2(!action->text().isEmpty(), qPrintable(action->objectName()));
            for (const QKeySequence& keys : action->shortcuts()) {
                const QString text = keys.toString();
                QVERIFY2(!used.contains(text),
                         qPrintable(text + " of " + action->objectName() + " and " + used.value(text)));
                used[text] = action->objectName();
            }
        }
        QVERIFY(used.size() > 15);
    }

    void recipe_edits_of_several_layers_undo_in_one_step() {
        Session& session = window_->session();
        const Recipe before = session.recipe();
        window_->command("edit.select-all")->trigger();
        QCOMPARE(session.selection().size(), std::size_t(48));
        choose("weights", "dINT4");
        QVERIFY(session.recipe() != before);
        QCOMPARE(session.history().steps().size(), std::size_t(2));
        window_->command("edit.undo")->trigger();
        QVERIFY(session.recipe() == before);
        window_->command("edit.redo")->trigger();
        QVERIFY(session.recipe() != before);
    }

    void a_rule_renamed_to_half_a_pattern_changes_nothing_and_says_so() {
        Session& session = window_->session();
        session.addRule("*.v_proj", {session.model()->linears()[2].id});
        const Recipe before = session.recipe();
        RulesView* rules = window_->recipePanel().rules();
        const auto row = [&]() -> QTreeWidgetItem* { return rules->topLevelItem(1); };
        QVERIFY(row());
        for (const char* half : {"*.{", "[]", "[b-a]*"}) {
            row()->setText(0, half); // what the editor in the row does
            QTRY_COMPARE(row()->text(1), QString("cannot be read"));
            QCOMPARE(row()->text(0), QString(half));
            QVERIFY(row()->toolTip(1).contains("cannot be read"));
            QVERIFY(session.recipe() == before);
        }
        row()->setText(0, "*.{v,k}_proj");
        QTRY_COMPARE(session.recipe().rules.at(0).pattern, std::string("*.{v,k}_proj"));
        QCOMPARE(row()->text(0), QString("*.{v,k}_proj"));
    }

    void what_an_event_throws_is_told_and_the_program_goes_on() {
        QString told;
        const auto tell = [&](const ErrorInfo& error) { told = QString::fromStdString(error.message); };
        QVERIFY(Application::guarded([] { return true; }, tell) && told.isEmpty());
        QVERIFY(!Application::guarded([]() -> bool { throw Error(ErrorKind::bad_input, "a wrong file"); }, tell));
        QCOMPARE(told, QString("a wrong file"));
        QVERIFY(!Application::guarded([]() -> bool { throw std::out_of_range("an odd index"); }, tell));
        QCOMPARE(told, QString("an odd index"));
        QVERIFY_EXCEPTION_THROWN(Application::guarded([]() -> bool { throw std::out_of_range("early"); }, {}),
                                 std::out_of_range); // before there is a window, main answers
    }

    void what_if_answers_a_change_without_a_run() {
        Session& session = window_->session();
        calibrate();
        QTRY_VERIFY_WITH_TIMEOUT(session.statsComplete() && quiet(), 60'000);
        window_->command("edit.select-all")->trigger();
        choose("weights", "dINT4");
        QTRY_VERIFY_WITH_TIMEOUT(quiet() && !what_if_table(session).rows.empty(), 30'000);
        const WhatIfTable table = what_if_table(session);
        QCOMPARE(table.current_label, QString("INT4"));
        QCOMPARE(table.candidate_label, QString("dINT4"));
        bool underflow_shrinks = false;
        for (const WhatIfRow& row : table.rows)
            if (row.name.startsWith("weight underflow")) underflow_shrinks = row.better > 0;
        QVERIFY(underflow_shrinks);
        const auto area = std::find_if(table.rows.begin(), table.rows.end(),
                                       [](const WhatIfRow& row) { return row.name == u"unit area"; });
        QVERIFY(area != table.rows.end());
        QCOMPARE(area->current,
                 fixed_text(mac_unit_of(parse_scheme_line("w=int4/sym/g64 a=int8/sym/token").scheme)->area, 2));
        QCOMPARE(area->candidate,
                 fixed_text(mac_unit_of(parse_scheme_line("w=dint4/sym/g64 a=int8/sym/token").scheme)->area, 2));
        QCOMPARE(area->better, -1); // dINT4's unit holds the zero point and places the specials
        const auto zero_bins = [&] {
            const plots::PlotScene scene = distribution_plot(session, DistributionOf::weight);
            return scene.panels.empty() ? 0 : int(scene.panels[0].ranges.size());
        };
        QTRY_COMPARE_WITH_TIMEOUT(zero_bins(), 2, 30'000); // of both formats
        QVERIFY(!channels_plot(session, false, {}).panels.empty());
        QVERIFY(!error_plot(session).panels.empty());
        QVERIFY(!heat_map_plot(session, LayerStatistic::sqnr).panels.empty());
        QVERIFY(!sequence_length_plot(session).panels.empty());
        QVERIFY(session.runs().empty());
    }

    void after_a_calibration_the_worst_layer_is_on_top_and_selected() {
        Session& session = window_->session();
        calibrate();
        QTRY_VERIFY_WITH_TIMEOUT(session.statsComplete() && quiet(), 60'000);
        const auto sorted = [&] { return window_->layers().table()->horizontalHeader()->sortIndicatorSection(); };
        QTRY_COMPARE(sorted(), int(LayerTableModel::Sqnr));
        QTRY_COMPARE(session.selection(), (std::vector<LayerId>{window_->layers().matching().front()}));
    }

    void a_selection_by_command_is_not_replaced_by_the_worst_layer() {
        Session& session = window_->session();
        calibrate();
        window_->command("edit.select-all")->trigger();
        const auto sorted = [&] { return window_->layers().table()->horizontalHeader()->sortIndicatorSection(); };
        QTRY_COMPARE_WITH_TIMEOUT(sorted(), int(LayerTableModel::Sqnr), 60'000);
        QCOMPARE(session.selection().size(), std::size_t(48));
    }

    void dropped_files_are_opened_data() {
        QTest::addColumn<QString>("file");
        QTest::addColumn<QString>("opens");  // model, recipe, or nothing
        QTest::addColumn<bool>("onto_dock"); // that floats
        QTest::newRow("model folder") << "sample-llama"
                                      << "model" << false;
        QTest::newRow("recipe") << "recipe.json"
                                << "recipe" << false;
        QTest::newRow("recipe, onto a floating dock") << "recipe.json"
                                                      << "recipe" << true;
        QTest::newRow("broken gguf") << "broken.gguf"
                                     << "" << false;
    }

    void dropped_files_are_opened() {
        QFETCH(QString, file);
        QFETCH(QString, opens);
        QFETCH(bool, onto_dock);
        Session& session = window_->session();
        QString path = folder_.filePath(file);
        if (opens == u"model") {
            for (const RecentModel& sample : shipped_models())
                if (sample.name == file) path = sample.path;
        } else {
            QFile made(path);
            QVERIFY(made.open(QIODevice::WriteOnly));
            made.write(opens == u"recipe" ? dint_recipe() : QByteArray("GGUF but no more"));
        }
        QMimeData files;
        files.setUrls({QUrl::fromLocalFile(path)});
        QSignalSpy refused(&session, &Session::openFailed);
        auto* runs = window_->findChild<QDockWidget*>("runs");
        runs->setFloating(onto_dock);
        QWidget* onto = onto_dock ? static_cast<QWidget*>(runs) : window_.get();
        QVERIFY(onto->acceptDrops());
        QDragEnterEvent enter({5, 5}, Qt::CopyAction, &files, Qt::LeftButton, Qt::NoModifier);
        QApplication::sendEvent(onto, &enter);
        QVERIFY(enter.isAccepted());
        QDropEvent drop({5.0, 5.0}, Qt::CopyAction, &files, Qt::LeftButton, Qt::NoModifier);
        QApplication::sendEvent(onto, &drop);
        if (opens == u"model") {
            QTRY_COMPARE_WITH_TIMEOUT(session.model()->name(), file.toStdString(), 30'000);
        } else if (opens == u"recipe") {
            QCOMPARE(session.recipe().defaults.scheme.weight->format->name, std::string_view("dint4"));
        } else {
            QTRY_COMPARE_WITH_TIMEOUT(refused.size(), 1, 10'000);
            QCOMPARE(session.model()->name(), std::string("sample-opt")); // what was open stays open
        }
    }

    void a_problem_report_holds_what_is_open_and_what_was_said() {
        window_->showFailure("Evaluate", "the text is too short");
        window_->command("help.problem")->trigger();
        QFile file(folder_.filePath("graticule-problem.txt"));
        QVERIFY(file.open(QIODevice::ReadOnly));
        const QString report = QString::fromUtf8(file.readAll());
        for (const QString part : {"== versions ==\ngraticule ", "Qt 6", "sample-opt", "48 linears",
                                   "w=int4/asym/channel", "Evaluate: the text is too short"})
            QVERIFY2(report.contains(part), qPrintable(part + " in\n" + report));
    }

    void plots_say_what_is_missing() {
        QVERIFY(channels_plot(window_->session(), false, {}).empty_text.contains("Calibrate"));
        QVERIFY(perplexity_plot(window_->session()).empty_text.contains("Evaluate"));
        QVERIFY(error_plot(window_->session()).empty_text.contains("Calibrate"));
    }

    void selection_in_the_table_reaches_every_panel() {
        QTRY_COMPARE(window_->layers().table()->model()->rowCount(), 48);
        window_->layers().table()->selectRow(5);
        QCOMPARE(window_->session().selection().size(), std::size_t(1));
        const Linear& linear = window_->session().model()->linear(*window_->session().primary());
        QCOMPARE(distribution_plot(window_->session(), DistributionOf::weight).title,
                 QString::fromStdString(linear.short_name));
    }

    void a_window_that_goes_in_the_middle_of_a_job_is_told_nothing_any_more() {
        window_->command("run.all")->trigger();
        QTRY_VERIFY_WITH_TIMEOUT(window_->session().runs().front().evaluation.has_value(), 30'000);
        int calls = 0;
        connect(
            &window_->session().jobs(), &JobRunner::changed, this, [&calls] { ++calls; }, Qt::DirectConnection);
        window_.reset(); // without close(): jobs are cancelled by the destructors, below a window that is half gone
        QCOMPARE(calls, 0);
    }

    void a_smaller_model_does_not_shorten_the_window_that_was_asked_for() {
        window_->setEvaluationChoice({{}, 4096, 1});
        const std::int64_t positions = window_->session().model()->config().max_positions;
        QVERIFY(positions < 4096);
        QCOMPARE(window_->evaluationChoice().window, positions);
        const Model* before = window_->session().model().get();
        window_->openPath("sample-llama");
        QTRY_VERIFY_WITH_TIMEOUT(window_->session().model().get() != before, 30'000);
        QCOMPARE(window_->evaluationChoice().window,
                 std::min<std::int64_t>(4096, window_->session().model()->config().max_positions));
        window_->setEvaluationChoice({{}, 16, 1});
        QCOMPARE(window_->evaluationChoice().window, std::int64_t(16));
    }

    void closing_in_the_middle_of_a_job_asks_first() {
        window_->command("run.all")->trigger();
        QTRY_VERIFY_WITH_TIMEOUT(window_->session().runs().front().evaluation.has_value(), 30'000);
        window_->setAsking(true);
        QString said;
        answer_with("Stay", said);
        QVERIFY(!window_->close());
        QVERIFY(said.contains("not finished"));
        QVERIFY(window_->isVisible() && window_->session().jobs().busy());
        answer_with("Stop and leave", said);
        QVERIFY(window_->close());
        said.clear();
        QTRY_VERIFY_WITH_TIMEOUT(!window_->session().jobs().busy(), 5'000);
        window_->show();
        QVERIFY(window_->close()); // with nothing to lose nothing is asked
        QVERIFY(said.isEmpty());
    }

    void opening_in_the_middle_of_a_job_asks_first_data() {
        QTest::addColumn<QString>("what");
        QTest::newRow("model") << "sample-llama";
        QTest::newRow("session") << "llama.graticule";
    }
    void opening_in_the_middle_of_a_job_asks_first() {
        QFETCH(QString, what);
        Session& session = window_->session();
        if (what.endsWith(session_suffix)) {
            SessionFile file = session.toFile();
            file.model = "sample-llama";
            file.selection.clear();
            write_session(what = folder_.filePath(what), file);
        }
        window_->command("run.all")->trigger();
        QTRY_VERIFY_WITH_TIMEOUT(session.runs().front().evaluation.has_value(), 30'000);
        window_->setAsking(true);
        QString said;
        answer_with("Stay", said);
        window_->openPath(what);
        QVERIFY(said.contains("not finished"));
        for (const JobView& job : session.jobs().jobs())
            QVERIFY(job.tag != QLatin1String(Session::open_tag) || job.state == JobState::done);
        answer_with("Stop and open", said);
        window_->openPath(what);
        said.clear();
        window_->openPath(what); // the opening itself is no work that would be lost, what runs was given up already
        QTRY_VERIFY_WITH_TIMEOUT(quiet() && session.model()->name() == "sample-llama", 30'000);
    }

    void closing_in_the_middle_of_a_job_joins_and_remembers_the_layout() {
        window_->command("run.all")->trigger();
        QTRY_VERIFY_WITH_TIMEOUT(window_->session().runs().front().evaluation.has_value(), 30'000); // windows arrive
        QVERIFY(window_->session().jobs().busy());
        QElapsedTimer timer;
        timer.start();
        window_->close();
        window_.reset();
        QVERIFY2(timer.elapsed() < 5000, qPrintable(QString::number(timer.elapsed())));
        QVERIFY(settings_->contains("window/layout"));
        QVERIFY(!settings_->value("recent/models").toStringList().isEmpty());
    }
};

GRATICULE_TEST(WindowJourneyTest);
#include "tst_window_journey.moc"
