// Saving a plot through the dialog: what is chosen there is what is written.
#include <QtCore/QFile>
#include <QtCore/QTemporaryDir>
#include <QtCore/QTimer>
#include <QtGui/QImage>
#include <QtTest/QSignalSpy>
#include <QtTest/QTest>
#include <QtWidgets/QApplication>
#include <QtWidgets/QComboBox>
#include <QtWidgets/QFileDialog>
#include <QtWidgets/QLineEdit>

#include "tests/support/test_main.h"
#include "tests/widgets/plot_samples.h"
#include "widgets/plots/plot_surface.h"

using namespace graticule;
using namespace graticule::plots;
using namespace graticule::testing;

class PlotSaveTest : public QObject {
    Q_OBJECT

    QTemporaryDir folder_;

    /// Answers the dialog that opens next: types `name_before`, picks the kind that starts with `kind`,
    /// types `name`, where there are such names.
    void answer(const QString& kind, const QString& name, const QString& name_before = {}) {
        QTimer::singleShot(50, qApp, [this, kind, name, name_before] {
            auto* dialog = qobject_cast<QFileDialog*>(QApplication::activeModalWidget());
            if (!dialog) return;
            dialog->setDirectory(folder_.path());
            auto* line = dialog->findChild<QLineEdit*>("fileNameEdit");
            if (!name_before.isEmpty()) {
                line->setText(name_before);
                Q_EMIT line->textEdited(name_before); // as typing does
            }
            auto* kinds = dialog->findChild<QComboBox*>("fileTypeCombo");
            for (int item = 0; item < kinds->count(); ++item) {
                if (!kinds->itemText(item).startsWith(kind)) continue;
                kinds->setCurrentIndex(item);
                Q_EMIT kinds->activated(item); // as a click does
                Q_EMIT kinds->textActivated(kinds->itemText(item));
            }
            if (!name.isEmpty()) line->setText(name);
            QMetaObject::invokeMethod(dialog, "accept");
        });
    }

private Q_SLOTS:
    void the_chosen_kind_is_written_data() {
        QTest::addColumn<QString>("kind");
        QTest::addColumn<QString>("typed"); // empty: what the dialog suggests
        QTest::addColumn<QString>("file");
        QTest::newRow("SVG as suggested") << "Scalable"
                                          << ""
                                          << "layers-2-self_attn-v_proj.svg";
        QTest::newRow("PNG as suggested") << "Picture"
                                          << ""
                                          << "layers-2-self_attn-v_proj.png";
        QTest::newRow("PNG without a suffix") << "Picture"
                                              << "mine"
                                              << "mine.png";
        QTest::newRow("PNG by its suffix") << "Scalable"
                                           << "other.png"
                                           << "other.png";
    }
    void the_chosen_kind_is_written() {
        QFETCH(QString, kind);
        QFETCH(QString, typed);
        QFETCH(QString, file);
        PlotSurface surface(nullptr, PlotSurface::Renderer::software);
        surface.resize(640, 320);
        PlotScene scene = channels_scene(sample_channels(48));
        scene.title = "layers.2.self_attn.v_proj";
        surface.setScene(scene);
        surface.show();
        answer(kind, typed);
        surface.saveImage();
        QFile written(folder_.filePath(file));
        QVERIFY2(written.open(QIODevice::ReadOnly), qPrintable(file));
        if (file.endsWith("png"))
            QCOMPARE(QImage(written.fileName()).size(), QSize(1280, 640)); // twice the size on the screen
        else
            QVERIFY(written.readAll().contains("<svg"));
    }

    void dots_of_a_name_are_kept_data() {
        QTest::addColumn<QString>("before"); // typed before the kind is picked, or after
        QTest::addColumn<QString>("after");
        QTest::addColumn<QString>("file");
        QTest::newRow("before") << "w.int4"
                                << ""
                                << "w.int4.png";
        QTest::newRow("another kind") << "w.int4.svg"
                                      << ""
                                      << "w.int4.png";
        QTest::newRow("after") << ""
                               << "v.int4"
                               << "v.int4";
    }
    void dots_of_a_name_are_kept() {
        QFETCH(QString, before);
        QFETCH(QString, after);
        QFETCH(QString, file);
        PlotSurface surface(nullptr, PlotSurface::Renderer::software);
        surface.resize(640, 320);
        surface.setScene(channels_scene(sample_channels(48)));
        surface.show();
        answer("Picture", after, before);
        surface.saveImage();
        QCOMPARE(QImage(folder_.filePath(file), "PNG").size(), QSize(1280, 640));
        QVERIFY(QFile::remove(folder_.filePath(file)));
    }

    void a_file_that_cannot_be_written_is_named() {
        PlotSurface surface(nullptr, PlotSurface::Renderer::software);
        surface.resize(640, 320);
        surface.setScene(channels_scene(sample_channels(48)));
        surface.show();
        QSignalSpy failed(&surface, &PlotSurface::failed);
        QVERIFY(QFile::link("/proc/nothing/there", folder_.filePath("nowhere.png"))); // also for root
        answer("Picture", "nowhere.png");
        surface.saveImage();
        QCOMPARE(failed.size(), 1);
        QVERIFY(failed[0][0].toString().contains("nowhere.png"));
    }
};

GRATICULE_TEST(PlotSaveTest);
#include "tst_plot_save.moc"
