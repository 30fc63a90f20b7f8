// What is said to be different between two recipes.
#include <QtTest/QTest>

#include "app/session/recipe_difference.h"
#include "core/recipe/recipe_text.h"
#include "tests/support/test_main.h"

using namespace graticule;

class RecipeDifferenceTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void names_the_lines_that_only_one_has_data() {
        QTest::addColumn<QString>("a");
        QTest::addColumn<QString>("b");
        QTest::addColumn<QStringList>("difference");
        const QString all = "w=int4/asym/channel a=int8/sym/token\n", v = "*.v_proj => w=dint4/asym/channel\n",
                      k = "*.k_proj => w=int8/sym/channel\n", head = "lm_head => ignore\n";
        const auto minus = [](const QString& line) { return QString::fromUtf8("− ") + line.trimmed(); };
        const auto plus = [](const QString& line) { return "+ " + line.trimmed(); };
        QTest::newRow("the same") << all + v << all + v << QStringList();
        QTest::newRow("one added") << all + head << all + v + head << QStringList{plus(v)};
        QTest::newRow("one gone") << all + v + k << all + k << QStringList{minus(v)};
        QTest::newRow("the default") << all + v << "w=int8/sym/channel\n" + v
                                     << QStringList{minus(all), plus("w=int8/sym/channel")};
        QTest::newRow("order decides, so it is told") << all + v + k << all + k + v << QStringList{minus(v), plus(v)};
    }
    void names_the_lines_that_only_one_has() {
        QFETCH(QString, a);
        QFETCH(QString, b);
        QFETCH(QStringList, difference);
        const Recipe before = parse_recipe_text(a.toStdString()), now = parse_recipe_text(b.toStdString());
        // By what the program writes for each line, which may spell it out further than was typed.
        const QStringList lines = recipe_difference(before, now);
        QCOMPARE(lines.size(), difference.size());
        for (qsizetype i = 0; i < lines.size(); ++i)
            QVERIFY2(lines[i].startsWith(difference[i]), qPrintable(lines[i] + " for " + difference[i]));
        QCOMPARE(lines.isEmpty(), before == now);
    }

    void single_lines_are_taken_over_and_dropped() {
        const auto read = [](const QString& text) { return parse_recipe_text(text.toStdString()); };
        const QString all = "w=int4/asym/channel a=int8/sym/token\n", v = "*.v_proj => w=dint4/asym/channel\n",
                      other_v = "*.v_proj => w=int8/sym/channel\n", head = "lm_head => ignore\n",
                      length = "calibration: samples=4, length=128\n";
        QCOMPARE(with_line(read(all), v.trimmed()), read(all + v));
        QCOMPARE(with_line(read(all + v + head), other_v.trimmed()), read(all + other_v + head)); // in its place
        QCOMPARE(with_line(read(all + v), "w=int8/sym/channel"), read("w=int8/sym/channel\n" + v));
        QCOMPARE(with_line(read(all), length.trimmed()), read(all + length));
        QCOMPARE(with_line(read(all + length), head.trimmed()), read(all + length + head));
        QCOMPARE(without_line(read(all + v + head), v.trimmed()), read(all + head));
        QCOMPARE(without_line(read(all + v + head), head.trimmed()), read(all + v));
        // What recipe_difference says can be taken over line by line until there is no difference.
        Recipe a = read(all + v), b = read("w=int8/sym/channel\n" + other_v + head);
        for (const QString& line : recipe_difference(a, b))
            if (line.startsWith(u'+')) a = with_line(a, line.mid(2));
        QCOMPARE(recipe_difference(a, b), QStringList());
    }
};

GRATICULE_TEST(RecipeDifferenceTest);
#include "tst_recipe_difference.moc"
