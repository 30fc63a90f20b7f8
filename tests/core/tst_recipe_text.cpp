// A recipe as the text that a person keeps: read, written, and edited from elsewhere without losing what was theirs.
#include <QtTest/QTest>

#include "core/base/error.h"
#include "core/recipe/presets.h"
#include "core/recipe/recipe_text.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/test_main.h"

using namespace graticule;

namespace {
constexpr const char* typed = "# OPT breaks at its values\n"
                              "w=int4/asym/g128   a=int8/sym/token gptq\n"
                              "calibration: samples=8, length=256\n"
                              "\n"
                              "# section 4.2\n"
                              "*.v_proj => w=dint4/asym/channel a=int8/sym/token   # the zero bin\n"
                              "/layers\\.[0-3]\\..*fc1/ => w=int8/sym/channel\n"
                              "lm_head => ignore\n"
                              "# that is all\n";
} // namespace

class TestRecipeText : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void a_text_may_leave_the_calibration_unsaid() {
        QVERIFY(says_calibration(typed));
        QVERIFY(says_calibration("w=int8/sym/channel\ncalibration: samples=16, length=512\n")); // the default's
        QVERIFY(!says_calibration("w=int8/sym/channel\n# calibration: samples=8, length=256\n"));
    }

    void a_text_says_what_a_recipe_says() {
        const Recipe recipe = parse_recipe_text(typed);
        QCOMPARE(to_line(recipe.defaults), std::string("w=int4/asym/g128 a=int8/sym/token gptq"));
        QCOMPARE(recipe.calibration.samples, std::int64_t{8});
        QCOMPARE(recipe.calibration.length, std::int64_t{256});
        QCOMPARE(recipe.rules.size(), std::size_t{2});
        QCOMPARE(recipe.rules[0].pattern, std::string("*.v_proj"));
        QVERIFY(!recipe.rules[0].regex);
        QCOMPARE(recipe.rules[1].pattern, std::string("layers\\.[0-3]\\..*fc1"));
        QVERIFY(recipe.rules[1].regex);
        QCOMPARE(recipe.ignore, std::vector<std::string>{"lm_head"});
    }

    void every_recipe_survives_its_text() {
        std::vector<Recipe> recipes{parse_recipe_text(typed), Recipe()};
        for (const Preset& preset : all_presets()) recipes.push_back(recipe_of(preset));
        recipes.back().calibration = {"some text.txt", 3, 64, CalibrationSpec::Pick::random, 7};
        for (Recipe recipe : recipes) {
            recipe.name.clear(); // which is no part of the text
            QCOMPARE(parse_recipe_text(recipe_text(recipe)), recipe);
        }
    }

    void a_preset_may_be_typed() {
        QCOMPARE(parse_recipe_text("gptq-w4-g128\n").defaults, recipe_of(*find_preset("gptq-w4-g128")).defaults);
        QCOMPARE(parse_recipe_text("none\n*.fc2 => gptq-w4-g128").rules[0].choice,
                 recipe_of(*find_preset("gptq-w4-g128")).defaults);
    }

    void an_unchanged_recipe_leaves_every_letter() {
        QCOMPARE(with_recipe(typed, parse_recipe_text(typed)), std::string(typed));
    }

    void an_edit_changes_its_line_alone() {
        Recipe recipe = parse_recipe_text(typed);
        recipe.rules[0].choice = parse_scheme_line("w=int8/sym/channel");
        recipe.rules.push_back({"*.fc2", false, parse_scheme_line("w=int4/asym/g32")});
        const std::string changed = with_recipe(typed, recipe);
        QCOMPARE(parse_recipe_text(changed), recipe);
        std::string expected = typed;
        const std::string before = "w=dint4/asym/channel a=int8/sym/token ";
        expected.replace(expected.find(before), before.size(), "w=int8/sym/channel ");
        const std::string ignored = "lm_head";
        expected.insert(expected.find(ignored), "*.fc2 => w=int4/asym/g32\n");
        QCOMPARE(changed, expected);
    }

    void comments_of_what_is_gone_stay() {
        Recipe recipe = parse_recipe_text(typed);
        recipe.rules.erase(recipe.rules.begin());
        recipe.ignore.clear();
        const std::string changed = with_recipe(typed, recipe);
        QCOMPARE(parse_recipe_text(changed), recipe);
        for (const char* comment : {"# OPT breaks at its values", "# section 4.2", "# that is all"})
            QVERIFY2(changed.find(comment) != std::string::npos, comment);
    }

    void rules_that_changed_places_take_their_comments_along() {
        Recipe recipe = parse_recipe_text(typed);
        std::swap(recipe.rules[0], recipe.rules[1]);
        const std::string changed = with_recipe(typed, recipe);
        QCOMPARE(parse_recipe_text(changed), recipe);
        QVERIFY(changed.find("# section 4.2") < changed.find("*.v_proj"));
        QVERIFY(changed.find("fc1") < changed.find("# section 4.2"));
    }

    void what_cannot_be_read_names_its_line_data() {
        QTest::addColumn<QByteArray>("text");
        QTest::addColumn<QByteArray>("message");
        QTest::newRow("nothing") << QByteArray("# only a comment\n") << QByteArray("empty");
        QTest::newRow("format") << QByteArray("\nw=int99\n") << QByteArray("line 2");
        QTest::newRow("two defaults") << QByteArray("w=int4\nw=int8\n") << QByteArray("PATTERN => w=int8");
        QTest::newRow("no pattern") << QByteArray("=> w=int8") << QByteArray("no pattern before =>");
        QTest::newRow("no scheme") << QByteArray("w=int4\n*.fc1 =>\n") << QByteArray("line 2: there is nothing after");
        QTest::newRow("number") << QByteArray("calibration: samples=many") << QByteArray("samples=many");
        QTest::newRow("setting") << QByteArray("calibration: sample=2") << QByteArray("there are samples=16");
        QTest::newRow("regex ignore") << QByteArray("/x/ => ignore") << QByteArray("takes a pattern");
    }
    void what_cannot_be_read_names_its_line() {
        QFETCH(QByteArray, text);
        QFETCH(QByteArray, message);
        GRATICULE_EXPECT_ERROR(ErrorKind::bad_input, message.constData(), (void)parse_recipe_text(text.toStdString()));
    }
};

GRATICULE_TEST(TestRecipeText);
#include "tst_recipe_text.moc"
