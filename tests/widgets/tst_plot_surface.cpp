// The widget: gestures and keys through Qt's events. Drawn in software offscreen; under Xvfb (label gui) also through
// OpenGL.
#include "tests/support/test_main.h"
#include "tests/widgets/plot_samples.h"
#include "widgets/plots/plot_surface.h"

#include <QtGui/QClipboard>
#include <QtGui/QGuiApplication>
#include <QtGui/QWheelEvent>
#include <QtTest/QSignalSpy>
#include <QtTest/QTest>
#include <QtWidgets/QApplication>
#include <QtWidgets/QMainWindow>
#include <cstdlib>
#include <set>

using namespace graticule;
using namespace graticule::plots;
using namespace graticule::testing;

namespace {

constexpr QSize size(870, 360);

std::unique_ptr<PlotSurface> shown(PlotScene scene, PlotSurface::Renderer renderer = PlotSurface::Renderer::software) {
    auto surface = std::make_unique<PlotSurface>(nullptr, renderer);
    surface->resize(size);
    surface->setScene(std::move(scene));
    surface->show();
    if (!QTest::qWaitForWindowExposed(surface.get())) qWarning("the window was not exposed");
    return surface;
}

void move(PlotSurface& surface, QPointF at, Qt::MouseButtons buttons = Qt::NoButton) {
    QMouseEvent event(QEvent::MouseMove, at, surface.mapToGlobal(at), Qt::NoButton, buttons, Qt::NoModifier);
    QApplication::sendEvent(&surface, &event);
}

void drag(PlotSurface& surface, QPointF from, QPointF to, Qt::KeyboardModifiers modifiers = Qt::NoModifier) {
    QTest::mousePress(&surface, Qt::LeftButton, modifiers, from.toPoint());
    move(surface, (from + to) / 2, Qt::LeftButton);
    move(surface, to, Qt::LeftButton);
    QTest::mouseRelease(&surface, Qt::LeftButton, modifiers, to.toPoint());
}

void turn_wheel(PlotSurface& surface, QPointF at, int clicks, Qt::KeyboardModifiers modifiers = Qt::NoModifier) {
    QWheelEvent event(at, surface.mapToGlobal(at), {}, {0, 120 * clicks}, Qt::NoButton, modifiers, Qt::NoScrollPhase,
                      false);
    QApplication::sendEvent(&surface, &event);
}

QRectF frame_of(const PlotSurface& surface, std::size_t panel = 0) { return surface.picture().panels[panel].plot; }

std::size_t colours_in(const QImage& image) {
    std::set<QRgb> colours;
    for (int y = 0; y < image.height(); ++y)
        for (int x = 0; x < image.width(); ++x) colours.insert(image.pixel(x, y));
    return colours.size();
}

ChannelsData plain_channels() {
    ChannelsData data = sample_channels(256);
    data.factors.clear();
    data.smoothed.clear();
    return data;
}

} // namespace

class PlotSurfaceTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void wheel_zooms_and_double_click_shows_everything() {
        auto surface = shown(channels_scene(plain_channels()));
        QSignalSpy changed(surface.get(), &PlotSurface::viewChanged);
        turn_wheel(*surface, frame_of(*surface).center(), 3);
        QVERIFY(surface->view().x.has_value());
        QVERIFY(surface->view().y.empty());
        turn_wheel(*surface, frame_of(*surface).center(), 1, Qt::ControlModifier);
        QCOMPARE(surface->view().y.size(), std::size_t(1));
        QCOMPARE(changed.size(), 2);
        QTest::mouseDClick(surface.get(), Qt::LeftButton, {}, frame_of(*surface).center().toPoint());
        QCOMPARE(surface->view(), View{});
    }

    void dragging_pans_and_shift_zooms_to_the_box() {
        auto surface = shown(channels_scene(plain_channels()));
        const QPointF middle = frame_of(*surface).center();
        drag(*surface, middle - QPointF(100, 60), middle + QPointF(100, 60), Qt::ShiftModifier);
        QVERIFY(surface->view().x.has_value());
        const Span zoomed = *surface->view().x;
        QVERIFY(std::abs(zoomed.width() - 256.0 * 200 / frame_of(*surface).width()) < 1);
        const QPointF clear_of_the_threshold = middle + QPointF(0, 40);
        drag(*surface, clear_of_the_threshold, clear_of_the_threshold + QPointF(50, 0));
        QVERIFY(std::abs(surface->view().x->width() - zoomed.width()) < 1e-6);
        QVERIFY(surface->view().x->lower < zoomed.lower);
    }

    void keys_do_what_the_mouse_does() {
        auto surface = shown(channels_scene(plain_channels()));
        QTest::keyClick(surface.get(), Qt::Key_Plus);
        const Span zoomed = surface->view().x.value_or(Span{});
        QVERIFY(zoomed.width() < 256);
        QTest::keyClick(surface.get(), Qt::Key_Right);
        QVERIFY(surface->view().x->lower > zoomed.lower);
        QTest::keyClick(surface.get(), Qt::Key_L);
        QVERIFY(surface->view().logarithmic);
        QTest::keyClick(surface.get(), Qt::Key_Home);
        QVERIFY(!surface->view().x.has_value());
        QVERIFY(surface->view().logarithmic);
    }

    void views_are_taken_back_one_gesture_at_a_time() {
        auto surface = shown(channels_scene(plain_channels()));
        const View whole = surface->view();
        const QPointF middle = frame_of(*surface).center() + QPointF(0, 40); // clear of the threshold
        QVERIFY(!surface->canZoomBack());
        for (int i = 0; i < 3; ++i) turn_wheel(*surface, middle, 1); // one gesture
        const View near = surface->view();
        drag(*surface, middle, middle + QPointF(60, 0)); // another
        const View aside = surface->view();
        QVERIFY(near != whole && aside != near);
        QTest::keyClick(surface.get(), Qt::Key_Backspace);
        QVERIFY(surface->view() == near);
        QTest::keyClick(surface.get(), Qt::Key_Backspace);
        QVERIFY(surface->view() == whole && !surface->canZoomBack());
        QTest::keyClick(surface.get(), Qt::Key_Backspace, Qt::ShiftModifier);
        QTest::keyClick(surface.get(), Qt::Key_Backspace, Qt::ShiftModifier);
        QVERIFY(surface->view() == aside && !surface->canZoomForward());
        surface->zoomBack();
        drag(*surface, middle, middle - QPointF(80, 0)); // from here on somewhere else
        QVERIFY(!surface->canZoomForward());
        surface->setScene(heat_map_scene(sample_heat(4, 4))); // other axes: their views mean nothing here
        QVERIFY(!surface->canZoomBack());
    }

    void the_threshold_can_be_dragged() {
        auto surface = shown(channels_scene(plain_channels()));
        QSignalSpy moved(surface.get(), &PlotSurface::thresholdMoved),
            released(surface.get(), &PlotSurface::thresholdReleased);
        const AxisMap y = surface->picture().panels.front().y;
        const QPointF grip(frame_of(*surface).center().x(), y.pixel(outlier_threshold(plain_channels())));
        drag(*surface, grip, QPointF(grip.x(), y.pixel(11)));
        QCOMPARE(released.size(), 1);
        QVERIFY(moved.size() >= 1);
        QVERIFY(std::abs(released.front().front().toDouble() - 11) < 0.2);
        QVERIFY(!surface->view().x.has_value()); // it did not pan
    }

    void a_threshold_that_vanishes_while_dragged_is_let_go() {
        auto surface = shown(channels_scene(plain_channels()));
        QObject::connect(surface.get(), &PlotSurface::thresholdMoved, surface.get(), [&] { surface->setScene({}); });
        const AxisMap y = surface->picture().panels.front().y;
        const QPointF grip(frame_of(*surface).center().x(), y.pixel(outlier_threshold(plain_channels())));
        drag(*surface, grip, grip - QPointF(0, 40));
        QVERIFY(surface->scene().panels.empty());
    }

    void a_click_names_the_channel() {
        auto surface = shown(channels_scene(plain_channels()));
        QSignalSpy clicked(surface.get(), &PlotSurface::itemClicked);
        const PanelFrame frame = surface->picture().panels.front();
        QTest::mouseClick(surface.get(), Qt::LeftButton, {},
                          QPointF(frame.x.pixel(233), frame.plot.bottom() - 20).toPoint());
        QCOMPARE(clicked.size(), 1);
        QCOMPARE(clicked.front().at(2).toLongLong(), 233);
    }

    void a_click_names_the_cell() {
        auto surface = shown(heat_map_scene(sample_heat(8, 6)));
        QSignalSpy clicked(surface.get(), &PlotSurface::cellClicked);
        const PanelFrame frame = surface->picture().panels.front();
        QTest::mouseClick(surface.get(), Qt::LeftButton, {}, QPointF(frame.x.pixel(5), frame.y.pixel(3)).toPoint());
        QCOMPARE(clicked.size(), 1);
        QCOMPARE(clicked.front(), (QVariantList{qint64(3), qint64(5)}));
    }

    void live_data_keep_the_zoom() {
        auto surface = shown(perplexity_scene(sample_perplexity(100)));
        turn_wheel(*surface, frame_of(*surface).center(), 2);
        const View before = surface->view();
        surface->setScene({}); // while something is computed
        surface->setScene(perplexity_scene(sample_perplexity(120)));
        QCOMPARE(surface->view(), before);
        surface->setScene(channels_scene(plain_channels()));
        QVERIFY(!surface->view().x.has_value());
    }

    void a_distribution_opens_logarithmic_and_remembers_the_choice() {
        auto surface = shown(distribution_scene(sample_distribution(100)));
        QVERIFY(surface->view().logarithmic);
        surface->setLogarithmic(false);
        surface->setScene({});
        surface->setScene(distribution_scene(sample_distribution(90)));
        QVERIFY(!surface->view().logarithmic);
    }

    void words_and_numbers_for_those_who_do_not_see_it() {
        auto surface = shown(channels_scene(plain_channels()));
        QVERIFY(surface->accessibleDescription().contains(QStringLiteral("2 outlier channels")));
        surface->copyData();
        QVERIFY(QGuiApplication::clipboard()->text().startsWith(QStringLiteral("channel\tmax |x|")));
    }

    void broken_scenes_are_shown() {
        auto surface = shown({});
        for (const auto& [name, scene] : broken_scenes()) {
            surface->setScene(scene);
            surface->setLogarithmic(!surface->view().logarithmic);
            for (int x = 0; x < size.width(); x += 97) move(*surface, QPointF(x, size.height() / 2.0));
            turn_wheel(*surface, QPointF(size.width() / 2.0, size.height() / 2.0), 1);
            QVERIFY2(!surface->grab().isNull(), qPrintable(name));
        }
    }

    void without_opengl_it_says_so_and_draws_all_the_same() {
        std::string why;
        if (opengl_available(why)) QSKIP("this display has OpenGL; the offscreen run tests its absence");
        QVERIFY(QString::fromStdString(why).contains(QStringLiteral("OpenGL")));
        PlotSurface surface;
        QSignalSpy unavailable(&surface, &PlotSurface::openglUnavailable);
        surface.resize(size);
        surface.setScene(channels_scene(plain_channels()));
        surface.show();
        QTRY_COMPARE(unavailable.size(), 1);
        QVERIFY(!surface.usesOpenGl());
        QVERIFY(colours_in(surface.grab().toImage()) > 10);
    }

    void opengl_draws_every_plot() {
        std::string why;
        if (!opengl_available(why)) {
            if (std::getenv("GRATICULE_REQUIRE_OPENGL")) QFAIL(why.c_str());
            QSKIP("needs OpenGL: run under Xvfb (ctest -L gui)");
        }
        for (const auto& [name, scene] : sample_scenes(200)) {
            auto surface = shown(scene, PlotSurface::Renderer::opengl);
            QTRY_VERIFY2(colours_in(surface->grab().toImage()) > 10, qPrintable(name));
            QVERIFY(surface->usesOpenGl());
        }
    }

    void what_moves_over_a_plot_is_drawn_over_its_picture() {
        auto surface = shown(channels_scene(plain_channels()));
        surface->clearFocus();
        const QImage before = surface->grab().toImage();
        move(*surface, frame_of(*surface).center()); // a read-out
        QVERIFY(surface->grab().toImage() != before);
        move(*surface, QPointF(2, 2));
        QCOMPARE(surface->grab().toImage(), before);
    }

    void opengl_and_software_agree() {
        std::string why;
        if (!opengl_available(why)) QSKIP("needs OpenGL: run under Xvfb (ctest -L gui)");
        const PlotScene scene = channels_scene(plain_channels());
        auto gl = shown(scene, PlotSurface::Renderer::opengl), software = shown(scene);
        QTest::qWait(50);
        const QImage a = gl->grab().toImage().convertToFormat(QImage::Format_RGB32);
        const QImage b = software->grab().toImage().convertToFormat(QImage::Format_RGB32);
        QCOMPARE(a.size(), b.size());
        qint64 different = 0;
        for (int y = 0; y < a.height(); ++y)
            for (int x = 0; x < a.width(); ++x) different += std::abs(qGray(a.pixel(x, y)) - qGray(b.pixel(x, y))) > 60;
        // Glyph edges differ by a shade here and there; shapes do not.
        QVERIFY2(different < a.width() * a.height() / 100, qPrintable(QString::number(different)));
    }

    void a_plot_survives_being_moved_to_another_window_data() {
        QTest::addColumn<PlotSurface::Renderer>("renderer");
        QTest::newRow("OpenGL") << PlotSurface::Renderer::opengl;
        QTest::newRow("software") << PlotSurface::Renderer::software;
    }
    void a_plot_survives_being_moved_to_another_window() {
        std::string why;
        if (!opengl_available(why)) QSKIP("needs OpenGL: run under Xvfb (ctest -L gui)");
        QFETCH(PlotSurface::Renderer, renderer);
        QMainWindow first, second;
        auto* surface = new PlotSurface(nullptr, renderer);
        surface->setScene(channels_scene(plain_channels()));
        for (QMainWindow* window : {&first, &second, &first}) {
            window->setCentralWidget(surface);
            window->resize(size);
            window->show();
            QVERIFY(QTest::qWaitForWindowExposed(window));
            QTRY_VERIFY(colours_in(surface->grab().toImage()) > 10);
            surface->setParent(nullptr);
        }
        delete surface;
    }
};

GRATICULE_TEST(PlotSurfaceTest);
#include "tst_plot_surface.moc"
