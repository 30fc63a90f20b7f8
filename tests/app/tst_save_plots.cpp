// Plots as files, without a window.
#include <QtCore/QDir>
#include <QtCore/QTemporaryDir>
#include <QtTest/QSignalSpy>
#include <QtTest/QTest>

#include "app/window/save_plots.h"
#include "tests/support/test_main.h"

using namespace graticule;

class TestSavePlots : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void the_worst_linear_and_the_whole_model() {
        const QTemporaryDir folder;
        Session session;
        Recipe recipe = read_recipe("w=int4/asym/channel");
        recipe.calibration.samples = 2;
        recipe.calibration.length = 64;
        SavePlots saving(session, recipe, folder.filePath("plots"), 1, {800, 400});
        QSignalSpy ended(&saving, &SavePlots::ended), failed(&saving, &SavePlots::failed);
        saving.start("sample-opt");
        QTRY_VERIFY_WITH_TIMEOUT(!ended.isEmpty() || !failed.isEmpty(), 120'000);
        QVERIFY2(failed.isEmpty(), failed.isEmpty() ? "" : qPrintable(failed.front().front().toString()));
        const LayerReport* worst = nullptr;
        for (const LayerReport& report : session.reports())
            if (worst == nullptr || *report.output_sqnr_db < *worst->output_sqnr_db) worst = &report;
        const QString name = QString::fromStdString(worst->name);
        QCOMPARE(QDir(folder.filePath("plots")).entryList(QDir::Files).size(), 6);
        for (const QString& file : {name + ".weights", name + ".inputs", name + ".channels", QStringLiteral("error"),
                                    QStringLiteral("heat-map-sqnr"), QStringLiteral("heat-map-outlier")}) {
            QFile svg(folder.filePath("plots/" + file + ".svg"));
            QVERIFY2(svg.open(QIODevice::ReadOnly), qPrintable(file));
            const QByteArray text = svg.readAll();
            QVERIFY(text.contains("<svg") && text.contains("sample-opt")); // the caption says of what
            if (file.startsWith(name + ".weights")) QVERIFY(text.contains("underflow"));
        }
    }
    void a_model_that_is_not_there_is_told() {
        const QTemporaryDir folder;
        Session session;
        SavePlots saving(session, read_recipe("w=int4"), folder.filePath("plots"), 1, {800, 400});
        QSignalSpy failed(&saving, &SavePlots::failed);
        saving.start("no-such-model");
        QTRY_VERIFY_WITH_TIMEOUT(!failed.isEmpty(), 20'000);
        QVERIFY(failed.front().front().toString().contains("no-such-model"));
    }
};

GRATICULE_TEST(TestSavePlots);
#include "tst_save_plots.moc"
