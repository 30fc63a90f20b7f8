// Numbers that must not contradict each other: what a run measured outranks what a what-if estimates, and every place
// says which of the two it shows.
#include <QtTest/QTest>
#include <QtWidgets/QLabel>
#include <algorithm>
#include <cmath>

#include "app/session/layer_figures.h"
#include "app/window/plot_feed.h"
#include "app/window/recipe_presenter.h"
#include "app/window/table_rows.h"
#include "core/method/reach.h"
#include "tests/support/short_calibration.h"
#include "tests/support/test_main.h"
#include "widgets/panels/recipe_panel.h"

using namespace graticule;

namespace {
Recipe recipe_of(const char* line) {
    Recipe recipe;
    recipe.defaults = parse_scheme_line(line);
    recipe.calibration = testing::short_calibration();
    return recipe;
}

const WhatIfRow* row_of(const WhatIfTable& table, const char* name) {
    const auto found = std::ranges::find(table.rows, QString::fromLatin1(name), &WhatIfRow::name);
    return found == table.rows.end() ? nullptr : &*found;
}

const LayerReport& measured_by(const Session& session, LayerId layer) {
    return session.newestQuantized()->linears[index_of(layer)]->report;
}
} // namespace

class LayerFiguresTest : public QObject {
    Q_OBJECT

    Session session_;
    LayerId layer_{};

    [[nodiscard]] plots::PlotScene distribution() { return distribution_plot(session_, DistributionOf::weight, {}); }

private Q_SLOTS:
    void initTestCase() {
        session_.open(QStringLiteral("sample-opt"));
        QTRY_VERIFY_WITH_TIMEOUT(session_.model() != nullptr, 30'000);
        session_.setRecipe(recipe_of("w=int4/asym/channel a=int8/sym/token gptq"), QStringLiteral("test"));
        session_.calibrate(testing::short_calibration());
        QTRY_VERIFY_WITH_TIMEOUT(session_.statsComplete() && session_.whatIfs().idle(), 120'000);
        layer_ = session_.model()->find_linear("layers.0.fc2").value();
        session_.select({layer_});
    }

    void measured_outranks_estimated() {
        const SchemeChoice choice = session_.choiceFor(layer_, session_.recipeRules());
        QTRY_VERIFY_WITH_TIMEOUT(static_cast<bool>(figures_of(session_, layer_, choice)), 60'000);
        const LayerFigures before = figures_of(session_, layer_, choice);
        QVERIFY(before.estimated());
        QVERIFY(before.report->rows_fitted > 0); // GPTQ looks at inputs: some rows are held out for the score
        QCOMPARE(before.report->rows_fitted + before.report->rows_scored,
                 session_.stats()->sites[index_of(session_.model()->linear(layer_).site)].kept_rows.rows());
        QVERIFY(basis_text(*before.report).contains(QStringLiteral("estimated")));
        QVERIFY(layer_rows(session_)[index_of(layer_)].estimated);
        QVERIFY(error_plot(session_).subtitle.text().contains(QStringLiteral("estimated")));
        QVERIFY(heat_map_plot(session_, LayerStatistic::sqnr).subtitle.text().contains(QStringLiteral("estimated")));
        QTRY_VERIFY_WITH_TIMEOUT(what_if_table(session_).basis.contains(QStringLiteral("estimated")), 60'000);
        QTRY_VERIFY_WITH_TIMEOUT(distribution().subtitle.text().contains(QStringLiteral("what-if, not yet run")),
                                 60'000);

        session_.quantize();
        QTRY_VERIFY_WITH_TIMEOUT(session_.newestQuantized() != nullptr && !session_.jobs().busy(), 240'000);
        const double measured = *measured_by(session_, layer_).output_sqnr_db;
        QVERIFY(std::abs(measured - *before.report->output_sqnr_db) > 1e-6); // so that the places can be told apart
        // A later estimate of the same choice changes nothing.
        session_.select({});
        session_.select({layer_});
        QTRY_VERIFY_WITH_TIMEOUT(session_.whatIfs().idle(), 60'000);
        const LayerFigures after = figures_of(session_, layer_, choice);
        QVERIFY(!after.estimated());
        QCOMPARE(*after.report->output_sqnr_db, measured);
        // 128 tokens for 1024 inputs are too few for a run as well, and it is scored on the tokens it was fitted to.
        QVERIFY(after.doubtful());
        QCOMPARE(after.report->rows_fitted, 128);
        QVERIFY(after.report->method_note.find("128 tokens, fewer than its 1024 inputs") != std::string::npos);
        QVERIFY(what_if_table(session_).warning.startsWith(QStringLiteral("Measured on only 128 tokens")));
        const LayerRow row = layer_rows(session_)[index_of(layer_)];
        QVERIFY(row.doubtful);
        QVERIFY(!row.estimated);
        QCOMPARE(*row.sqnr_db, measured);
        QCOMPARE(row.basis, QStringLiteral("measured, calibrated 2 × 64"));
        QVERIFY(error_plot(session_).subtitle.text().endsWith(QStringLiteral("measured")));
        QVERIFY(heat_map_plot(session_, LayerStatistic::sqnr).subtitle.text().endsWith(QStringLiteral("measured")));
        QCOMPARE(what_if_table(session_).basis, row.basis); // one wording
        QTRY_VERIFY_WITH_TIMEOUT(distribution().subtitle.text().contains(QStringLiteral("measured")), 60'000);
    }

    /// Whatever stands beside the current recipe: of each linear there is one.
    void counts_are_of_linears() {
        session_.editSelected([](SchemeChoice& choice) { choice.scheme.weight->format = find_format("int3"); },
                              QStringLiteral("int3"), {});
        const SchemeChoice choice = session_.choiceFor(layer_, session_.recipeRules());
        QTRY_VERIFY_WITH_TIMEOUT(static_cast<bool>(figures_of(session_, layer_, choice)), 120'000);
        const auto all = session_.model()->linears().size();
        const QString said = error_plot(session_).subtitle.text();
        QVERIFY2(said.contains(QStringLiteral("%1 of %1 linears · %2 measured, 1 estimated").arg(all).arg(all - 1)),
                 qPrintable(said));
        session_.undo();
    }

    void a_fit_to_other_rows_has_no_difference() {
        session_.setRecipe(recipe_of("w=int4/asym/channel a=int8/sym/token gptq:block=64"), QStringLiteral("test"));
        const SchemeChoice choice = session_.choiceFor(layer_, session_.recipeRules());
        QTRY_VERIFY_WITH_TIMEOUT(static_cast<bool>(figures_of(session_, layer_, choice)), 120'000);
        QVERIFY(figures_of(session_, layer_, choice).estimated());
        const WhatIfTable table = what_if_table(session_);
        QVERIFY(!table.candidate_label.isEmpty() && !table.warning.isEmpty());
        for (const WhatIfRow& row : table.rows) {
            QVERIFY(row.better == 0);
            QCOMPARE(row.fitted && !row.delta.isEmpty(), false);
        }
        QVERIFY(table.rows.front().fitted && !table.rows.front().candidate.isEmpty());
        session_.undo();
    }

    // What is current is one thing, what was run another.
    void a_recipe_that_was_run_is_no_what_if_after_another_was() {
        const Recipe run_before = session_.recipe();
        session_.evaluate({{}, 64, 1});
        QTRY_VERIFY_WITH_TIMEOUT(!session_.jobs().busy(), 120'000);
        session_.setRecipe(recipe_of("w=int4/asym/channel a=int8/sym/token"), QStringLiteral("test"));
        QTRY_VERIFY_WITH_TIMEOUT(distribution().subtitle.text().contains(QStringLiteral("what-if, not yet run")),
                                 60'000);
        session_.quantize();
        QTRY_VERIFY_WITH_TIMEOUT(!session_.jobs().busy(), 120'000);
        session_.setRecipe(run_before, QStringLiteral("test"));
        QVERIFY(session_.recipe() != session_.reference());
        const SchemeChoice choice = session_.choiceFor(layer_, session_.recipeRules());
        QTRY_VERIFY_WITH_TIMEOUT(session_.whatIfs().find(layer_, choice, true) != nullptr, 60'000);
        QVERIFY(!layer_rows(session_)[index_of(layer_)].estimated);
        QVERIFY2(distribution().subtitle.text().contains(QStringLiteral("measured")),
                 qPrintable(distribution().subtitle.text()));
    }

    void figures_name_the_calibration_that_they_are_from() {
        Recipe other = session_.recipe();
        other.calibration.samples = 3;
        session_.setRecipe(other, QStringLiteral("test"));
        const SchemeChoice choice = session_.choiceFor(layer_, session_.recipeRules());
        QTRY_VERIFY_WITH_TIMEOUT(session_.whatIfs().find(layer_, choice, false) != nullptr, 60'000);
        const QString basis = what_if_table(session_).basis, row = layer_rows(session_)[index_of(layer_)].basis;
        QVERIFY2(row.endsWith(QStringLiteral("calibrated 2 × 64; the recipe asks for 3 × 64")), qPrintable(row));
        QVERIFY2(basis.contains(row), qPrintable(basis));
        using From = Session::CalibrationUse::From;
        const auto ahead = session_.calibrationOf();
        QVERIFY(ahead && ahead->spec.samples == 3 && ahead->ahead() && ahead->from == From::made_here);
        session_.undo();
        const auto taken = session_.calibrationOf();
        QVERIFY(taken && taken->spec.samples == 2 && !taken->ahead() && taken->from != From::job);
        QVERIFY(!what_if_table(session_).basis.contains(QStringLiteral("asks for")));
    }

    // As after reopening: the recipe was measured, what it is held against was not.
    void error_plot_asks_for_every_linear_of_a_reference_that_was_not_measured() {
        const Recipe run_before = session_.recipe();
        session_.setRecipe(recipe_of("w=int5/asym/channel a=int8/sym/token"), QStringLiteral("test"));
        session_.setReferenceToCurrent();
        session_.setRecipe(run_before, QStringLiteral("test"));
        const QString all = QStringLiteral("%1 of %1 linears").arg(session_.model()->linears().size());
        QTRY_VERIFY_WITH_TIMEOUT(error_plot(session_).subtitle.text().contains(all), 120'000);
    }

    void static_inputs_are_said_above_the_card() {
        session_.setRecipe(recipe_of("w=int4/asym/channel a=int8/sym/tensor"), QStringLiteral("test"));
        session_.setReferenceToCurrent();
        session_.setRecipe(recipe_of("w=int4/asym/channel a=int8/sym/tensor/static"), QStringLiteral("test"));
        QTRY_VERIFY_WITH_TIMEOUT(!what_if_table(session_).rows.empty(), 60'000);
        QCOMPARE(what_if_table(session_).current_label, QStringLiteral("INT4 / A8"));
        QCOMPARE(what_if_table(session_).candidate_label, QStringLiteral("INT4 / A8 static"));
        session_.undo();
        QTRY_VERIFY_WITH_TIMEOUT(!what_if_table(session_).rows.empty(), 60'000);
        QVERIFY(what_if_table(session_).candidate_label.isEmpty());
        session_.undo();
    }

    void a_calibration_taken_out_of_the_text_is_said() {
        RecipePanel panel;
        const RecipePresenter presenter(session_, panel, nullptr);
        const auto said = [&panel] {
            QString all;
            for (const QLabel* label : panel.findChildren<QLabel*>()) all += label->text() + u'\n';
            return all;
        };
        const QString text = QString::fromStdString(session_.history().text());
        const QString warning = QStringLiteral("asks for the default, 16 × 512; what is there was calibrated 2 × 64");
        QVERIFY(text.contains(QStringLiteral("calibration:")) && !said().contains(warning));
        Q_EMIT panel.textEdited(text.section(u'\n', 0, 0));
        QVERIFY2(said().contains(warning), qPrintable(said()));
        session_.undo();
        QVERIFY(!said().contains(warning));
    }

    void a_transform_that_reaches_nothing_is_said_at_once() {
        const auto idle = [this](const char* name, const char* line) {
            const LayerId layer = session_.model()->find_linear(name).value();
            return idle_transform(*session_.model(), layer, parse_scheme_line(line)) != nullptr;
        };
        // SmoothQuant, section 4: at the norms; AWQ scales whatever a linear map stands before.
        for (const char* line : {"w=int8/sym/channel smoothquant", "w=int8/sym/channel awq:sites=norms"}) {
            QVERIFY(!idle("layers.0.self_attn.q_proj", line) && !idle("layers.0.fc1", line));
            QVERIFY(idle("layers.0.self_attn.out_proj", line) && idle("layers.0.fc2", line));
        }
        QVERIFY(!idle("layers.0.fc2", "w=int8/sym/channel awq"));
        QVERIFY(!idle("layers.0.fc2", "w=int8/sym/channel gptq"));

        RecipePanel panel;
        const RecipePresenter presenter(session_, panel, nullptr);
        const auto said = [&panel] {
            QString all;
            for (const QLabel* label : panel.findChildren<QLabel*>()) all += label->text() + u'\n';
            return all;
        };
        const QString warning = QStringLiteral("layers.0.fc2: SmoothQuant changes nothing here");
        session_.setRecipe(recipe_of("w=int8/sym/channel smoothquant"), QStringLiteral("test"));
        QVERIFY2(said().contains(warning), qPrintable(said()));
        session_.select({session_.model()->find_linear("layers.0.fc1").value(), layer_}); // it reaches one of them
        QVERIFY(!said().contains(QStringLiteral("changes nothing here")));
        session_.select({layer_});
        QVERIFY(said().contains(warning));
        session_.undo();
        QVERIFY(!said().contains(warning));
    }

    void another_calibration_measured_something_else() {
        Recipe other = session_.recipe();
        other.calibration.samples += 1;
        session_.setRecipe(other, QStringLiteral("test"));
        QVERIFY(session_.measured(layer_, session_.choiceFor(layer_, session_.recipeRules())) == nullptr);
        session_.undo();
        QVERIFY(session_.measured(layer_, session_.choiceFor(layer_, session_.recipeRules())) != nullptr);
    }

    void an_estimate_from_too_few_rows_is_doubted() {
        // 128 tokens were watched, and fc2 reads more inputs than that.
        const Linear& linear = session_.model()->linear(layer_);
        session_.setRecipe(recipe_of("w=int3/asym/channel a=int8/sym/token gptq"), QStringLiteral("test"));
        QTRY_VERIFY_WITH_TIMEOUT(session_.whatIfs().idle() &&
                                     figures_of(session_, layer_, session_.choiceFor(layer_, session_.recipeRules())),
                                 120'000);
        const LayerFigures tried = figures_of(session_, layer_, session_.choiceFor(layer_, session_.recipeRules()));
        QVERIFY(tried.estimated());
        QVERIFY(tried.report->rows_fitted < linear.in_features());
        QVERIFY(tried.doubtful());
        // A search over a few scales is no such fit.
        session_.setRecipe(recipe_of("w=int4/asym/channel awq"), QStringLiteral("test"));
        QTRY_VERIFY_WITH_TIMEOUT(session_.whatIfs().idle() &&
                                     figures_of(session_, layer_, session_.choiceFor(layer_, session_.recipeRules())),
                                 120'000);
        QVERIFY(!figures_of(session_, layer_, session_.choiceFor(layer_, session_.recipeRules())).doubtful());
        session_.undo();
        const WhatIfTable table = what_if_table(session_);
        QVERIFY(table.warning.contains(QString::number(linear.in_features())));
        for (const WhatIfRow& row : table.rows) QCOMPARE(row.better, 0);
        QVERIFY(layer_rows(session_)[index_of(layer_)].doubtful);
    }

    /// SmoothQuant divides the input of fc1 by its scales, and does not reach fc2.
    void input_errors_in_other_units_have_no_difference() {
        session_.setRecipe(recipe_of("w=int4/asym/channel a=int8/sym/token"), QStringLiteral("test"));
        session_.quantize();
        QTRY_VERIFY_WITH_TIMEOUT(!session_.jobs().busy(), 240'000);
        session_.setRecipe(recipe_of("w=int4/asym/channel a=int8/sym/token smoothquant"), QStringLiteral("test"));
        for (const bool reached : {true, false}) {
            session_.select({session_.model()->find_linear(reached ? "layers.0.fc1" : "layers.0.fc2").value()});
            QTRY_VERIFY_WITH_TIMEOUT(row_of(what_if_table(session_), "input RMS error") != nullptr, 120'000);
            QTRY_VERIFY_WITH_TIMEOUT(session_.whatIfs().idle(), 120'000);
            const WhatIfTable table = what_if_table(session_);
            const WhatIfRow& row = *row_of(table, "input RMS error");
            QCOMPARE(row.delta.isEmpty(), reached);
            QCOMPARE(row.tip.contains(QStringLiteral("different units")), reached);
            QCOMPARE(row.current == row.candidate, !reached);
            QVERIFY(row.better == 0);
            QVERIFY(!table.rows.front().delta.isEmpty()); // decibels of the output have no unit
        }
        session_.select({layer_});
    }

    /// A fit holds rows out for its score; what it is compared with is scored on those as well, though it was measured.
    void both_columns_are_of_the_same_rows() {
        QVERIFY(session_.reference() == recipe_of("w=int4/asym/channel a=int8/sym/token"));
        for (const char* line : {"w=int4/asym/channel a=int8/sym/token gptq:block=32",
                                 "w=int4/asym/channel a=int8/sym/token awq:grid=3"}) {
            session_.setRecipe(recipe_of(line), QStringLiteral("test"));
            const SchemeChoice now = session_.choiceFor(layer_, session_.recipeRules()),
                               before = session_.choiceFor(layer_, session_.referenceRules());
            QTRY_VERIFY_WITH_TIMEOUT(session_.whatIfs().idle() && figures_of(session_, layer_, now), 120'000);
            QVERIFY(!figures_of(session_, layer_, before).estimated());
            const ComparedFigures both = compared_figures(session_, layer_, before, now);
            QVERIFY(both.same_rows && both.now.held_out() && both.before.estimated());
            QCOMPARE(both.before.report->rows_scored, both.now.report->rows_scored);
            QVERIFY(both.before.report->rows_scored < figures_of(session_, layer_, before).report->rows_scored);
            const WhatIfTable table = what_if_table(session_);
            QVERIFY(!table.rows.front().delta.isEmpty());
            QVERIFY2(table.basis.contains(QStringLiteral("from %1 rows").arg(both.before.report->rows_scored)),
                     qPrintable(table.basis));
            if (QByteArray(line).contains("gptq")) // AWQ may scale the input
                QCOMPARE(row_of(table, "input RMS error")->current, row_of(table, "input RMS error")->candidate);
        }
    }

    void sources_add_up_to_the_error() {
        for (const char* line : {"w=int4/asym/channel a=int8/sym/token", "w=int3/sym/channel a=int4/sym/tensor/static",
                                 "a=int8/sym/token", "w=int4/asym/channel"}) {
            session_.setRecipe(recipe_of(line), QStringLiteral("test"));
            session_.quantize();
            QTRY_VERIFY_WITH_TIMEOUT(session_.newestQuantized()->recipe == session_.recipe() && !session_.jobs().busy(),
                                     240'000);
            for (const auto& linear : session_.newestQuantized()->linears) {
                const LayerReport& report = linear->report;
                QVERIFY2(report.output_error.has_value(), line);
                double sum = 0;
                for (const ErrorSource& source : error_sources()) sum += source.of(*report.output_error);
                QVERIFY(std::abs(sum - *report.output_mse) <= 1e-9 * *report.output_mse);
                QCOMPARE(report.output_error->total, *report.output_mse);
                const bool weights = QByteArray(line).startsWith("w=");
                const bool inputs = QByteArray(line).contains("a=");
                QCOMPARE(report.output_error->weight.rounding > 0, weights);
                QCOMPARE(report.output_error->input.rounding > 0, inputs);
                // Alone, an operand's parts are all there is; what is left is how they fit together.
                if (!inputs) QCOMPARE(report.output_error->input, ErrorSources::Parts());
                if (!weights) QCOMPARE(report.output_error->weight, ErrorSources::Parts());
            }
        }
    }
};

GRATICULE_TEST(LayerFiguresTest);
#include "tst_layer_figures.moc"
