// What leaves the program: SVG, PNG, CSV, words.
#include "tests/support/test_main.h"
#include "tests/widgets/plot_samples.h"
#include "widgets/plots/painter_qt.h"
#include "widgets/plots/scene_text.h"
#include "widgets/plots/sparkline.h"

#include <QtCore/QXmlStreamReader>
#include <QtGui/QPainter>
#include <QtSvg/QSvgRenderer>
#include <QtTest/QTest>
#include <set>

using namespace graticule;
using namespace graticule::plots;
using namespace graticule::testing;

namespace {

QStringList texts_of(const QByteArray& svg) {
    QStringList texts;
    QXmlStreamReader reader(svg);
    while (!reader.atEnd())
        if (reader.readNext() == QXmlStreamReader::StartElement && reader.name() == QLatin1String("text"))
            texts << reader.readElementText().trimmed();
    return reader.hasError() ? QStringList{QStringLiteral("not XML: ") + reader.errorString()} : texts;
}

std::size_t colours_in(const QImage& image) {
    std::set<QRgb> colours;
    for (int y = 0; y < image.height(); ++y)
        for (int x = 0; x < image.width(); ++x) colours.insert(image.pixel(x, y));
    return colours.size();
}

} // namespace

class PlotExport : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void svg_holds_the_texts() {
        const PlotScene scene = distribution_scene(sample_distribution(180));
        const QStringList texts = texts_of(render_svg(scene, {}, theme::light(), {870, 360}));
        for (const char* wanted :
             {"layers.3.self_attn.v_proj", "weight / step of its channel", "count", "full precision", "levels of INT4",
              "levels that dINT4 adds", "dINT4 zero bin: 10.4 % underflow"})
            QVERIFY2(texts.contains(QString::fromUtf8(wanted)), wanted);
        const QString caption = QStringLiteral("sample-opt · seed 7 · recipe 4f2a91c0 · Graticule " GRATICULE_VERSION);
        QVERIFY2(texts.contains(caption), qPrintable(texts.join(QLatin1Char('|'))));
    }

    void svg_of_every_plot_is_readable() {
        for (const auto& [name, scene] : sample_scenes(40)) {
            const QByteArray svg = render_svg(scene, {}, theme::dark(), {640, 320});
            QVERIFY2(QSvgRenderer(svg).isValid(), qPrintable(name));
            QVERIFY2(texts_of(svg).contains(scene.title), qPrintable(name));
            QVERIFY2(svg.size() < 2'000'000, qPrintable(name));
        }
    }

    void png_has_the_size_asked_for() {
        for (const auto& [name, scene] : sample_scenes(40)) {
            const QImage image = render_image(scene, {}, theme::light(), {640, 320}, 2);
            QCOMPARE(image.size(), QSize(1280, 640));
            QVERIFY2(colours_in(image) > 10, qPrintable(name));
        }
    }

    void tables_carry_every_number() {
        const DataTable table = data_table(channels_scene(sample_channels(256)));
        QCOMPARE(table.rows.size(), std::size_t(256));
        const QString csv = to_csv(table);
        QCOMPARE(csv.count(QLatin1Char('\n')), 257);
        QVERIFY(csv.startsWith(QStringLiteral("channel,max |x|,after smoothing,factor s,outlier\n")));
        QVERIFY(csv.contains(QStringLiteral("\n233,13.2,")));
        for (const auto& [name, scene] : sample_scenes(5)) {
            const DataTable data = data_table(scene);
            QVERIFY2(!data.rows.empty(), qPrintable(name));
            for (const auto& row : data.rows) QCOMPARE(row.size(), data.columns.size());
        }
    }

    void csv_quotes_what_it_must_data() {
        QTest::addColumn<QString>("cell");
        QTest::addColumn<QString>("field");
        QTest::newRow("plain") << QStringLiteral("a b") << QStringLiteral("a b");
        QTest::newRow("comma") << QStringLiteral("a,b") << QStringLiteral("\"a,b\"");
        QTest::newRow("quote") << QStringLiteral("say \"a\"") << QStringLiteral("\"say \"\"a\"\"\"");
        QTest::newRow("line") << QStringLiteral("a\nb") << QStringLiteral("\"a\nb\"");
    }
    void csv_quotes_what_it_must() {
        QFETCH(QString, cell);
        QFETCH(QString, field);
        QCOMPARE(to_csv({{QStringLiteral("x")}, {{cell}}}), QStringLiteral("x\n") + field + QLatin1Char('\n'));
    }

    void markdown_is_a_table() {
        const DataTable table{{QStringLiteral("a"), QStringLiteral("b")},
                              {{QStringLiteral("1|2"), QStringLiteral("3")}}};
        QCOMPARE(to_markdown(table), QStringLiteral("| a | b |\n|---|---|\n| 1\\|2 | 3 |\n"));
    }

    void every_plot_has_words() {
        for (const auto& [name, scene] : sample_scenes(20)) QVERIFY2(summary_text(scene).size() > 20, qPrintable(name));
        const QString words = summary_text(distribution_scene(sample_distribution(50)));
        QVERIFY(words.contains(QStringLiteral("dINT4: 10.4 % underflow")));
    }

    void sparklines_survive_anything() {
        QImage image(80, 20, QImage::Format_ARGB32_Premultiplied);
        for (const std::vector<double>& values : {std::vector<double>{},
                                                  {1.0},
                                                  {sample_nan, sample_nan},
                                                  {1, sample_nan, 3},
                                                  {2, 2, 2},
                                                  {60, 57, 55, 54, 53.5}}) {
            image.fill(Qt::black);
            QPainter painter(&image);
            paint_sparkline(painter, QRectF(0, 0, 80, 20), values, 50, 60, Qt::white);
            painter.end();
            const bool drawn = std::count_if(values.begin(), values.end(), [](double v) { return !std::isnan(v); }) > 0;
            if (values.size() > 1 && values[0] >= 50) QCOMPARE(colours_in(image) > 1, drawn);
        }
    }
};

GRATICULE_TEST(PlotExport);
#include "tst_plot_export.moc"
