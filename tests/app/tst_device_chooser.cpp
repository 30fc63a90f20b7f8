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
                               << "CPU" << 2;
        QTest::newRow("start on a card") << 0 << "cuda:0"
                                         << "CUDA:0" << 3;
        QTest::newRow("CPU beside cards") << 2 << "cpu"
                                          << "CPU" << 4;
        QTest::newRow("first card") << 2 << "cuda:0"
                                    << "CUDA:0 H100 80GB HBM3" << 4;
        QTest::newRow("second card") << 2 << "cuda:1"
                                     << "CUDA:1 L4" << 4;
        QTest::newRow("card that is not there") << 2 << "cuda:7"
                                                << "CUDA:7 is not there" << 5;
        QTest::newRow("no card at all") << 1 << "cuda:0"
                                        << "CUDA:0 is not there" << 3;
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

    void devices_of_another_machine_stand_behind_those_of_this_one() {
        DeviceChooser chooser;
        chooser.setDevices(no_card(), "cpu", {"gpu-host", two_cards(), "cuda:1"});
        QCOMPARE(chooser.currentText(), QString("gpu-host: CUDA:1 L4"));
        QCOMPARE(chooser.count(), 5); // and the way to another machine
        QVERIFY2(chooser.toolTip().contains("gpu-host") && chooser.toolTip().contains("cpu"),
                 qPrintable(chooser.toolTip()));
        QString here, there;
        int wanted = 0;
        connect(&chooser, &DeviceChooser::chosen, this, [&](const QString& device) { here = device; });
        connect(&chooser, &DeviceChooser::chosenElsewhere, this, [&](const QString& device) { there = device; });
        connect(&chooser, &DeviceChooser::machineWanted, this, [&] { ++wanted; });
        Q_EMIT chooser.activated(2);
        QCOMPARE(there, QString("cuda:0"));
        QVERIFY(here.isEmpty());
        Q_EMIT chooser.activated(0);
        QCOMPARE(here, QString("cpu"));
        chooser.setCurrentIndex(4); // as a click does; what is in use stays shown
        Q_EMIT chooser.activated(4);
        QCOMPARE(wanted, 1);
        QCOMPARE(chooser.currentText(), QString("gpu-host: CUDA:1 L4"));
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
