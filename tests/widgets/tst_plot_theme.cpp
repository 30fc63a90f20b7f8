// The look: complete tables, readable text, colour maps that order.
#include "tests/support/test_main.h"
#include "widgets/models/run_colours.h"
#include "widgets/plots/plot_layout.h"
#include "widgets/theme/colour_map.h"
#include "widgets/theme/theme.h"

#include <QtCore/QRegularExpression>
#include <QtTest/QTest>
#include <cmath>

using namespace graticule::theme;

class PlotTheme : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void text_is_readable_on_every_surface_data() {
        QTest::addColumn<bool>("is_dark");
        QTest::newRow("dark") << true;
        QTest::newRow("light") << false;
    }
    void text_is_readable_on_every_surface() {
        QFETCH(bool, is_dark);
        const Theme& theme = is_dark ? dark() : light();
        for (const Token surface : {Token::window, Token::panel, Token::header})
            for (const Token text : {Token::text, Token::secondary, Token::faint})
                QVERIFY(contrast(theme[text], theme[surface]) >= 4.5);
        // Words in colour stand on panels.
        for (const Token text : {Token::levels, Token::candidate, Token::underflow, Token::good, Token::worse})
            QVERIFY2(contrast(theme[text], theme[Token::panel]) >= 4.5, qPrintable(theme[text].name()));
        QVERIFY(contrast(theme[Token::text], theme[Token::selection]) >= 4.5);
    }

    void a_run_has_one_colour_in_tables_and_plots() {
        for (const Theme* theme : {&dark(), &light()})
            for (int run = 0; run < 20; ++run) {
                const QColor table = graticule::run_colour(*theme, run);
                QCOMPARE(graticule::plots::resolve(graticule::plots::run_ink(std::size_t(run)), *theme), table);
                QCOMPARE(table == (*theme)[Token::full_precision], run == 0); // grey is the unquantized model's
            }
    }

    void heat_cells_stay_readable() {
        for (const Theme* theme : {&dark(), &light()}) {
            for (double share = 0; share <= 1; share += 0.01)
                QVERIFY(contrast(theme->heat_text(share), blend(theme->heat(share), (*theme)[Token::panel])) >= 4.4);
            QCOMPARE(theme->heat(std::nan("")).alpha(), 0);
            QVERIFY(theme->heat(0).alphaF() < 0.1 && theme->heat(2).alphaF() > 0.79);
        }
    }

    void style_sheet_has_no_unknown_names() {
        for (const Theme* theme : {&dark(), &light()}) {
            const QString sheet = style_sheet(*theme);
            const auto match = QRegularExpression(QStringLiteral("@\\w+")).match(sheet);
            QVERIFY2(!match.hasMatch(), qPrintable(match.captured()));
            QCOMPARE(sheet.count(QLatin1Char('{')), sheet.count(QLatin1Char('}')));
        }
    }

    void a_palette_knows_its_theme() {
        QCOMPARE(&of(palette(dark())), &dark());
        QCOMPARE(&of(palette(light())), &light());
        QCOMPARE(parse_mode(QStringLiteral("Light")), std::optional(Mode::light));
        QVERIFY(!parse_mode(QStringLiteral("sepia")));
        for (const Mode mode : {Mode::dark, Mode::light, Mode::system})
            QCOMPARE(parse_mode(mode_name(mode)), std::optional(mode));
    }

    void viridis_grows_lighter() {
        double before = -1;
        for (double share = 0; share <= 1.0001; share += 0.02) {
            const double now = contrast(viridis(share), Qt::black);
            QVERIFY(now > before);
            before = now;
        }
        QCOMPARE(viridis(-3), viridis(0));
        QCOMPARE(viridis(std::nan("")).alpha(), 0);
        QVERIFY(blue_orange(-1).blue() > blue_orange(-1).red());
        QVERIFY(blue_orange(1).red() > blue_orange(1).blue());
    }
};

GRATICULE_TEST(PlotTheme);
#include "tst_plot_theme.moc"
