// Advice, sensitivity, search and divergence in the session, and what the window shows of them.
#include <QtTest/QSignalSpy>
#include <QtTest/QTest>
#include <QtWidgets/QDoubleSpinBox>
#include <QtWidgets/QLabel>
#include <QtWidgets/QPushButton>
#include <QtWidgets/QTableWidget>
#include <QtWidgets/QTextEdit>

#include "app/session/advice.h"
#include "app/session/session.h"
#include "app/window/plot_feed.h"
#include "app/window/table_rows.h"
#include "core/engine/resources.h"
#include "core/recipe/layer_rules.h"
#include "tests/support/short_calibration.h"
#include "tests/support/test_main.h"
#include "widgets/panels/advice_view.h"
#include "widgets/panels/divergence_panel.h"
#include "widgets/panels/figure_table.h"
#include "widgets/panels/search_panel.h"

using namespace graticule;

namespace {

const EvaluationChoice short_text{{}, 128, 4};

void open_sample(Session& session, const QString& name) {
    session.open(QString::fromStdString(resolve_model_path(name.toStdString()).string()));
    QTRY_VERIFY_WITH_TIMEOUT(session.model() != nullptr && !session.jobs().busy(), 60'000);
}

const Advice* find(const std::vector<Advice>& all, const QString& words) {
    const auto found = std::ranges::find_if(all, [&](const Advice& advice) { return advice.title.contains(words); });
    return found == all.end() ? nullptr : &*found;
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
        QVERIFY(depth_plot(session).panels.empty());
        session.measureDivergence(short_text);
        QTRY_VERIFY_WITH_TIMEOUT(session.divergence() != nullptr && !session.jobs().busy(), 240'000);
        const DivergenceStudy& study = *session.divergence();
        QCOMPARE(depth_plot(session).table.rows.size(), session.model()->blocks().size());
        DivergencePanel panel;
        panel.setDivergence(QStringLiteral("int3"), study.divergence, study.worst);
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
                const QString said =
                    word.isEmpty() ? QStringLiteral("(a token") : QStringLiteral("“%1”").arg(word.toHtmlEscaped());
                QVERIFY2(tip.contains(said), qPrintable(tip));
            }
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
