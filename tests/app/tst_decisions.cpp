// Advice, sensitivity, search and divergence in the session, and what the window shows of them.
#include <QtCore/QFile>
#include <QtCore/QTemporaryDir>
#include <QtTest/QSignalSpy>
#include <QtTest/QTest>
#include <QtWidgets/QDoubleSpinBox>
#include <QtWidgets/QLabel>
#include <QtWidgets/QPushButton>
#include <QtWidgets/QTableWidget>
#include <QtWidgets/QTextEdit>
#include <nlohmann/json.hpp>

#include "app/session/advice.h"
#include "app/session/session.h"
#include "app/session/session_file.h"
#include "app/session/studies_json.h"
#include "app/window/catalogue.h"
#include "app/window/plot_feed.h"
#include "app/window/table_rows.h"
#include "app/window/task_words.h"
#include "core/engine/answer_task.h"
#include "core/engine/resources.h"
#include "core/engine/workbench.h"
#include "core/recipe/layer_rules.h"
#include "tests/support/error_message.h"
#include "tests/support/short_calibration.h"
#include "tests/support/test_main.h"
#include "widgets/panels/advice_view.h"
#include "widgets/panels/divergence_panel.h"
#include "widgets/panels/figure_table.h"
#include "widgets/panels/search_panel.h"
#include "widgets/panels/sensitivity_panel.h"
#include "widgets/panels/slac_panel.h"
#include "widgets/panels/task_panel.h"

using namespace graticule;

namespace {

const EvaluationChoice short_text{{}, 128, 4};

void open_sample(Session& session, const QString& name) {
    session.open(QString::fromStdString(resolve_model_path(name.toStdString()).string()));
    QTRY_VERIFY_WITH_TIMEOUT(session.model() != nullptr && !session.jobs().busy(), 60'000);
}

/// Forty questions of three choices, as a file of a task; false: it could not be written.
bool write_questions(const QString& path) {
    QFile file(path);
    if (!file.open(QIODevice::WriteOnly)) return false;
    for (int i = 0; i < 40; ++i)
        file.write(QStringLiteral("{\"question\": \"Number %1 comes after\", \"choices\": [\"%2\", \"%3\", "
                                  "\"the sea\"], \"gold\": %4}\n")
                       .arg(i)
                       .arg(i - 1)
                       .arg(i + 7)
                       .arg(i % 3)
                       .toUtf8());
    return file.flush();
}

const Advice* find(const std::vector<Advice>& all, const QString& words) {
    const auto found = std::ranges::find_if(all, [&](const Advice& advice) { return advice.title.contains(words); });
    return found == all.end() ? nullptr : &*found;
}

/// Times that were asked for come back as they were, and none where none was; files of before have neither.
void times_survive(RecipeSearch search) {
    const nlohmann::json without = search_to_json(search);
    QVERIFY(without.at("linear_times").is_null() && without.at("searched").at("linears_seconds").is_null());
    QVERIFY(search_to_json(*search_from_json(without)) == without);
    nlohmann::json old = without;
    old.erase("linear_times");
    for (nlohmann::json* point : {&old["searched"], &old["uniform"][0]}) {
        point->erase("linears_seconds");
        point->at("divergence").erase("first_parting");
    }
    QVERIFY(!search_from_json(old)->times && search_from_json(old)->searched.divergence.partings.empty());
    search.times = SearchTimes{{0.004, {SpeedPhase::decode, 16, 1, 512}},
                               {{search.sensitivity->schemes.front().scheme_line, {{"q", "made", 8, 0.001}}}},
                               search.baseline->provenance};
    search.searched.predicted_seconds = 0.003;
    search.searched.seconds = 0.0035;
    search.judge();
    const nlohmann::json with = search_to_json(search);
    const auto back = search_from_json(with);
    QVERIFY(search_to_json(*back) == with);
    QVERIFY(back->times && back->times->budget == search.times->budget);
    QVERIFY(back->times->candidates == search.times->candidates);
    QCOMPARE(back->searched.seconds, search.searched.seconds);
    QCOMPARE(back->verdict(), search.verdict());
}

/// A matrix of the current recipe: calibrating at 512 is better than at 128, and as good as full precision.
std::shared_ptr<const CalibrationLengths> some_lengths(const Session& session) {
    auto made = std::make_shared<CalibrationLengths>();
    made->recipe = session.recipe();
    LengthStudy& study = made->study;
    study.lengths = {128, 512};
    study.tokens = 8192;
    study.damping = 0.01;
    for (const InputSite& site : session.model()->input_sites())
        study.sites.push_back({site.id, site.name, {"a linear"}, {{1.5, 0.1, 4}, {{}, {}, 5}}});
    JobContext ctx;
    study.provenance.model_hash = session.model()->hash(ctx);
    study.provenance.data_name = "a text";
    study.recipe_line = summary_line(made->recipe);
    study.evaluated = {128};
    const auto run = [&](const std::string& name, const std::vector<double>& losses) {
        auto evaluation = std::make_shared<Evaluation>();
        evaluation->run_name = name;
        evaluation->window_losses = losses;
        evaluation->perplexity = perplexity_of(losses);
        evaluation->protocol.window = 128;
        evaluation->provenance = study.provenance;
        return evaluation;
    };
    study.full_precision = {run("full precision", {3, 3.1, 2.9, 3.05})};
    study.perplexity = {{run("calibrated at 128", {3.2, 3.3, 3.1, 3.26})},
                        {run("calibrated at 512", {3.01, 3.09, 2.92, 3.03})}};
    made->advice = advise_length(study, 100);
    return made;
}

} // namespace

class DecisionsTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    /// Underflow and outliers from figures that are there; what is advised works and is one step that undo takes back.
    void advice_comes_with_evidence_and_a_recipe_that_works() {
        Session session;
        QVERIFY(advice_for(session).empty());
        open_sample(session, QStringLiteral("sample-opt"));
        Recipe recipe = session.recipe();
        recipe.defaults = parse_scheme_line("w=int4/asym/channel a=int8/sym/token");
        recipe.calibration = testing::short_calibration();
        session.setRecipe(recipe, QStringLiteral("test"));
        session.calibrate(recipe.calibration);
        QTRY_VERIFY_WITH_TIMEOUT(session.statsComplete() && !session.jobs().busy(), 120'000);
        QTRY_VERIFY_WITH_TIMEOUT(session.whatIfs().idle(), 120'000);
        const std::vector<Advice> all = advice_for(session);
        for (std::size_t i = 1; i < all.size(); ++i) QVERIFY(all[i].weight <= all[i - 1].weight);

        const Advice* vanish = find(all, QStringLiteral("vanish"));
        QVERIFY(vanish != nullptr);
        QVERIFY2(vanish->evidence.contains(u'%'), qPrintable(vanish->evidence));
        std::size_t denormal = 0;
        const LayerRules rules(vanish->recipe);
        for (const Linear& linear : session.model()->linears())
            denormal += rules.scheme_of(linear).scheme.weight->format->name == "dint4" ? 1 : 0;
        QVERIFY(denormal > 0);

        const Advice* outliers = find(all, QStringLiteral("Outlier"));
        QVERIFY(outliers != nullptr);
        QVERIFY(to_json(outliers->recipe).find("smoothquant") != std::string::npos);

        session.setRecipe(vanish->recipe, vanish->action);
        QVERIFY(session.resolution().resolved.has_value());
        session.undo();
        QVERIFY(session.recipe() == recipe);
        // Where nothing vanishes nothing is said of it.
        recipe.defaults = parse_scheme_line("w=int8/sym/channel");
        session.setRecipe(recipe, QStringLiteral("eight bits"));
        QTRY_VERIFY_WITH_TIMEOUT(session.whatIfs().idle(), 120'000);
        QVERIFY(find(advice_for(session), QStringLiteral("vanish")) == nullptr);
    }

    void sensitivity_fills_the_table_and_advises_eight_bits() {
        Session session;
        open_sample(session, QStringLiteral("sample-llama"));
        Recipe recipe = session.recipe();
        recipe.defaults = parse_scheme_line("w=int4/asym/channel");
        session.setRecipe(recipe, QStringLiteral("test"));
        for (const LayerRow& row : layer_rows(session)) QVERIFY(!row.damage);
        session.predictSensitivity(short_text, 2);
        QTRY_VERIFY_WITH_TIMEOUT(session.sensitivity() != nullptr && !session.jobs().busy(), 240'000);
        std::size_t measured = 0;
        for (const LayerRow& row : layer_rows(session)) {
            QVERIFY(row.damage && *row.damage > 0);
            measured += row.damage_measured ? 1 : 0;
        }
        QCOMPARE(measured, std::size_t{2});
        QVERIFY(!heat_map_plot(session, LayerStatistic::damage).panels.empty());

        // Predicted against measured: the two of each scheme, 8 bits included; the ranks of three and more.
        const plots::PlotScene scene = sensitivity_plot(session);
        std::size_t drawn = 0;
        for (const plots::Series& series : scene.panels.at(0).series)
            if (series.mark == plots::Mark::points) drawn += series.x.size();
        QCOMPARE(drawn, std::size_t{4});
        SensitivityPanel panel;
        panel.setSensitivity(session.sensitivity().get(), false);
        QCOMPARE(panel.table()->rowCount(), 2);
        QCOMPARE(panel.table()->item(0, 2)->text(), QStringLiteral("2"));
        QCOMPARE(panel.table()->item(0, 3)->text(), QStringLiteral("n/a"));

        const std::vector<Advice> all = advice_for(session);
        const Advice* eight = find(all, QStringLiteral("8 bits"));
        QVERIFY(eight != nullptr);
        const LayerRules rules(eight->recipe);
        std::size_t changed = 0;
        for (const Linear& linear : session.model()->linears())
            changed += rules.scheme_of(linear).scheme.weight->format->bits == 8 ? 1 : 0;
        QVERIFY(changed > 0 && changed < session.model()->linears().size() / 2);
        // Of another recipe's schemes nothing is known.
        recipe.defaults = parse_scheme_line("w=int3/asym/channel");
        session.setRecipe(recipe, QStringLiteral("other"));
        QVERIFY(find(advice_for(session), QStringLiteral("8 bits")) == nullptr);
        for (const LayerRow& row : layer_rows(session)) QVERIFY(!row.damage);
    }

    /// What 8 bits buy is told under the inputs that a linear has, not under those of others.
    void eight_bits_are_held_against_the_same_inputs() {
        Session session;
        open_sample(session, QStringLiteral("sample-llama"));
        Recipe recipe = session.recipe();
        recipe.defaults = parse_scheme_line("w=int4/asym/channel");
        recipe.rules = {{"layers.{0,1}.*", false, parse_scheme_line("w=int4/asym/channel a=int4/sym/token")}};
        session.setRecipe(recipe, QStringLiteral("test"));
        session.predictSensitivity(short_text, 0);
        QTRY_VERIFY_WITH_TIMEOUT(session.sensitivity() != nullptr && !session.jobs().busy(), 240'000);
        QCOMPARE(session.sensitivity()->schemes.size(), std::size_t{4}); // each scheme, and its own 8 bits
        const std::vector<Advice> all = advice_for(session);
        const Advice* eight = find(all, QStringLiteral("8 bits"));
        QVERIFY(eight != nullptr);
        const LayerRules rules(eight->recipe);
        double damage = 0, saved = 0;
        for (const Linear& linear : session.model()->linears()) {
            const SchemeChoice now = session.choiceFor(linear.id, session.recipeRules()),
                               then = rules.scheme_of(linear);
            QVERIFY(then.scheme.input == now.scheme.input);
            damage += session.sensitivityOf(linear.id, now)->predicted;
            if (then != now)
                saved += session.sensitivityOf(linear.id, now)->predicted -
                         session.sensitivityOf(linear.id, with_eight_bits(now))->predicted;
        }
        QVERIFY(std::abs(eight->weight - saved / damage) < 1e-9);
    }

    void a_search_is_shown_as_plot_and_table() {
        Session session;
        open_sample(session, QStringLiteral("sample-llama"));
        QVERIFY(search_plot(session).panels.empty());
        session.searchRecipe({4.5, std::nullopt}, short_text);
        QTRY_VERIFY_WITH_TIMEOUT(session.searches().size() == 1 && !session.jobs().busy(), 400'000);
        const RecipeSearch& search = *session.searches().front();
        SearchPanel panel;
        QSignalSpy wanted(&panel, &SearchPanel::recipeWanted), asked(&panel, &SearchPanel::searchWanted);
        QVERIFY(!panel.table()->isVisibleTo(&panel));
        panel.setSearches(session.searches());
        QVERIFY(panel.table()->isVisibleTo(&panel));
        const std::vector<SearchedPoint> points = all_points(session.searches());
        QCOMPARE(points.size(), search.uniform.size() + 1);
        QCOMPARE(panel.table()->rowCount(), int(points.size()));
        const auto offered = std::ranges::find_if(points, &SearchedPoint::offered);
        QVERIFY(offered != points.end() && offered->point == search.offered());
        Q_EMIT panel.table()->cellDoubleClicked(1, 0);
        QCOMPARE(wanted.at(0).at(0).toInt(), 1);
        panel.budget()->setValue(3.75);
        panel.findChild<QPushButton*>()->click();
        QCOMPARE(asked.at(0).at(0).toDouble(), 3.75);
        // Measured solid, predicted hollow.
        const plots::PlotScene scene = search_plot(session);
        std::size_t solid = 0, hollow = 0;
        for (const plots::Series& series : scene.panels.at(0).series)
            if (series.mark == plots::Mark::points) (series.hollow ? hollow : solid) += series.x.size();
        QCOMPARE(solid, points.size());
        QVERIFY(hollow >= 1);
        // Searching again with the same budget finds the same recipes: no point comes twice.
        session.searchRecipe({4.5, std::nullopt}, short_text);
        QTRY_VERIFY_WITH_TIMEOUT(session.searches().size() == 2 && !session.jobs().busy(), 400'000);
        QCOMPARE(all_points(session.searches()).size(), points.size());
        open_sample(session, QStringLiteral("sample-opt"));
        QTRY_VERIFY_WITH_TIMEOUT(session.searches().empty(), 60'000); // of the other model
    }

    void divergence_is_shown_token_by_token() {
        Session session;
        open_sample(session, QStringLiteral("sample-llama"));
        Recipe recipe = session.recipe();
        recipe.defaults = parse_scheme_line("w=int3/asym/channel");
        session.setRecipe(recipe, QStringLiteral("test"));
        for (const auto plot : {divergence_plot, position_plot, depth_plot}) QVERIFY(plot(session).panels.empty());
        session.measureDivergence(short_text);
        QTRY_VERIFY_WITH_TIMEOUT(session.divergence().finished != nullptr && !session.jobs().busy(), 240'000);
        QVERIFY(session.divergence().under_way == nullptr);
        const DivergenceStudy& study = *session.divergence().finished;
        QVERIFY(study.complete());
        QCOMPARE(depth_plot(session).table.rows.size(), session.model()->blocks().size());
        // The mean after each window, ending at the mean of all; 32 places of the window.
        const plots::PlotScene running = divergence_plot(session), positions = position_plot(session);
        const auto line = [](const plots::PlotScene& scene) {
            return *std::ranges::find(scene.panels.at(0).series, plots::Mark::line, &plots::Series::mark);
        };
        QCOMPARE(line(running).y.size(), std::size_t{4});
        QVERIFY(std::abs(line(running).y.back() - study.divergence.mean) < 1e-12);
        QCOMPARE(line(positions).y, study.divergence.position_means);
        QCOMPARE(line(positions).x.front(), 1 + 0.5 * 127 / 32 - 0.5); // of the targets behind 1 to 4 tokens
        DivergencePanel panel;
        panel.setDivergence(QStringLiteral("int3"), study.divergence, study.worst, 4);
        QStringList said;
        for (const QLabel* label : panel.findChildren<QLabel*>()) said << label->text();
        QVERIFY2(said.join('|').contains("held against full precision: " +
                                         QString::fromStdString(std::string(to_text(study.divergence.verdict)))) &&
                     said.join('|').contains("McNemar, p = ") && said.join('|').contains("First choices part after "),
                 qPrintable(said.join('|')));
        const QString text = panel.text()->toPlainText();
        QVERIFY(!study.worst.empty());
        QString passage;
        for (const PassageToken& token : study.worst.front().tokens) passage += QString::fromStdString(token.text);
        QVERIFY2(text.contains(passage.replace(u'\n', QStringLiteral("↵"))), qPrintable(text));
        // On hover the five that each side thinks likely, of the worst passage's first token.
        const PassageToken& first = study.worst.front().tokens.front();
        QCOMPARE(first.baseline_likely.size(), std::size_t{5});
        QCOMPARE(first.likely.size(), std::size_t{5});
        QCOMPARE(first.likely.front().text, first.choice);
        QTextCursor cursor(panel.text()->document());
        cursor.movePosition(QTextCursor::NextBlock);
        cursor.movePosition(QTextCursor::NextCharacter);
        const QString tip = cursor.charFormat().toolTip();
        for (const auto* side : {&first.baseline_likely, &first.likely})
            for (const LikelyText& likely : *side) {
                const QString word = QString::fromStdString(likely.text).replace(u'\n', QStringLiteral("↵"));
                const QString shown_word =
                    word.isEmpty() ? QStringLiteral("(a token") : QStringLiteral("“%1”").arg(word.toHtmlEscaped());
                QVERIFY2(tip.contains(shown_word), qPrintable(tip));
            }
    }

    /// While it is measured the mean grows; one that is cancelled leaves the one before.
    void divergence_grows_while_it_is_measured() {
        Session session;
        open_sample(session, QStringLiteral("sample-opt"));
        std::vector<std::size_t> seen;
        QStringList said;
        DivergencePanel panel;
        connect(&session, &Session::studyGrew, &session, [&] {
            const DivergenceStudy& so_far = *session.divergence().under_way;
            seen.push_back(so_far.divergence.window_means.size());
            QVERIFY(!divergence_plot(session).panels.empty() && depth_plot(session).panels.empty());
            panel.setDivergence(QStringLiteral("int4"), so_far.divergence, so_far.worst, so_far.protocol.windows_used);
            for (const QLabel* label : panel.findChildren<QLabel*>()) said << label->text();
        });
        session.measureDivergence({{}, 1024, 24});
        QTRY_VERIFY_WITH_TIMEOUT(session.divergence().finished != nullptr && !session.jobs().busy(), 240'000);
        QVERIFY(!seen.empty() && seen.front() < 24);
        for (std::size_t i = 1; i < seen.size(); ++i) QVERIFY(seen[i] > seen[i - 1]);
        QVERIFY2(said.join('|').contains("windows: ") && said.join('|').contains(" so far"),
                 qPrintable(said.join('|')));
        const auto before = session.divergence().finished;
        session.measureDivergence({{}, 1024, 24});
        QTRY_VERIFY_WITH_TIMEOUT(session.divergence().under_way != nullptr, 240'000);
        session.jobs().cancelAll();
        QTRY_VERIFY_WITH_TIMEOUT(!session.jobs().busy(), 60'000);
        QVERIFY(session.divergence().shown() == before);
    }

    /// Both sides answer; what flipped is listed in words. A file of one's own.
    void a_task_is_answered_by_both() {
        QTemporaryDir folder;
        const QString path = folder.filePath(QStringLiteral("mine.jsonl"));
        QVERIFY(write_questions(path));
        Session session;
        open_sample(session, QStringLiteral("sample-llama"));
        Recipe recipe = session.recipe();
        recipe.defaults = parse_scheme_line("w=int3/asym/channel");
        session.setRecipe(recipe, QStringLiteral("test"));
        QSignalSpy failed(&session, &Session::failed);
        session.answerTask({QStringLiteral("multiple_choice"), folder.filePath(QStringLiteral("none")), {}, {}, 0});
        QTRY_COMPARE_WITH_TIMEOUT(failed.size(), 1, 60'000);
        QVERIFY2(failed[0][1].toString().contains("none"), qPrintable(failed[0][1].toString()));
        session.answerTask({QStringLiteral("multiple_choice"), path, {}, {}, 36});
        QTRY_VERIFY_WITH_TIMEOUT(session.task().finished != nullptr && !session.jobs().busy(), 240'000);
        const TaskStudy& study = *session.task().finished;
        QVERIFY(study.complete());
        QCOMPARE(study.sides.size(), std::size_t{2});
        // What the engine answers, side by side.
        Workbench work;
        work.adopt(session.opened());
        JobContext ctx;
        const EvaluationSide sides[] = {{}, {work.quantize(recipe, false, ctx), {}}};
        const auto runs = answer_task(work.model(), sides, work.tokenizer(), *study.set, ctx);
        for (std::size_t side = 0; side < 2; ++side)
            QCOMPARE(study.sides[side].accuracy().correct, runs[side]->accuracy().correct);
        const Flips flips = flips_between(study.sides[0], study.sides[1]);
        QVERIFY(!flips.became_wrong.empty() || !flips.became_right.empty());
        TaskPanel panel(task_entries());
        panel.setRuns({&study.sides[0], &study.sides[1], QStringLiteral("int3"), false,
                       [&](std::size_t item, bool norm) { return item_words(study, item, norm); }});
        QCOMPARE(panel.flipped()->rowCount(), int(flips.became_wrong.size() + flips.became_right.size()));
        const std::size_t first = flips.became_wrong.empty() ? flips.became_right[0] : flips.became_wrong[0];
        const ItemWords words = item_words(study, first, false);
        QCOMPARE(panel.flipped()->item(0, 0)->text(), QStringLiteral("line %1").arg(first + 1));
        QVERIFY(words.question.startsWith(QStringLiteral("Question: Number %1 ").arg(first)));
        QVERIFY(words.before != words.after);
        QCOMPARE(words.after == words.right, study.sides[1].items[first].right);
    }

    /// Minutes of measuring survive the window, for the model that they are of, and are saved with the session.
    void searches_survive() {
        QTemporaryDir folder;
        const RunJournal journal(folder.filePath(QStringLiteral("runs")));
        SessionFile saved;
        std::vector<double> means;
        QString verdict;
        {
            Session session(nullptr, journal);
            open_sample(session, QStringLiteral("sample-llama"));
            Recipe recipe = session.recipe();
            recipe.defaults = parse_scheme_line("w=int4/asym/channel");
            session.setRecipe(recipe, QStringLiteral("test"));
            session.searchRecipe({4.5, std::nullopt}, short_text);
            session.predictSensitivity(short_text, 3);
            QTRY_VERIFY_WITH_TIMEOUT(session.sensitivity() != nullptr && !session.jobs().busy(), 400'000);
            means = session.searches().front()->searched.divergence.window_means;
            verdict = QString::fromStdString(session.searches().front()->verdict());
            saved = session.toFile();
        }
        times_survive(*saved.decisions.searches.front());
        const auto check = [&](Session& session) {
            QTRY_COMPARE_WITH_TIMEOUT(session.searches().size(), std::size_t{1}, 60'000);
            const RecipeSearch& search = *session.searches().front();
            QCOMPARE(search.searched.divergence.window_means, means);
            QCOMPARE(QString::fromStdString(search.verdict()), verdict);
            QVERIFY(search_to_json(search) == search_to_json(*saved.decisions.searches.front()));
            QVERIFY(sensitivity_to_json(*session.sensitivity()) == sensitivity_to_json(*saved.decisions.sensitivity));
            QVERIFY(!search_plot(session).panels.empty() && !sensitivity_plot(session).panels.empty());
        };
        {
            Session session(nullptr, journal);
            open_sample(session, QStringLiteral("sample-llama"));
            check(session);
            open_sample(session, QStringLiteral("sample-opt"));
            QTRY_VERIFY_WITH_TIMEOUT(session.searches().empty() && !session.jobs().busy(), 60'000);
        }
        const QString path = folder.filePath(QStringLiteral("mine.graticule"));
        write_session(path, saved);
        Session session; // without a journal
        open_sample(session, QStringLiteral("sample-llama"));
        session.restore(read_session(path));
        check(session);
        // Of a model that is another one now nothing is taken over, and a file that cannot be read is put aside.
        Session other;
        open_sample(other, QStringLiteral("sample-opt"));
        other.restore(read_session(path));
        QTRY_VERIFY_WITH_TIMEOUT(!other.jobs().busy(), 60'000);
        QTest::qWait(300);
        QVERIFY(other.searches().empty() && other.sensitivity() == nullptr);
        const QString model = QString::fromStdString(resolve_model_path("sample-llama").string());
        const DecisionJournal decisions(journal);
        QVERIFY(QFile::exists(decisions.file(model)));
        QFile broken(decisions.file(model));
        QVERIFY(broken.open(QIODevice::WriteOnly) && broken.write("{\"schema\": 1, \"searches\": [{}]}") > 0);
        broken.close();
        const QString told =
            QString::fromStdString(testing::error_message([&] { static_cast<void>(decisions.read(model)); }));
        QVERIFY2(told.contains(decisions.file(model)) && told.contains("holds no searches"), qPrintable(told));
        QVERIFY(!decisions.keep(model, saved.decisions).isEmpty());
        QCOMPARE(decisions.read(model).searches.size(), std::size_t{1});
        QVERIFY(decisions.keep(model, saved.decisions).isEmpty());
        QCOMPARE(decisions.read(model).searches.size(), std::size_t{1}); // not twice
    }

    /// So does a matrix of calibration lengths, with the recipe that it is of: of another one nothing is advised.
    void calibration_lengths_survive_and_are_of_their_recipe() {
        QTemporaryDir folder;
        const RunJournal journal(folder.filePath(QStringLiteral("runs")));
        const QString path = folder.filePath(QStringLiteral("mine.graticule"));
        const QString model = QString::fromStdString(resolve_model_path("sample-opt").string());
        SessionFile saved;
        {
            Session session(nullptr, journal);
            open_sample(session, QStringLiteral("sample-opt"));
            Recipe recipe = session.recipe();
            recipe.defaults = parse_scheme_line("w=int4/asym/channel gptq");
            session.setRecipe(recipe, QStringLiteral("test"));
            saved = session.toFile();
            saved.decisions.lengths = some_lengths(session);
            write_session(path, saved);
            session.restore(read_session(path));
            QTRY_VERIFY_WITH_TIMEOUT(session.calibrationLengths() && !session.jobs().busy(), 60'000);
        }
        const nlohmann::json was = study_to_json(*saved.decisions.lengths);
        Session session(nullptr, journal); // the journal has it from the one before
        open_sample(session, QStringLiteral("sample-opt"));
        QTRY_VERIFY_WITH_TIMEOUT(session.calibrationLengths() && !session.jobs().busy(), 60'000);
        QVERIFY(DecisionJournal(journal).read(model).lengths != nullptr);
        QVERIFY(study_to_json(*session.calibrationLengths()) == was);
        const LengthAdvice& advised = session.calibrationLengths()->advice;
        QVERIFY(advised.basis == LengthAdvice::Basis::measured && advised.length == 512);

        const auto advises = [&] { return find(advice_for(session), QStringLiteral("Calibration at")) != nullptr; };
        QVERIFY(session.lengthsOfNow() == nullptr && !advises()); // it starts with another recipe
        Recipe recipe = saved.recipe;
        recipe.calibration.length = 256; // the study chooses its own
        recipe.name = "mine";
        session.setRecipe(recipe, QStringLiteral("that one"));
        QVERIFY(session.lengthsOfNow() != nullptr);
        const std::vector<Advice> all = advice_for(session);
        const Advice* length = find(all, QStringLiteral("Calibration at 256"));
        QVERIFY(length != nullptr && length->evidence.contains(QStringLiteral("w=int4/asym/channel gptq")));
        recipe.defaults = parse_scheme_line("w=int3/asym/channel gptq");
        session.setRecipe(recipe, QStringLiteral("another"));
        QVERIFY(session.lengthsOfNow() == nullptr && !advises());
        session.undo();
        QVERIFY(session.lengthsOfNow() != nullptr);
        // Of another model nothing is taken over; what lacks a row is refused.
        Session other;
        open_sample(other, QStringLiteral("sample-llama"));
        other.restore(read_session(path));
        QTRY_VERIFY_WITH_TIMEOUT(!other.jobs().busy(), 60'000);
        QTest::qWait(300);
        QVERIFY(other.calibrationLengths() == nullptr);
        for (const char* broken : {"/study/matrix/rows/1", "/study/inputs/0/lengths/0", "/study/lengths/0"}) {
            const nlohmann::json::json_pointer place(broken);
            nlohmann::json changed = was;
            changed[place.parent_pointer()].erase(std::stoul(place.back()));
            QVERIFY2(testing::error_message([&] { (void)lengths_from_json(changed); }).find("are missing") !=
                         std::string::npos,
                     broken);
        }
    }

    /// The matrix says of what it is, no figure is cut, and what is not beyond chance has no colour.
    void the_matrix_of_lengths_says_of_what_it_is() {
        Session session;
        open_sample(session, QStringLiteral("sample-opt"));
        const auto lengths = some_lengths(session);
        SlacPanel panel;
        panel.resize(420, 400);
        panel.setStudy(lengths->study, lengths->advice, true);
        panel.show();
        const auto says = [&panel](const QString& words) {
            return std::ranges::any_of(panel.findChildren<QLabel*>(),
                                       [&](const QLabel* label) { return label->text().contains(words); });
        };
        const QString line = QString::fromStdString(lengths->study.recipe_line);
        QVERIFY(says(line) && says(QStringLiteral("a text")) && says(QStringLiteral("calibrate at 512 tokens")));
        const QTableWidget& table = *panel.matrix();
        const QTableWidgetItem &worse = *table.item(1, 1), &same = *table.item(2, 1);
        QVERIFY2(!worse.text().contains(u'(') && same.text().contains(u'('), qPrintable(same.text()));
        QVERIFY(worse.foreground() != same.foreground());
        QVERIFY2(worse.toolTip().contains(QStringLiteral("perplexity, 95 % interval [+")), qPrintable(worse.toolTip()));
        QVERIFY(worse.toolTip().contains(QStringLiteral("Against calibrating at 512")));
        QVERIFY(table.columnWidth(1) >= QFontMetrics(table.font()).horizontalAdvance(worse.text()));
        QVERIFY(table.columnWidth(0) + table.columnWidth(1) < table.viewport()->width()); // together, not at the edge
        panel.setStudy(lengths->study, lengths->advice, false);
        QVERIFY(says(line) && says(QStringLiteral("another recipe")) && !says(QStringLiteral("calibrate at 512")));
    }

    /// So do a divergence with its worst passages, and the answers to a task with the words of those that flipped.
    void divergence_and_answers_survive() {
        QTemporaryDir folder;
        const RunJournal journal(folder.filePath(QStringLiteral("runs")));
        const QString questions = folder.filePath(QStringLiteral("mine.jsonl"));
        QVERIFY(write_questions(questions));
        SessionFile saved;
        {
            Session session(nullptr, journal);
            open_sample(session, QStringLiteral("sample-llama"));
            Recipe recipe = session.recipe();
            recipe.defaults = parse_scheme_line("w=int3/asym/channel");
            session.setRecipe(recipe, QStringLiteral("test"));
            session.measureDivergence(short_text);
            session.answerTask({QStringLiteral("multiple_choice"), questions, {}, {}, 0});
            QTRY_VERIFY_WITH_TIMEOUT(session.task().finished && session.divergence().finished && !session.jobs().busy(),
                                     240'000);
            saved = session.toFile();
        }
        const TaskStudy& task = *saved.decisions.task;
        const auto check = [&](Session& session) {
            QTRY_VERIFY_WITH_TIMEOUT(session.task().finished && session.divergence().finished, 60'000);
            const DivergenceStudy &was = *saved.decisions.divergence, &is = *session.divergence().finished;
            QVERIFY(is.recipe == was.recipe && is.complete() && is.text == was.text);
            QVERIFY(study_to_json(is) == study_to_json(was));
            QVERIFY(!was.worst.empty() &&
                    is.worst.front().tokens.front().text == was.worst.front().tokens.front().text);
            QVERIFY(!depth_plot(session).panels.empty());
            const TaskStudy& answered = *session.task().finished;
            QVERIFY(study_to_json(answered) == study_to_json(task));
            QVERIFY(answered.complete());
            for (const bool norm : {false, true}) {
                const Flips before = flips_between(task.sides[0], task.sides[1], norm),
                            now = flips_between(answered.sides[0], answered.sides[1], norm);
                QCOMPARE(now.became_wrong, before.became_wrong);
                QCOMPARE(now.became_right, before.became_right);
                for (const std::size_t item : now.became_wrong) {
                    const ItemWords words = item_words(answered, item, norm), were = item_words(task, item, norm);
                    QVERIFY(words.question == were.question && words.right == were.right &&
                            words.before == were.before && words.after == were.after);
                }
            }
        };
        QVERIFY(!flips_between(task.sides[0], task.sides[1]).became_wrong.empty());
        {
            Session session(nullptr, journal);
            open_sample(session, QStringLiteral("sample-llama"));
            check(session);
            open_sample(session, QStringLiteral("sample-opt"));
            QTRY_VERIFY_WITH_TIMEOUT(!session.task().finished && !session.divergence().finished, 60'000);
        }
        const QString path = folder.filePath(QStringLiteral("mine.graticule"));
        write_session(path, saved);
        Session session; // without a journal
        open_sample(session, QStringLiteral("sample-llama"));
        session.restore(read_session(path));
        check(session);
        Session other; // of another model nothing is taken over
        open_sample(other, QStringLiteral("sample-opt"));
        other.restore(read_session(path));
        QTRY_VERIFY_WITH_TIMEOUT(!other.jobs().busy(), 60'000);
        QTest::qWait(300);
        QVERIFY(!other.task().finished && !other.divergence().finished);
        // Words that are not those of the answers, and sides that are not of the same items, are refused.
        nlohmann::json broken = study_to_json(task);
        broken["words"].begin().value().erase(0);
        QVERIFY(testing::error_message([&] { (void)task_study_from_json(broken); }).find("choice") !=
                std::string::npos);
        broken = study_to_json(task);
        broken["sides"][1]["items"].erase(0);
        QVERIFY(testing::error_message([&] { (void)task_study_from_json(broken); }).find("same items") !=
                std::string::npos);
    }

    /// The command line's `generate`, with the place where the two texts part.
    void a_prompt_is_continued_by_both() {
        Session session;
        open_sample(session, QStringLiteral("sample-llama"));
        Recipe recipe = session.recipe();
        recipe.defaults = parse_scheme_line("w=int3/asym/g64");
        session.setRecipe(recipe, QStringLiteral("test"));
        session.continuePrompt(QStringLiteral("It was a dark night, and"), 8);
        QTRY_VERIFY_WITH_TIMEOUT(session.promptStudy() != nullptr && !session.jobs().busy(), 120'000);
        const PromptStudy& study = *session.promptStudy();
        QCOMPARE(study.sides.size(), std::size_t{2});
        QVERIFY(study.first_parting.has_value());
        const auto same = [&](std::size_t side) { return study.sides[side].text.substr(0, study.same[side]); };
        QCOMPARE(same(0), same(1));
        QVERIFY(study.sides[0].tokens[*study.first_parting] != study.sides[1].tokens[*study.first_parting]);
        QSignalSpy failed(&session, &Session::failed);
        session.continuePrompt(QStringLiteral("It was"), 1 << 20); // more than it has positions
        QTRY_COMPARE_WITH_TIMEOUT(failed.size(), 1, 60'000);
        QVERIFY(failed[0][1].toString().contains("ask for fewer"));
        QVERIFY(session.promptStudy().get() == &study);
    }

    void advice_rows_have_buttons() {
        AdviceView view;
        QSignalSpy wanted(&view, &AdviceView::wanted);
        view.setRows({{QStringLiteral("a"), QStringLiteral("b"), QStringLiteral("first")},
                      {QStringLiteral("c"), QStringLiteral("d"), QStringLiteral("second")}},
                     true);
        const auto buttons = view.findChildren<QPushButton*>();
        QCOMPARE(buttons.size(), 2);
        QCOMPARE(buttons[1]->text(), QStringLiteral("second"));
        buttons[1]->click();
        QCOMPARE(wanted.at(0).at(0).toInt(), 1);
    }

    /// "Nothing stands out" is a finding, and there is none before something was measured.
    void without_measurements_there_is_no_finding() {
        AdviceView view;
        const auto said = [&] { return view.findChildren<QLabel*>().back()->text(); };
        QVERIFY(said().startsWith("Calibrate"));
        view.setRows({}, true);
        QVERIFY(said().startsWith("Nothing stands out"));
        view.setRows({}, false); // another model
        QVERIFY(said().startsWith("Calibrate"));
    }
};

GRATICULE_TEST(DecisionsTest);
#include "tst_decisions.moc"
