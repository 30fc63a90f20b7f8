// The chooser shows the device in use, whatever list of devices the machine gives.
#include <QtCore/QSettings>
#include <QtCore/QTemporaryDir>
#include <QtTest/QTest>

#include "app/window/device_chooser.h"
#include "app/window/main_window.h"
#include "tests/support/test_main.h"

using namespace graticule;

class DeviceChooserTest : public QObject {
    Q_OBJECT

    static std::vector<DeviceRow> two_cards() {
        return {{"cpu", "CPU, 16 threads", ""}, {"cuda:0", "NVIDIA H100 80GB HBM3", ""}, {"cuda:1", "NVIDIA L4", ""}};
    }
    static std::vector<DeviceRow> no_card() {
        return {{"cpu", "CPU, 2 threads", ""}, {"cuda", "CUDA", "LibTorch finds no NVIDIA GPU here"}};
    }

private Q_SLOTS:
    void shows_what_is_in_use_data() {
        QTest::addColumn<int>("machine"); // 0: not known yet, 1: no card, 2: two cards
        QTest::addColumn<QString>("in_use");
        QTest::addColumn<QString>("text");
        QTest::addColumn<int>("choices");
        QTest::newRow("start") << 0 << "cpu"
                               << "CPU" << 1;
        QTest::newRow("start on a card") << 0 << "cuda:0"
                                         << "CUDA:0" << 2;
        QTest::newRow("CPU beside cards") << 2 << "cpu"
                                          << "CPU" << 3;
        QTest::newRow("first card") << 2 << "cuda:0"
                                    << "CUDA:0 H100 80GB HBM3" << 3;
        QTest::newRow("second card") << 2 << "cuda:1"
                                     << "CUDA:1 L4" << 3;
        QTest::newRow("card that is not there") << 2 << "cuda:7"
                                                << "CUDA:7 is not there" << 4;
        QTest::newRow("no card at all") << 1 << "cuda:0"
                                        << "CUDA:0 is not there" << 2;
    }
    void shows_what_is_in_use() {
        QFETCH(int, machine);
        QFETCH(QString, in_use);
        DeviceChooser chooser;
        const std::vector<DeviceRow> rows = machine == 0   ? std::vector<DeviceRow>{}
                                            : machine == 1 ? no_card()
                                                           : two_cards();
        chooser.setDevices(rows, in_use.toStdString());
        QTEST(chooser.currentText(), "text");
        QTEST(chooser.count(), "choices");
        QCOMPARE(chooser.currentData().toString(), in_use);
        QCOMPARE(chooser.toolTip().contains("no NVIDIA GPU"), machine == 1);
    }

    void choosing_says_the_name_that_opens_the_device() {
        DeviceChooser chooser;
        chooser.setDevices(two_cards(), "cpu");
        QString chosen;
        connect(&chooser, &DeviceChooser::chosen, this, [&chosen](const QString& device) { chosen = device; });
        Q_EMIT chooser.activated(2);
        QCOMPARE(chosen, QString("cuda:1"));
    }

    void window_follows_the_session() {
        const QTemporaryDir folder;
        QSettings settings(folder.filePath("s.ini"), QSettings::IniFormat);
        MainWindow window(settings, theme::Mode::dark);
        const auto* chooser = window.findChild<DeviceChooser*>();
        QVERIFY(chooser);
        window.session().setDevice("cuda"); // as --device cuda does, before the list of devices is there
        QCOMPARE(window.session().device(), std::string("cuda:0"));
        QCOMPARE(chooser->currentData().toString(), QString("cuda:0"));
        QTRY_VERIFY_WITH_TIMEOUT(!window.session().devices().empty(), 60'000);
        QCOMPARE(chooser->currentData().toString(), QString("cuda:0"));
        window.session().setDevice("cpu");
        QCOMPARE(chooser->currentText(), QString("CPU"));
    }
};

GRATICULE_TEST(DeviceChooserTest);
#include "tst_device_chooser.moc"
