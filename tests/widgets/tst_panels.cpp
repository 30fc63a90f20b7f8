// Panels with hand-made results: what they show and what they say when somebody acts.
#include <QtCore/QJsonArray>
#include <QtCore/QJsonDocument>
#include <QtCore/QJsonObject>
#include <QtTest/QSignalSpy>
#include <QtTest/QTest>
#include <QtWidgets/QCheckBox>
#include <QtWidgets/QComboBox>
#include <QtWidgets/QHeaderView>
#include <QtWidgets/QLabel>
#include <QtWidgets/QLayout>
#include <QtWidgets/QLineEdit>
#include <QtWidgets/QListWidget>
#include <QtWidgets/QPlainTextEdit>
#include <QtWidgets/QPushButton>
#include <QtWidgets/QScrollArea>
#include <QtWidgets/QScrollBar>
#include <QtWidgets/QSpinBox>
#include <QtWidgets/QTableView>
#include <QtWidgets/QTextEdit>
#include <QtWidgets/QToolButton>
#include <QtWidgets/QTreeWidget>

#include "core/recipe/hardware_cost.h"
#include "core/recipe/recipe.h"
#include "tests/support/test_main.h"
#include "widgets/forms/param_form.h"
#include "widgets/forms/scheme_editor.h"
#include "widgets/models/compare_table_model.h"
#include "widgets/models/empty_hint.h"
#include "widgets/models/layer_table_model.h"
#include "widgets/models/number_text.h"
#include "widgets/models/table_text.h"
#include "widgets/panels/command_palette.h"
#include "widgets/panels/compare_panel.h"
#include "widgets/panels/elided_label.h"
#include "widgets/panels/figure_table.h"
#include "widgets/panels/fitting_tab_bar.h"
#include "widgets/panels/generate_panel.h"
#include "widgets/panels/layers_panel.h"
#include "widgets/panels/panel_header.h"
#include "widgets/panels/recipe_panel.h"
#include "widgets/panels/run_dialogs.h"
#include "widgets/panels/runs_panel.h"
#include "widgets/panels/sensitivity_panel.h"
#include "widgets/panels/task_panel.h"
#include "widgets/panels/welcome_page.h"
#include "widgets/panels/what_if_card.h"
#include "widgets/theme/theme.h"

using namespace graticule;

namespace {
QComboBox* field(QWidget& form, const QString& name) {
    for (QComboBox* box : form.findChildren<QComboBox*>())
        if (box->accessibleName() == name) return box;
    return nullptr;
}

std::vector<MethodEntry> methods() {
    ParamSpec alpha{"alpha", "alpha", ParamKind::real, 0.5, 0, 1, {}, "migration strength"};
    return {{Stage::transform, "smoothquant", "SmoothQuant", "", {alpha}}, {Stage::round, "rtn", "RTN", "", {}}};
}

void pick(QComboBox* box, const QString& text) {
    const int item = box->findText(text);
    QVERIFY2(item >= 0, qPrintable(text));
    box->setCurrentIndex(item);
    Q_EMIT box->activated(item);
}

LayerRow layer(int id, const QString& name) {
    LayerRow row;
    row.id = LayerId{id};
    row.name = name;
    row.leaf = name.section('.', -1);
    return row;
}
} // namespace

class PanelsTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void scheme_editor_shows_common_values_and_says_where_layers_differ() {
        SchemeEditor editor;
        editor.setMethods(methods());
        const SchemeChoice a = parse_scheme_line("w=int4/asym/channel a=int8/sym/token"),
                           b = parse_scheme_line("w=dint4/asym/channel a=int8/sym/token");
        editor.setChoices({a, a}, {a, a}, {256, 256});
        QCOMPARE(field(editor, "weights")->currentText(), QString("INT4"));
        QVERIFY(!field(editor, "weights")->property("edited").toBool());
        editor.setChoices({a, b}, {a, a}, {256, 256});
        QCOMPARE(field(editor, "weights")->currentIndex(), 0);
        QVERIFY(field(editor, "weights")->currentText().contains("differs"));
        QVERIFY(field(editor, "weights")->property("edited").toBool());
        QCOMPARE(field(editor, "grain")->currentText(), QString("output channel"));
        editor.setChoices({b, b}, {a, a}, {256, 256});
        QCOMPARE(field(editor, "weights")->findText("— differs —"), -1);
    }

    void scheme_editor_says_what_the_pair_costs_in_hardware() {
        SchemeEditor editor;
        const auto* cost = editor.findChild<QLabel*>("unitCost");
        QVERIFY(cost);
        const SchemeChoice a = parse_scheme_line("w=dint4/asym/channel a=int8/sym/token"),
                           b = parse_scheme_line("w=int8/asym/channel a=int8/sym/token"),
                           none = parse_scheme_line("w=int5/asym/channel a=int8/sym/token");
        const MacUnit* unit = mac_unit_of(a.scheme);
        QVERIFY(unit);
        editor.setChoices({a, a}, {a, a}, {256, 256});
        QCOMPARE(cost->text(), QStringLiteral("area %1 · power %2 · of INT8 × INT8")
                                   .arg(fixed_text(unit->area, 2), fixed_text(unit->power, 2)));
        QVERIFY(cost->accessibleDescription().contains("docs/results/mac_unit.md"));
        editor.setChoices({a, b}, {a, b}, {256, 256});
        QVERIFY(cost->text().contains("differs"));
        editor.setChoices({b}, {b}, {256});
        QCOMPARE(cost->text(), QString("area 1.00 · power 1.00 · of INT8 × INT8"));
        editor.setChoices({none}, {none}, {256});
        QVERIFY(cost->text().contains("none measured"));
        QVERIFY(cost->accessibleDescription().isEmpty());
    }

    void an_edit_touches_its_field_and_nothing_else() {
        SchemeEditor editor;
        editor.setMethods(methods());
        const SchemeChoice before = parse_scheme_line("w=int4/asym/g32 a=int8/sym/token");
        editor.setChoices({before}, {before}, {256});
        SchemeChoice now = before;
        connect(&editor, &SchemeEditor::edited, this, [&](const SchemeEditor::Edit& edit) { edit(now); });
        pick(field(editor, "weights"), "dINT4");
        QCOMPARE(to_line(now), to_line(parse_scheme_line("w=dint4/asym/g32 a=int8/sym/token")));
        pick(field(editor, "smoothing"), "SmoothQuant");
        QCOMPARE(now.steps.size(), std::size_t(1));
        QCOMPARE(now.steps[0].method, std::string("smoothquant"));
        pick(field(editor, "smoothing"), "none");
        QVERIFY(now.steps.empty());
        pick(field(editor, "input"), "full precision");
        QVERIFY(!now.scheme.input);
        QVERIFY(now.scheme.weight);
    }

    void block_formats_bring_their_scales_and_take_them_away() {
        SchemeEditor editor;
        editor.setMethods(methods());
        const SchemeChoice before = parse_scheme_line("w=int4/asym/g32 a=int8/sym/token");
        SchemeChoice now = before;
        connect(&editor, &SchemeEditor::edited, this, [&](const SchemeEditor::Edit& edit) {
            edit(now);
            editor.setChoices({now}, {before}, {256});
        });
        editor.setChoices({before}, {before}, {256});
        pick(field(editor, "weights"), "NVFP4");
        QCOMPARE(to_line(now), std::string("w=nvfp4 a=int8/sym/token"));
        QCOMPARE(field(editor, "weights")->currentText(), QString("NVFP4"));
        QCOMPARE(field(editor, "grain")->currentText(), QString("group of 16, e4m3 under whole tensor"));
        pick(field(editor, "weights"), "NVFP4, four over six");
        QCOMPARE(to_line(now), std::string("w=nvfp4/four_over_six a=int8/sym/token"));
        QCOMPARE(field(editor, "weights")->findText("MXFP4, four over six"), -1); // a power of two leaves no choice
        pick(field(editor, "grain"), "group of 32");                              // float scales: the format alone
        QCOMPARE(to_line(now), std::string("w=fp4_e2m1/sym/g32/four_over_six a=int8/sym/token"));
        pick(field(editor, "weights"), "MXFP8");
        pick(field(editor, "input"), "MXFP8");
        QCOMPARE(to_line(now), std::string("w=mxfp8 a=mxfp8"));
        pick(field(editor, "weights"), "INT4");
        QCOMPARE(to_line(now), std::string("w=int4/asym/channel a=mxfp8"));
    }

    void groups_that_do_not_divide_cannot_be_chosen_and_say_why() {
        SchemeEditor editor;
        const SchemeChoice choice = parse_scheme_line("w=int4/asym/channel");
        editor.setChoices({choice}, {choice}, {2592});
        QComboBox* grain = field(editor, "grain");
        const int item = grain->findText("group of 128");
        QVERIFY(!(grain->model()->flags(grain->model()->index(item, 0)) & Qt::ItemIsEnabled));
        QVERIFY(grain->itemData(item, Qt::ToolTipRole).toString().contains("2592"));
        const int fits = grain->findText("group of 32");
        QVERIFY(grain->model()->flags(grain->model()->index(fits, 0)) & Qt::ItemIsEnabled);
    }

    void layers_panel_counts_matches_and_offers_a_rule() {
        LayersPanel panel;
        panel.setRows({layer(0, "layers.0.q_proj"), layer(1, "layers.0.fc2"), layer(2, "layers.1.fc2")});
        QSignalSpy rule(&panel, &LayersPanel::ruleWanted), selected(&panel, &LayersPanel::selectionChanged);
        panel.setFilterText("*.fc2");
        QCOMPARE(panel.matching(), (std::vector<LayerId>{LayerId{1}, LayerId{2}}));
        bool counted = false;
        for (const QLabel* label : panel.findChildren<QLabel*>()) counted = counted || label->text() == "2 of 3 match";
        QVERIFY(counted);
        for (QToolButton* button : panel.findChildren<QToolButton*>())
            if (button->text() == "make rule") button->click();
        QCOMPARE(rule.size(), 1);
        QCOMPARE(rule[0][0].toString(), QString("*.fc2"));
        panel.setSelection({LayerId{2}});
        QCOMPARE(selected.size(), 0);
        panel.table()->selectAll();
        QVERIFY(selected.size() >= 1);
        QCOMPARE(selected.back()[0].value<std::vector<LayerId>>().size(), std::size_t(2));
    }

    void the_filter_hides_rows_and_keeps_selection_and_width() {
        LayersPanel panel;
        panel.setRows({layer(0, "layers.0.q_proj"), layer(1, "layers.0.fc2"), layer(2, "layers.1.fc2")});
        panel.resize(420, 300);
        panel.show();
        QSignalSpy selected(&panel, &LayersPanel::selectionChanged);
        panel.setSelection({LayerId{0}});
        panel.setFilterText("fc2");
        const int narrowest = panel.minimumSizeHint().width();
        QCOMPARE(selected.size(), 0);
        QVERIFY(!panel.table()->selectionModel()->hasSelection());
        panel.setFilterText("nonsense>3"); // a long message: it wraps
        QCOMPARE(panel.minimumSizeHint().width(), narrowest);
        QVERIFY(panel.matching().empty());
        panel.setFilterText({});
        QCOMPARE(selected.size(), 0);
        QCOMPARE(panel.table()->selectionModel()->selectedRows().size(), 1);
        QCOMPARE(panel.matching(), (std::vector<LayerId>{LayerId{0}, LayerId{1}, LayerId{2}})); // in the model's order
    }

    void the_row_clicked_last_comes_first_in_the_selection() {
        LayersPanel panel;
        panel.setRows({layer(0, "a"), layer(1, "b"), layer(2, "c")});
        QSignalSpy selected(&panel, &LayersPanel::selectionChanged);
        auto* rows = panel.table()->selectionModel();
        const auto both = QItemSelectionModel::Select | QItemSelectionModel::Rows;
        rows->setCurrentIndex(panel.table()->model()->index(0, 0), both);
        rows->setCurrentIndex(panel.table()->model()->index(2, 0), both);
        QCOMPARE(selected.back()[0].value<std::vector<LayerId>>(), (std::vector<LayerId>{LayerId{2}, LayerId{0}}));
    }

    void worst_comes_first_unless_an_order_was_chosen() {
        LayersPanel panel;
        LayerRow good = layer(0, "a"), bad = layer(1, "b");
        good.sqnr_db = 30;
        bad.sqnr_db = 10;
        panel.setRows({good, bad});
        panel.sortWorstFirst();
        QCOMPARE(panel.matching().front(), LayerId{1});
        // The head says it in whole words; the heading has room for a short form only.
        const auto said = panel.header()->findChildren<ElidedLabel*>();
        QVERIFY(std::ranges::any_of(
            said, [](const ElidedLabel* label) { return label->text() == "2 linears, sorted by output SQNR, dB"; }));
        panel.sortBy(0, Qt::AscendingOrder);
        panel.sortWorstFirst();
        QCOMPARE(panel.table()->horizontalHeader()->sortIndicatorSection(), 0);
    }

    /// The linear that a text names, while new figures put it in another place; and no other is fetched.
    void the_row_in_question_stays_in_sight() {
        LayersPanel panel;
        panel.resize(420, 320);
        panel.show();
        QVERIFY(QTest::qWaitForWindowExposed(&panel));
        std::vector<LayerRow> rows;
        for (int i = 0; i < 80; ++i) {
            rows.push_back(layer(i, QString("layers.%1.fc1").arg(i)));
            rows.back().sqnr_db = 10 + i;
        }
        panel.setRows(rows);
        panel.sortBy(LayerTableModel::Sqnr, Qt::AscendingOrder);
        const auto in_sight = [&] {
            const std::vector<LayerId> seen = panel.inSight();
            return std::ranges::find(seen, LayerId{40}) != seen.end();
        };
        panel.setSelection({LayerId{40}});
        QVERIFY(in_sight());
        for (const double sqnr : {200.0, 1.0, 47.5}) {
            rows[40].sqnr_db = sqnr;
            panel.setRows(rows);
            QVERIFY2(in_sight(), qPrintable(QString::number(sqnr)));
        }
        panel.sortBy(LayerTableModel::Block, Qt::DescendingOrder);
        QVERIFY(in_sight());
        const int height = panel.table()->viewport()->height();
        panel.resize(420, 200);
        QTRY_VERIFY(panel.table()->viewport()->height() < height && in_sight());
        panel.sortBy(LayerTableModel::Sqnr, Qt::AscendingOrder);
        QScrollBar* bar = panel.table()->verticalScrollBar();
        bar->setValue(bar->maximum());
        QVERIFY(!in_sight());
        const int looked_at = bar->value();
        rows[40].sqnr_db = 2;
        panel.setRows(rows);
        QCOMPARE(bar->value(), looked_at);
    }

    void enter_starts_what_a_dialog_is_for() {
        CalibrationDialog dialog({}, 2048, nullptr);
        dialog.show();
        QVERIFY(QTest::qWaitForWindowExposed(&dialog));
        QSignalSpy accepted(&dialog, &QDialog::accepted);
        QTest::keyClick(dialog.findChild<QSpinBox*>(), Qt::Key_Return);
        QCOMPARE(accepted.size(), 1);
    }

    void a_long_sentence_is_wrapped_and_no_dialog_is_as_wide_as_it() {
        const QString what =
            QStringLiteral("w=int4/asym/channel a=int8/sym/token gptq: calibrated on 8,192 tokens, ").repeated(6);
        LengthsDialog dialog("Measure calibration lengths", what, 300, nullptr);
        dialog.show();
        QVERIFY(QTest::qWaitForWindowExposed(&dialog));
        QVERIFY2(dialog.width() < 700 && dialog.height() < 500,
                 qPrintable(QStringLiteral("%1 x %2").arg(dialog.width()).arg(dialog.height())));
        const auto* area = dialog.findChild<QScrollArea*>();
        QVERIFY(area && area->widget()->width() <= area->viewport()->width());
        QVERIFY(area->widget()->height() <= area->viewport()->height()); // all of it is in sight
        QCOMPARE(dialog.target(), 300);
        auto* box = dialog.findChild<QSpinBox*>();
        QVERIFY(!box->accessibleName().isEmpty());
        box->setValue(64);
        QCOMPARE(dialog.target(), 64);
    }

    void tables_are_copied_as_csv_markdown_and_json() {
        RunsPanel panel;
        RunRow run;
        run.id = 1;
        run.name = "a|b";
        run.perplexity = 50.12345;
        panel.setRows({run});
        QVERIFY(table_as(TableFormat::csv, *panel.table()).contains("50.12345"));
        const QString markdown = table_as(TableFormat::markdown, *panel.table());
        QVERIFY(markdown.startsWith("| recipe | bits |"));
        QVERIFY(markdown.contains("|---|---:|"));
        QVERIFY(markdown.contains("a\\|b"));
        const QJsonArray lines = QJsonDocument::fromJson(table_as(TableFormat::json, *panel.table()).toUtf8()).array();
        QCOMPARE(lines.size(), 1);
        QCOMPARE(lines[0].toObject()["PPL"].toDouble(), 50.12345);
        // Data hold what has no room on the screen as well; a table to be read is what one sees.
        const int bits = [&] {
            int column = 0;
            while (panel.table()->model()->headerData(column, Qt::Horizontal).toString() != "bits") ++column;
            return column;
        }();
        panel.table()->setColumnHidden(bits, true);
        QVERIFY(table_as(TableFormat::csv, *panel.table()).section('\n', 0, 0).contains("bits"));
        QVERIFY(table_as(TableFormat::json, *panel.table()).contains("\"bits\""));
        QVERIFY(!table_as(TableFormat::markdown, *panel.table()).contains("bits"));
    }

    void rule_patterns_are_readable_beside_long_words() {
        RulesView view;
        RuleRow row;
        row.pattern = "layers.3.*.v_proj";
        row.info = "wins here · dINT4 asymmetric per channel / A8";
        view.resize(300, 80);
        view.show();
        view.setRows({row});
        QVERIFY(view.columnWidth(0) >= QFontMetrics(theme::mono_font(12)).horizontalAdvance(row.pattern));
        QVERIFY(view.columnWidth(0) + view.columnWidth(1) <= view.viewport()->width());
    }

    /// Neither grain nor method is cut: patterns give way, and fewer words are said.
    void what_is_said_of_rules_is_whole_in_a_narrow_panel() {
        RuleRow all, one;
        all.pattern = "*";
        all.info = "48 · INT4 channel / A8 · gptq";
        all.shorter = QStringList{"48 · INT4 ch / A8 · gptq", "48 · INT4 ch · gptq"};
        one.pattern = "layers.1.self_attn.k_proj";
        one.info = "✓ · INT4 channel / A8 · smoothquant · gptq";
        one.shorter = QStringList{"✓ · INT4 ch / A8 · SQ+gptq", "✓ · INT4 ch · SQ+gptq"};
        RulesView view;
        view.resize(285, 80);
        view.show();
        view.setRows({all, one});
        const QFontMetrics metrics(theme::mono_font(11));
        const auto shown = [&](int row) { return view.topLevelItem(row)->text(1); };
        QCOMPARE(shown(0), all.shorter.back()); // as many words as the other
        QCOMPARE(shown(1), one.shorter.back());
        QVERIFY(view.columnWidth(1) >= metrics.horizontalAdvance(shown(1)) + 12);
        QVERIFY(view.columnWidth(0) + view.columnWidth(1) <= view.viewport()->width());
        view.resize(700, 80);
        QCoreApplication::processEvents();
        QCOMPARE(shown(1), one.info);
        QVERIFY(view.columnWidth(0) >= QFontMetrics(theme::mono_font(12)).horizontalAdvance(one.pattern) + 12);
        view.resize(200, 80); // narrower than any panel: the words have most of the room
        QCoreApplication::processEvents();
        QVERIFY(view.columnWidth(1) >= view.viewport()->width() * 2 / 3);
    }

    void the_rule_that_keys_act_on_is_marked() {
        RulesView view;
        std::vector<RuleRow> rows(3);
        for (std::size_t i = 0; i < rows.size(); ++i) rows[i].pattern = QStringLiteral("layers.%1.*").arg(i);
        view.resize(300, 90);
        view.show();
        view.setRows(rows);
        view.activateWindow(); // a virtual screen has no window manager to do it
        QVERIFY(QTest::qWaitForWindowActive(&view));
        const QColor accent = theme::of(view.palette())[theme::Token::accent];
        const auto marked = [&] { // rows with a line of that colour at their upper edge
            const QImage seen = view.viewport()->grab().toImage();
            QList<int> found;
            for (int row = 0; row < view.topLevelItemCount(); ++row) {
                const int y = qRound(view.visualItemRect(view.topLevelItem(row)).top() * seen.devicePixelRatio());
                int coloured = 0;
                for (int x = 0; x < seen.width(); ++x) coloured += seen.pixelColor(x, y) == accent ? 1 : 0;
                if (coloured > seen.width() / 2) found << row;
            }
            return found;
        };
        view.clearFocus();
        QCOMPARE(marked(), QList<int>{});
        view.setFocus(Qt::TabFocusReason);
        QCOMPARE(marked(), QList<int>{0});
        QTest::keyClick(&view, Qt::Key_Down);
        QCOMPARE(marked(), QList<int>{1});
        rows[0].info = "another"; // the recipe changes
        view.setRows(rows);
        QCOMPARE(marked(), QList<int>{1});
        QVERIFY(view.topLevelItem(1)->isSelected());
    }

    void tab_goes_down_the_recipe() {
        RecipePanel panel;
        const ParamSpec alpha{"alpha", "strength", ParamKind::real, 0.5, 0, 1, {}, "migration strength"};
        const ParamSpec block{"block", "block size", ParamKind::integer, std::int64_t(128), 1, 1024, {}, "columns"};
        const ParamSpec order{"order", "activation order", ParamKind::flag, false, 0, 0, {}, "large ones first"};
        const ParamSpec mode{"mode", "mode", ParamKind::choice, std::string("a"), 0, 0, {"a", "b"}, "which"};
        panel.editor()->setMethods({{Stage::transform, "smoothquant", "SmoothQuant", "", {alpha}},
                                    {Stage::round, "gptq", "GPTQ", "", {block, order, mode}}});
        panel.resize(320, 700);
        panel.show();
        const SchemeChoice plain = parse_scheme_line("w=int4/asym/channel a=int8/sym/token");
        const SchemeChoice both = parse_scheme_line("w=int4/asym/channel a=int8/sym/token smoothquant gptq");
        for (const SchemeChoice& choice : {both, plain, both}) panel.editor()->setChoices({choice}, {choice}, {256});
        panel.setRules({{RuleRow::Kind::defaults, 0, "*", "48", "", true, false}});
        for (const char* first : {"Use dINT there", "Rotate"}) // other advice than before
            panel.advice()->setRows({{"one", "because", first}, {"two", "as well", "Smooth the inputs"}}, true);
        QCoreApplication::sendPostedEvents(nullptr, QEvent::DeferredDelete); // the buttons before
        QCoreApplication::processEvents();
        const QWidget* inside = panel.findChild<QScrollArea*>()->widget();
        QWidget* start = field(*panel.editor(), "weights");
        QStringList passed;
        int height = 0;
        for (QWidget* at = start; passed.isEmpty() || at != start; at = at->nextInFocusChain()) {
            if (!inside->isAncestorOf(at) || !(at->focusPolicy() & Qt::TabFocus) || at->focusProxy() ||
                !at->isVisibleTo(&panel))
                continue;
            const int there = at->mapTo(inside, QPoint()).y();
            const QString name = at->accessibleName();
            QVERIFY2(there >= height, qPrintable(passed.join(", ") + ", " + name)); // never back up
            height = there;
            passed << name;
        }
        for (const char* name : {"strength", "block size", "activation order", "mode", "Rotate", "Smooth the inputs",
                                 "Recipe rules, last match wins", "Recipe as text"})
            QVERIFY2(passed.count(name) == 1, qPrintable(name + QString(" in ") + passed.join(", ")));
    }

    void recipe_text_is_sent_after_typing_and_not_rewritten_under_the_cursor() {
        RecipePanel panel;
        panel.show();
        panel.setTexts("w=int4/asym/channel a=int8/sym/token", "{}");
        auto* text = panel.findChild<QPlainTextEdit*>();
        QSignalSpy edited(&panel, &RecipePanel::textEdited);
        QTest::qWait(400);
        QCOMPARE(edited.size(), 0);
        text->setFocus();
        text->setPlainText("w=dint4");
        QTRY_COMPARE(edited.size(), 1);
        QCOMPARE(edited[0][0].toString(), QString("w=dint4"));
    }

    void recipe_text_stays_where_it_is_while_what_is_above_it_grows() {
        RecipePanel panel;
        panel.resize(320, 500);
        panel.show();
        auto* text = panel.findChild<QPlainTextEdit*>();
        const auto* bar = panel.findChild<QScrollArea*>()->verticalScrollBar();
        panel.activateWindow(); // a virtual screen has no window manager to do it
        QVERIFY(QTest::qWaitForWindowActive(&panel));
        text->setFocus();
        QTRY_VERIFY(bar->maximum() > 0);
        panel.setTextProblem("half a line"); // brings the text into sight
        QTRY_VERIFY(bar->value() > 0);
        QTest::qWait(50);
        const auto place = [&] { return text->mapTo(&panel, QPoint()).y(); };
        const int before = place();
        panel.setTextProblem({});
        std::vector<RuleRow> rules(12);
        for (std::size_t i = 0; i < rules.size(); ++i) rules[i].pattern = QStringLiteral("layers.%1.*").arg(i);
        const int range = bar->maximum();
        panel.setRules(rules);
        QTRY_VERIFY(bar->maximum() > range);
        QTest::qWait(50);
        QCOMPARE(place(), before);
        panel.setRules({});
        QTRY_VERIFY(bar->maximum() <= range);
        QTest::qWait(50);
        QCOMPARE(place(), before);
    }

    void enter_and_tab_go_by_the_order_of_the_welcome_page() {
        WelcomePage page;
        page.setSamples({{"/samples/a", "a"}, {"/samples/b", "b"}});
        page.setRecent({{"/models/c", "c"}});
        page.resize(700, 600);
        page.show();
        page.activateWindow(); // a virtual screen has no window manager to do it
        page.setFocus();
        QVERIFY(QTest::qWaitForWindowActive(&page));
        QSignalSpy opened(&page, &WelcomePage::openWanted);
        QTest::keyClick(page.focusWidget(), Qt::Key_Return);
        QCOMPARE(opened.takeFirst()[0].toString(), QString("/samples/a"));
        QStringList order;
        for (int i = 0; i < 6; ++i) {
            QTest::keyClick(page.focusWidget(), Qt::Key_Tab);
            order << qobject_cast<QAbstractButton*>(page.focusWidget())->text().section(u' ', 0, 1);
        }
        QCOMPARE(order, (QStringList{"Open b", "Take the", "Open folder", "Open file", "c ", "✕"}));
        // What is said of a model opens it as well.
        page.setRecent({{"/models/c", "c", false, "unsaved work of yesterday"}});
        QLabel* note = nullptr;
        for (QLabel* label : page.findChildren<QLabel*>())
            if (label->text().startsWith("unsaved work")) note = label;
        QVERIFY(note);
        QTest::mouseClick(note, Qt::LeftButton);
        QCOMPARE(opened.takeFirst()[0].toString(), QString("/models/c"));
        QCOMPARE(opened.size(), 0);
        page.setRecent({}); // the button with the focus goes
        QTest::keyClick(page.focusWidget(), Qt::Key_Return);
        QCOMPARE(opened.takeFirst()[0].toString(), QString("/samples/a"));
    }

    void nothing_is_opened_while_something_else_is() {
        WelcomePage page;
        page.setSamples({{"/samples/a", "a"}});
        page.resize(700, 600);
        page.show();
        page.activateWindow();
        page.setFocus();
        QVERIFY(QTest::qWaitForWindowActive(&page));
        QSignalSpy opened(&page, &WelcomePage::openWanted);
        page.setOpening("Opening mine.graticule …");
        page.setRecent({{"/models/c", "c"}}); // the list comes later, from the disk
        QVERIFY(page.isAncestorOf(QApplication::focusWidget()) || page.hasFocus());
        for (const Qt::Key key : {Qt::Key_Return, Qt::Key_Space, Qt::Key_Enter})
            QTest::keyClick(page.focusWidget() ? page.focusWidget() : &page, key);
        for (QPushButton* button : page.findChildren<QPushButton*>()) QTest::mouseClick(button, Qt::LeftButton);
        QCOMPARE(opened.size(), 0);
        page.setOpening({});
        QTest::keyClick(QApplication::focusWidget(), Qt::Key_Return);
        QCOMPARE(opened.size(), 1);
    }

    void two_selected_runs_are_compared() {
        RunsPanel panel;
        RunRow a, b;
        a.id = 4;
        a.perplexity = 50;
        a.baseline = true;
        b.id = 7;
        b.perplexity = 60;
        panel.setRows({a, b});
        QSignalSpy compare(&panel, &RunsPanel::compareWanted);
        panel.selectRuns({4, 7});
        QCOMPARE(panel.selectedRuns(), (std::vector<int>{4, 7}));
        for (QToolButton* button : panel.findChildren<QToolButton*>())
            if (button->text() == "compare") button->click();
        QCOMPARE(compare.size(), 1);
        QCOMPARE(compare[0][0].toInt(), 4);
        QCOMPARE(compare[0][1].toInt(), 7);
    }

    /// The head, the box and the numbers say what the group is that differences and plots are of.
    void a_group_of_runs_says_its_protocol_and_its_baseline() {
        RunsPanel panel;
        RunRow full, stopped;
        full.id = 4;
        full.name = "full precision";
        full.state = JobState::done;
        full.perplexity = 50;
        full.baseline = true;
        full.group = "8 x 512";
        full.protocol = "wiki, 8 of 24 windows of 512";
        stopped = full;
        stopped.id = 7;
        stopped.state = JobState::cancelled;
        stopped.baseline = stopped.current = false;
        stopped.group = stopped.protocol = "all of 512";
        stopped.stopped_at = 1;
        stopped.windows = 24;
        const auto said = [&] {
            QStringList all;
            for (const QLabel* label : panel.header()->findChildren<QLabel*>()) all << label->text();
            return all.join(u'|');
        };
        auto* baseline = panel.header()->findChild<QComboBox*>();
        panel.setRows({full, stopped});
        QVERIFY2(said().contains(full.protocol), qPrintable(said()));
        QCOMPARE(baseline->currentData().toInt(), 4);
        QCOMPARE(baseline->count(), 1); // one window is no baseline
        const auto cell = [&](int row, int role) {
            return panel.table()->model()->index(row, RunTableModel::Perplexity).data(role);
        };
        QVERIFY(cell(0, Qt::FontRole).isValid() && !cell(1, Qt::FontRole).isValid());
        QCOMPARE(cell(1, RunTableModel::ToneRole).toInt(), int(RunTableModel::Faint));
        QVERIFY(cell(1, Qt::ToolTipRole).toString().contains("first 1 of 24"));
        full.current = false;
        stopped.current = true; // somebody selected it
        panel.setRows({full, stopped});
        QVERIFY2(said().contains(stopped.protocol), qPrintable(said()));
        QCOMPARE(baseline->currentIndex(), -1); // not another group's
    }

    void comparison_over_one_window_claims_nothing() {
        ComparePanel panel;
        ComparedRuns runs;
        runs.a.window_losses = {2.5};
        runs.b.window_losses = {2.75};
        runs.a.perplexity = std::exp(2.5);
        runs.b.perplexity = std::exp(2.75);
        runs.comparison = compare(runs.a, runs.b);
        QVERIFY(runs.comparison.difference.has_value());
        panel.setComparison(runs);
        QString said;
        for (const QLabel* label : panel.findChildren<QLabel*>()) said += label->text() + u'\n';
        QVERIFY2(said.contains("One window has no spread") && said.contains("12.182") && said.contains("15.643"),
                 qPrintable(said));
        QVERIFY2(!said.contains("[") && !said.contains("contains 0"), qPrintable(said));
    }

    void comparison_of_different_protocols_is_refused_with_the_reason() {
        ComparePanel panel;
        ComparedRuns runs;
        runs.comparison.notes.add(Severity::error, "protocol", "windows of 64 against windows of 128");
        runs.no_reports_a = "full precision has no errors";
        runs.no_reports_b = "they stayed on vm";
        panel.setComparison(runs);
        bool headline = false, reason = false;
        for (const QLabel* label : panel.findChildren<QLabel*>()) {
            headline = headline || label->text() == "Not comparable";
            reason = reason || label->text().contains("windows of 64");
        }
        QVERIFY(headline && reason);
        // Why there are no figures of layers is said of each, where they would be.
        const auto* hint = panel.findChild<EmptyHint*>();
        QVERIFY(hint && hint->isVisibleTo(&panel) && hint->text().contains("A: full precision has no errors") &&
                hint->text().contains("B: they stayed on vm"));
        LayerReport report;
        report.name = "layers.0.fc1";
        runs.reports_a = runs.reports_b = {report};
        runs.comparison.notes = {};
        panel.setComparison(runs);
        QVERIFY(!hint->isVisibleTo(&panel));
    }

    /// At any width: what has no room begins behind the edge.
    void columns_of_a_comparison_are_whole_data() {
        QTest::addColumn<int>("width");
        QTest::addColumn<bool>("both");
        for (const int width : {420, 470, 560, 800, 1500})
            for (const bool both : {false, true})
                QTest::addRow("%d, %s", width, both ? "two recipes" : "against full precision") << width << both;
    }
    void columns_of_a_comparison_are_whole() {
        QFETCH(int, width);
        QFETCH(bool, both);
        ComparedRuns runs;
        for (int block = 0; block < 8; ++block) {
            LayerReport report;
            report.layer = LayerId{block};
            report.name = QStringLiteral("layers.%1.self_attn.v_proj").arg(block).toStdString();
            report.scheme_line = "w=int4/asym/channel a=int8/sym/token gptq";
            report.output_sqnr_db = 14.77 + block;
            report.output_mse = 0.000329 * (block + 1);
            report.weight_underflow_percent = 17.2;
            report.bytes_after = 34'112;
            runs.reports_b.push_back(report);
            if (both) runs.reports_a.push_back(report);
        }
        runs.no_reports_a = "full precision has no errors";
        runs.a.window_losses = runs.b.window_losses = {2.5, 2.4};
        runs.comparison = compare(runs.a, runs.b);
        ComparePanel panel;
        panel.setRuns({{1, "full precision"},
                       {2, "w=int4/asym/channel a=int8/sym/token"},
                       {3, "w=dint4/asym/channel a=int8/sym/token smoothquant"}},
                      1, 3);
        panel.resize(width, 500);
        panel.show();
        panel.setComparison(runs);
        QCoreApplication::processEvents();
        const QTableView& table = *panel.findChild<QTableView*>();
        const int edge = table.viewport()->width();
        const QFontMetrics metrics(theme::ui_font(12));
        int in_sight = 0;
        bool behind = false;
        for (int column = 0; column < CompareTableModel::ColumnCount; ++column) {
            if (table.isColumnHidden(column)) continue;
            const int left = table.columnViewportPosition(column), right = left + table.columnWidth(column);
            const QString heading = table.model()->headerData(column, Qt::Horizontal).toString();
            QVERIFY2(right <= edge || left >= edge, qPrintable(heading));
            in_sight += right <= edge ? 1 : 0;
            behind = behind || left >= edge;
            const QString text = table.model()->index(0, column).data().toString();
            QVERIFY2(table.columnWidth(column) >= std::min(edge, metrics.horizontalAdvance(text) + 12),
                     qPrintable(text));
            QVERIFY2(table.columnWidth(column) >= metrics.horizontalAdvance(heading) + 12, qPrintable(heading));
        }
        QVERIFY(in_sight >= 3);
        QCOMPARE(behind, both ? width < 1500 : width < 800); // else whole beside free room
        // The choosers have the width of the panel where that is little.
        auto* b = field(panel, "Run B");
        QVERIFY(b->width() > (width < 640 ? width * 2 / 3 : width / 3));
        QCOMPARE(b->y() > field(panel, "Run A")->y(), width < 640);
        bool stops = both;
        for (const QLabel* label : panel.findChildren<QLabel*>())
            stops =
                stops || label->text().contains(". No figures of single layers of A: full precision has no errors.");
        QVERIFY(stops);
    }

    void export_waits_for_a_clean_pre_flight() {
        const auto check = [](const QString& exporter, const QString& folder, bool aside) {
            Diagnostics found;
            if (folder == u"/taken" && !aside) found.add(Severity::error, "", "/taken is not empty");
            if (exporter == u"picky") found.add(Severity::error, "layers.0.fc2", "dual grain has no carrier");
            return found;
        };
        const auto targets = [](const QString& exporter) {
            return std::vector<TargetEntry>{{"here", "Here", "as asked", "run here", "", false},
                                            {"there", "There", "refused", "source", exporter + " is refused", true}};
        };
        ExportDialog dialog({{"easy", "Easy", "", {}}, {"picky", "Picky", "", {}}}, "a model", {}, "exported", check,
                            targets, nullptr);
        QPushButton* write = nullptr;
        for (QPushButton* button : dialog.findChildren<QPushButton*>())
            if (button->text() == "Export") write = button;
        QVERIFY(write && write->isEnabled());
        field(dialog, "Exporter")->setCurrentIndex(1);
        QVERIFY(!write->isEnabled());
        const auto labels = dialog.findChildren<QLabel*>();
        const QLabel* findings = *std::ranges::find(labels, QString("Pre-flight findings"), &QLabel::accessibleName);
        QVERIFY(findings->text().contains("dual grain"));
        auto* there = dialog.findChild<QTreeWidget*>();
        QCOMPARE(there->topLevelItemCount(), 2);
        QCOMPARE(there->topLevelItem(1)->text(1), QString("refused"));
        there->setCurrentItem(there->topLevelItem(1));
        QVERIFY(std::ranges::any_of(labels, [](QLabel* label) { return label->text() == "picky is refused"; }));
        field(dialog, "Exporter")->setCurrentIndex(0);
        QVERIFY(write->isEnabled());
        dialog.findChild<PathEdit*>()->setPath("/taken");
        QVERIFY(!write->isEnabled());
        QVERIFY(findings->text().contains("not empty"));
        for (QCheckBox* box : dialog.findChildren<QCheckBox*>())
            if (box->text() == "Move what is there aside") box->click(); // as the refusal says
        QVERIFY(write->isEnabled() && dialog.moveAside());
    }

    /// Whatever there is to say, on a screen of any size.
    void nothing_in_a_dialog_lies_over_its_neighbour_data() {
        QTest::addColumn<QSize>("size");
        QTest::newRow("as it opens") << QSize();
        QTest::newRow("low") << QSize(700, 420);
    }
    void nothing_in_a_dialog_lies_over_its_neighbour() {
        QFETCH(QSize, size);
        const QString much = QString("Weights are packed and read back, every one of them. ").repeated(8);
        const auto check = [&](const QString&, const QString&, bool) {
            Diagnostics found;
            for (int i = 0; i < 4; ++i) found.add(Severity::note, "layers.0.fc2", much.toStdString());
            return found;
        };
        const auto targets = [&](const QString&) {
            return std::vector<TargetEntry>(9, {"here", "vLLM on Blackwell", "as asked", "run here", much, false});
        };
        ExportDialog dialog({{"easy", "Easy", much, {"vLLM"}}}, much, much, "exported", check, targets, nullptr);
        dialog.show();
        if (size.isValid()) dialog.resize(size);
        QCoreApplication::processEvents();
        const auto* inside = dialog.findChild<QScrollArea*>()->widget();
        const QLabel* widest = nullptr;
        std::vector<std::pair<QRect, QString>> placed;
        for (const QWidget* part : inside->findChildren<QWidget*>(Qt::FindDirectChildrenOnly)) {
            if (!part->isVisible()) continue;
            const auto* label = qobject_cast<const QLabel*>(part);
            if (label && label->wordWrap()) { // all of its lines
                QVERIFY2(label->height() >= label->heightForWidth(label->width()), qPrintable(label->text().left(40)));
                widest = label;
            }
            const QString name = part->metaObject()->className() + part->accessibleName();
            for (const auto& [rect, other] : placed)
                QVERIFY2(!rect.intersects(part->geometry()), qPrintable(name + " over " + other));
            placed.emplace_back(part->geometry(), name);
        }
        QVERIFY(widest != nullptr && placed.size() > 8);
        QVERIFY(dialog.height() <= dialog.screen()->availableSize().height());
    }

    void evaluating_as_a_target_that_refuses_is_not_offered() {
        const std::vector<TargetEntry> targets = {{"here", "Here", "other inputs", "source", "FP8", false},
                                                  {"there", "There", "refused", "source", "no kernel", true}};
        EvaluationDialog dialog({}, "a recipe", 2048, targets, "here", nullptr);
        QCOMPARE(dialog.servedAs(), QString("here"));
        QPushButton* go = nullptr;
        for (QPushButton* button : dialog.findChildren<QPushButton*>())
            if (button->text() == "Evaluate") go = button;
        QVERIFY(go && go->isEnabled());
        QComboBox* chooser = field(dialog, "Inputs rounded");
        chooser->setCurrentIndex(2);
        QVERIFY(!go->isEnabled());
        chooser->setCurrentIndex(0);
        QVERIFY(go->isEnabled());
        QCOMPARE(dialog.servedAs(), QString());
        const auto labels = dialog.findChildren<QLabel*>();
        const QLabel* before = *std::ranges::find(labels, QString("Before it is evaluated"), &QLabel::accessibleName);
        QVERIFY(!before->isVisibleTo(&dialog)); // nothing to say
        dialog.setBefore("Calibrates again: 16 × 512 tokens.");
        QVERIFY(before->isVisibleTo(&dialog) && before->text().startsWith("Calibrates again"));
    }

    void a_label_without_room_ends_in_an_ellipsis() {
        ElidedLabel label("48 linears, sorted by outlier");
        label.resize(400, 20);
        QCOMPARE(label.shownText(), label.text());
        label.resize(90, 20);
        QVERIFY(label.shownText().endsWith(u'…') && label.shownText().startsWith("48"));
        QVERIFY(label.fontMetrics().horizontalAdvance(label.shownText()) <= 90);
        label.resize(3, 20);
        QVERIFY(label.shownText().isEmpty());
        QCOMPARE(label.minimumSizeHint().width(), 0);
        label.setText("sample-opt · 8.2 M · 48 linears");
        label.resize(label.fontMetrics().horizontalAdvance("sample-opt · 8.2") + 2, 20);
        QCOMPARE(label.shownText(), QString("sample-opt"));
    }

    void tabs_without_room_stand_closer_then_wait_in_a_menu() {
        FittingTabBar tabs;
        const QStringList names{"Distribution", "Sequence length", "Perplexity", "Pareto"};
        for (const QString& name : names) tabs.addTab(name);
        QCOMPARE(tabs.accessibleTabName(1), names[1]);
        tabs.resize(900, 32);
        constexpr int menu = 30;
        const auto end = [&tabs] {
            int right = 0;
            for (int tab = 0; tab < tabs.count(); ++tab)
                if (tabs.isTabVisible(tab)) right = std::max(right, tabs.tabRect(tab).right() + 1);
            return right;
        };
        tabs.fit(900, menu);
        const int widest = end();
        tabs.fit(widest - 20, menu); // closer
        QVERIFY(tabs.hiddenTabs().isEmpty() && end() <= widest - 20);
        tabs.fit(widest - 60, menu);
        QCOMPARE(tabs.hiddenTabs(), QList<int>{3});
        QVERIFY(end() <= widest - 60 - menu);
        tabs.setCurrentIndex(3); // out of the menu
        QCOMPARE(tabs.currentIndex(), 3);
        tabs.fit(widest - 60, menu);
        QCOMPARE(tabs.hiddenTabs(), QList<int>{2});
        QVERIFY(end() <= widest - 60 - menu);
        for (int tab = 0; tab < tabs.count(); ++tab) QCOMPARE(tabs.tabText(tab), names[tab]);
        tabs.fit(900, menu);
        QVERIFY(tabs.hiddenTabs().isEmpty());
        QCOMPARE(end(), widest);
    }

    void figure_tables_show_their_rows_whole_under_their_headings() {
        FigureTable table("Figures");
        table.setShape(5, {{"", false, {}}, {"decode\nbatch 16", true, {}}});
        for (int row = 0; row < 5; ++row) {
            table.put(row, 0, QStringLiteral("setting %1").arg(row));
            table.put(row, 1, "1,165");
        }
        table.fit();
        table.showAllRows();
        table.resize(400, table.minimumHeight());
        table.show();
        QCOMPARE(table.item(4, 1)->textAlignment() & Qt::AlignRight, int(Qt::AlignRight));
        QCOMPARE(table.horizontalHeaderItem(1)->textAlignment(), table.item(4, 1)->textAlignment());
        QVERIFY(table.viewport()->rect().contains(table.visualItemRect(table.item(4, 1))));
        QVERIFY(table.columnWidth(1) >= QFontMetrics(theme::ui_font(12)).horizontalAdvance("batch 16") + 12);
    }

    /// Columns of sensitivity stand beside the SQNR as soon as there is any, the worst first.
    void columns_of_damage_come_with_it() {
        LayersPanel panel;
        panel.resize(520, 300);
        std::vector<LayerRow> rows(3);
        for (std::size_t i = 0; i < rows.size(); ++i) {
            rows[i].id = LayerId{static_cast<std::int32_t>(i)};
            rows[i].leaf = rows[i].name = QStringLiteral("layer%1").arg(i);
        }
        panel.setRows(rows);
        const QTableView& table = *panel.table();
        QVERIFY(table.isColumnHidden(LayerTableModel::Damage) && table.isColumnHidden(LayerTableModel::MeasuredDamage));
        rows[0].damage = 0.00007;
        rows[1].damage = 0.0202;
        rows[2].damage = 0.0161;
        panel.setRows(rows);
        QVERIFY(!table.isColumnHidden(LayerTableModel::Damage) &&
                table.isColumnHidden(LayerTableModel::MeasuredDamage));
        const QHeaderView& columns = *table.horizontalHeader();
        QCOMPARE(columns.visualIndex(LayerTableModel::Damage), columns.visualIndex(LayerTableModel::Scheme) - 1);
        const auto shown = [&](int row) {
            return table.model()->index(row, LayerTableModel::Damage).data().toString();
        };
        QCOMPARE(shown(0), QString("0.02020"));
        QCOMPARE(shown(1), QString("0.01610"));
        QCOMPARE(shown(2), QString("0.00007")); // the same decimals
    }

    void the_what_if_card_keeps_its_numbers_whole_under_long_names() {
        WhatIfCard card;
        WhatIfTable table;
        table.current_label = "smoothquant+gptq";
        table.candidate_label = "smoothquant+awq+gptq";
        table.rows.push_back({"output SQNR, dB", "", "25.64", "27.38", "+1.74", 1});
        table.rows.push_back({"input RMS error", "", "0.0204", "0.0009", "−0.0195", 1});
        card.setTable(table);
        card.resize(card.minimumSizeHint().expandedTo({226, 100})); // of the narrowest panel
        QCOMPARE(card.width(), 226);
        card.layout()->activate();
        int numbers = 0;
        bool named = false;
        for (const QLabel* label : card.findChildren<QLabel*>()) {
            named = named || label->text() == "smoothquant+gptq → smoothquant+awq+gptq";
            if (qobject_cast<const ElidedLabel*>(label)) continue;
            ++numbers;
            QVERIFY2(label->width() >= label->sizeHint().width(), qPrintable(label->text()));
        }
        QVERIFY(named);
        QCOMPARE(numbers, 7); // three columns of two rows, and the Δ
    }

    void a_narrow_runs_panel_shows_all_its_numbers() {
        RunsPanel panel;
        panel.resize(600, 160);
        panel.show();
        const QHeaderView* columns = panel.table()->horizontalHeader();
        QVERIFY(columns->isSectionHidden(RunTableModel::Curve));
        QTRY_VERIFY(columns->length() <= panel.table()->viewport()->width());
        panel.resize(1100, 160);
        QTRY_VERIFY(!columns->isSectionHidden(RunTableModel::Curve));
        QCOMPARE(columns->sectionSize(RunTableModel::Difference), 176);
    }

    void parameters_say_their_default_and_where_it_comes_from() {
        SchemeEditor editor;
        std::vector<MethodEntry> entries = methods();
        entries[0].source = "a paper, section 4";
        editor.setMethods(entries);
        const SchemeChoice smoothed = parse_scheme_line("w=int4/asym/channel smoothquant:alpha=0.3");
        editor.setChoices({smoothed}, {smoothed}, {256});
        const auto boxes = editor.findChildren<QDoubleSpinBox*>();
        QCOMPARE(boxes.size(), 1);
        QCOMPARE(boxes[0]->toolTip(), QString("migration strength\ndefault: 0.5\nfrom: a paper, section 4"));
    }

    /// A tip calls choices as the box does, and says how the text of the recipe does.
    void tips_of_settings_name_choices_as_the_box_does() {
        SchemeEditor editor;
        std::vector<MethodEntry> entries = methods();
        entries[0].params = {{"mode",
                              "Silent channels",
                              ParamKind::choice,
                              std::string("default"),
                              0,
                              0,
                              {"default", "paper"},
                              "what channels that never fired get",
                              {"mean of the others", "as published"}}};
        editor.setMethods(entries);
        const SchemeChoice smoothed = parse_scheme_line("w=int4/asym/channel smoothquant");
        editor.setChoices({smoothed}, {smoothed}, {256});
        const auto boxes = editor.findChildren<QComboBox*>();
        const auto box = std::ranges::find(boxes, "Silent channels", &QComboBox::accessibleName);
        QVERIFY(box != boxes.end());
        QCOMPARE((*box)->toolTip(), QString("what channels that never fired get\ndefault: mean of the others\n"
                                            "mean of the others: mode=default\nas published: mode=paper"));
    }

    void both_continuations_stand_side_by_side_and_their_parting_is_marked() {
        GeneratePanel panel;
        QSignalSpy wanted(&panel, &GeneratePanel::continueWanted);
        QVERIFY(!panel.text(0)->isVisibleTo(&panel));
        panel.prompt()->setPlainText("Once");
        panel.findChild<QSpinBox*>()->setValue(12);
        panel.findChild<QPushButton*>()->click();
        QCOMPARE(wanted.at(0), (QVariantList{"Once", 12}));
        panel.prompt()->clear();
        QVERIFY(!panel.findChild<QPushButton*>()->isEnabled()); // nothing to go on from
        ContinuedPrompt continued{"Once",
                                  {{{"full precision", "float32", " upon", " a time", 41.3},
                                    {"int3", "rounding simulated in float32", " upon", " it", 0}}},
                                  4,
                                  2};
        panel.setContinued(continued);
        QCOMPARE(panel.text(0)->toPlainText(), QString("Once upon▸ a time"));
        QCOMPARE(panel.text(1)->toPlainText(), QString("Once upon▸ it"));
        QStringList said;
        for (const QLabel* label : panel.findChildren<QLabel*>()) said << label->text();
        QVERIFY2(said.contains("They part at token 2 of 4") &&
                     said.contains("full precision, 41.3 tokens/s, float32") &&
                     said.contains("int3, rounding simulated in float32"),
                 qPrintable(said.join('|')));
        continued = {"Once", {{{"a", {}, " more", {}, 1}, {"b", {}, " more", {}, 1}}}, 1, 0};
        panel.setContinued(continued);
        QCOMPARE(panel.text(1)->toPlainText(), QString("Once more"));
        panel.clearContinued();
        QVERIFY(!panel.text(0)->isVisibleTo(&panel));
    }

    void the_task_panel_asks_and_lists_what_flipped() {
        TaskPanel panel({{"piqa", "PIQA", "goal, sol1, sol2", true, false}, {"mmlu", "MMLU", "question", false, true}});
        QSignalSpy wanted(&panel, &TaskPanel::answersWanted), scoring(&panel, &TaskPanel::scoringChanged);
        auto* task = field(panel, "Task");
        QPushButton* answer = nullptr;
        for (QPushButton* button : panel.findChildren<QPushButton*>())
            if (button->text() == "Answer") answer = button;
        QVERIFY(answer && !answer->isEnabled()); // no file yet
        panel.setAsked({"piqa", "valid.jsonl", "valid.lst", {}, 50});
        QVERIFY(answer->isEnabled());
        answer->click();
        const auto asked = wanted.at(0).at(0).value<TaskAsked>();
        QCOMPARE(asked.task + asked.file + asked.labels, QString("piqavalid.jsonlvalid.lst"));
        QCOMPARE(asked.items, qint64{50});
        task->setCurrentIndex(1); // another task has files of its own, and takes no labels
        QVERIFY(panel.asked().file.isEmpty() && panel.asked().labels.isEmpty() && !answer->isEnabled());
        task->setCurrentIndex(0);
        QCOMPARE(panel.asked().file, QString("valid.jsonl"));

        TaskRun before, after;
        before.run_name = "full precision";
        before.protocol.label = after.protocol.label = "PIQA";
        before.protocol.items_used = after.protocol.items_used = 4;
        before.protocol.items_there = after.protocol.items_there = 4;
        for (const auto& [was, is] : {std::pair{true, true}, {true, false}, {false, true}, {true, false}}) {
            AnsweredItem item;
            item.right = was;
            item.right_norm = true;
            before.items.push_back(item);
            item.right = is;
            after.items.push_back(item);
        }
        const auto words = [](std::size_t item, bool) {
            return ItemWords{QString("line %1").arg(item + 1), "which?", "this", "before", "after"};
        };
        panel.setRuns({&before, &after, "int4", false, words});
        QCOMPARE(panel.figures()->item(0, 1)->text(), QString("75.00 %"));
        QCOMPARE(panel.figures()->item(1, 1)->text(), QString("50.00 %"));
        QVERIFY(panel.figures()->item(0, 2)->text().contains("…"));
        QCOMPARE(panel.flipped()->rowCount(), 3);
        QStringList rows;
        for (int row = 0; row < 3; ++row)
            rows << panel.flipped()->item(row, 0)->text() + ' ' + panel.flipped()->item(row, 1)->text();
        QCOMPARE(rows, (QStringList{"line 2 wrong", "line 4 wrong", "line 3 right"}));
        const auto said = [&] {
            QStringList all;
            for (const QLabel* label : panel.findChildren<QLabel*>()) all << label->text();
            return all.join('|');
        };
        QVERIFY2(said().contains("The recipe is undecided: 1 answers became right, 2 wrong (McNemar, exact, p = 1)"),
                 qPrintable(said()));
        before.items[3].pending = after.items[3].pending = true;
        panel.setRuns({&before, &after, "int4", true, words});
        QVERIFY2(said().contains("PIQA: 3 of 4 items so far"), qPrintable(said()));
        QCOMPARE(panel.flipped()->rowCount(), 2);
        pick(field(panel, "Which answer counts"), "flips by score per byte");
        QCOMPARE(scoring.size(), 1);
        panel.setRuns({&before, &after, "int4", true, words});
        QCOMPARE(panel.flipped()->rowCount(), 0);
        panel.clearRuns();
        QVERIFY(!panel.figures()->isVisibleTo(&panel) && said().contains("goal, sol1, sol2"));
    }

    void the_sensitivity_panel_ranks() {
        SensitivityPanel panel;
        QVERIFY(!panel.table()->isVisibleTo(&panel));
        QSignalSpy wanted(&panel, &SensitivityPanel::sensitivityWanted);
        panel.measured()->setValue(24);
        panel.findChild<QPushButton*>()->click();
        QCOMPARE(wanted.at(0).at(0).toInt(), 24);
        Sensitivity found;
        found.schemes.push_back({"w=int4", {}});
        for (const auto& [predicted, measured] : {std::pair{1.0, 2.0}, {2.0, 1.0}, {3.0, 4.0}, {4.0, 3.0}, {5.0, 5.0}})
            found.schemes[0].layers.push_back(
                {QString("layer %1").arg(predicted).toStdString(), {LayerId{0}}, predicted, {}, measured});
        found.schemes[0].layers.push_back({"unmeasured", {LayerId{1}}, 9, {}, {}});
        panel.setSensitivity(&found, false);
        QStringList row;
        for (int column = 0; column < panel.table()->columnCount(); ++column)
            row << panel.table()->item(0, column)->text();
        QCOMPARE(row, (QStringList{"w=int4", "24", "5", "0.800", "unmeasured"})); // 1 - 6 x 4 / (5 x 24)
        panel.setSensitivity(nullptr, false);
        QVERIFY(!panel.table()->isVisibleTo(&panel));
    }

    void every_control_has_a_name_for_screen_readers() {
        SchemeEditor editor;
        editor.setMethods(methods());
        for (const QComboBox* box : editor.findChildren<QComboBox*>()) QVERIFY(!box->accessibleName().isEmpty());
        const CalibrationDialog dialog({}, 2048, nullptr);
        for (const QSpinBox* box : dialog.findChildren<QSpinBox*>()) QVERIFY(!box->accessibleName().isEmpty());
    }

    /// By its name in recipes, whatever it is called on the screen; its method is chosen first where it is missing.
    void a_setting_is_shown_with_its_method() {
        QWidget window;
        auto* editor = new SchemeEditor(&window);
        editor->resize(300, 600);
        std::vector<MethodEntry> all = methods();
        all.front().params.front().label = "Migration strength";
        editor->setMethods(all);
        window.resize(320, 640);
        window.show();
        QVERIFY(QTest::qWaitForWindowExposed(&window));
        const SchemeChoice plain = parse_scheme_line("w=int4/asym/channel a=int8/sym/token");
        SchemeChoice now = plain;
        const auto show = [&] { editor->setChoices({plain, now}, {plain, plain}, {256, 256}); };
        connect(editor, &SchemeEditor::edited, editor, [&](const SchemeEditor::Edit& edit) { edit(now); });
        editor->showSetting("smoothquant", "alpha"); // nothing is selected: there is nothing to show it of
        show();
        QVERIFY(!editor->hasMethod("smoothquant") && now == plain);
        editor->showSetting("smoothquant", "alpha");
        QVERIFY(now != plain);
        const auto focused = [&] {
            const QWidget* with = window.focusWidget();
            return with ? with->accessibleName() : QString();
        };
        show(); // only one of the two layers has it: there is no field
        QVERIFY(!editor->hasMethod("smoothquant"));
        QVERIFY(focused() != "Migration strength");
        editor->setChoices({now, now}, {plain, plain}, {256, 256});
        QVERIFY(editor->hasMethod("smoothquant"));
        QVERIFY(focused() != "Migration strength"); // that was of the edit before
        const SchemeChoice before = now;
        editor->showSetting("smoothquant", "alpha");
        QCOMPARE(focused(), "Migration strength");
        QVERIFY(now == before);
    }

    void palette_matches_words_in_any_order() {
        QVERIFY(CommandPalette::matches("eval run", "Run and Evaluate"));
        QVERIFY(!CommandPalette::matches("evaluate x", "Evaluate"));
        QVERIFY(CommandPalette::matches("", "anything"));
        const auto item = [](const char* title, const char* about, const char* words) {
            return PaletteItem{PaletteItem::Kind::command, title, {}, [] {}, about, words};
        };
        std::vector<PaletteItem> items{item("Sequence length", "by calibration length", "slac"),
                                       item("Preset x", "calibrated on short sequences (SLAC)", ""),
                                       item("SLAC study", "", ""), item("Quit", "", "")};
        QCOMPARE(CommandPalette::found("slac", items), (std::vector<std::size_t>{2, 1, 0})); // by its name first
        items[2].not_now = "not now";
        QCOMPARE(CommandPalette::found("slac", items), (std::vector<std::size_t>{1, 0, 2}));
    }

    void what_is_not_possible_now_is_found_and_not_chosen() {
        int chosen = 0;
        PaletteItem item{PaletteItem::Kind::command, "Export", "Ctrl+E", [&] { ++chosen; }};
        item.not_now = "no run is selected";
        QWidget window;
        window.resize(800, 600);
        window.show();
        auto* palette = new CommandPalette({item}, &window);
        palette->open();
        const auto* list = palette->findChild<QListWidget*>();
        QCOMPARE(list->count(), 1);
        QVERIFY((list->item(0)->flags() & Qt::ItemIsEnabled) == 0);
        QTest::keyClick(palette->findChild<QLineEdit*>(), Qt::Key_Return);
        QCoreApplication::processEvents();
        QVERIFY(palette->isVisible() && chosen == 0);
        palette->close();
    }
};

GRATICULE_TEST(PanelsTest);
#include "tst_panels.moc"
