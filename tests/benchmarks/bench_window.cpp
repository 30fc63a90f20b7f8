// Drives the window's tables and plots at the size of a 70B model (made numbers; 560 linears, 80 blocks, 200 runs) on a
// 4K screen and says how long a frame takes: scrolling, zooming, and while rows change as they do during a job. Then it
// sits still and counts what is painted. Prints one line per case: p50, p99 and the longest, in milliseconds, and the same of
// the processor's time: what the frame would take if nothing else ran.
//
//     QT_QPA_PLATFORM=offscreen build-dev/tests/benchmarks/bench_window
//     xvfb-run -s "-screen 0 3840x2160x24" build-dev/tests/benchmarks/bench_window 20   # with OpenGL, 20 frames a case
#include <QtCore/QElapsedTimer>
#include <QtCore/QTimer>
#include <QtGui/QKeyEvent>
#include <QtWidgets/QApplication>
#include <QtWidgets/QScrollBar>
#include <QtWidgets/QSplitter>
#include <QtWidgets/QTableView>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <vector>

#include "widgets/panels/layers_panel.h"
#include "widgets/panels/runs_panel.h"
#include "widgets/plots/plot_builders.h"
#include "widgets/plots/plot_surface.h"
#include "widgets/theme/theme.h"

namespace {
using namespace graticule;

constexpr int blocks = 80, kinds = 7, runs = 200;
int frames = 300; // each case
constexpr QSize screen(3840, 2160);

std::vector<LayerRow> layer_rows(int step) {
    const QStringList leaves{"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"};
    std::vector<LayerRow> rows;
    for (int block = 0; block < blocks; ++block)
        for (int kind = 0; kind < kinds; ++kind) {
            const double wave = std::sin(block * 0.7 + kind + step * 0.01);
            LayerRow row;
            row.id = LayerId{block * kinds + kind};
            row.block = block;
            row.leaf = leaves[kind];
            row.kind = leaves[kind].section(u'_', 0, 0);
            row.name = QStringLiteral("layers.%1.%2").arg(block).arg(row.leaf);
            row.rows = row.columns = 8192;
            row.absmax = 2876.32 + 800 * wave;
            row.outlier_ratio = 60 + 50 * wave;
            row.underflow_percent = 12 + 10 * wave;
            row.sqnr_db = 20 + 8 * wave;
            row.schemes = {QStringLiteral("INT4 g128 / A8 · gptq")};
            rows.push_back(std::move(row));
        }
    return rows;
}

std::vector<RunRow> run_rows(int step) {
    std::vector<RunRow> rows;
    for (int i = 0; i < runs; ++i) {
        RunRow row;
        row.id = i + 1;
        row.colour = i;
        row.name = QStringLiteral("w=int4/asym/g128 a=int8/sym/token recipe %1").arg(i);
        row.group = QStringLiteral("text, 166 × 2048");
        row.perplexity = 5.4 + 0.01 * i + 0.001 * step;
        row.standard_error = 0.1;
        row.difference = 0.02 * i;
        row.difference_low = *row.difference - 0.01;
        row.difference_high = *row.difference + 0.01;
        row.percent = 0.3 * i;
        row.baseline = i == 0;
        for (int window = 0; window < 166; ++window) row.curve.push_back(5.4 + std::sin(window * 0.3) / (window + 1));
        row.state = JobState::done;
        rows.push_back(std::move(row));
    }
    return rows;
}

plots::PlotScene heat_scene() {
    plots::HeatMapData data;
    data.title = QStringLiteral("Output SQNR");
    data.unit = QStringLiteral("dB");
    for (int kind = 0; kind < kinds; ++kind) data.columns.push_back(QStringLiteral("kind %1").arg(kind));
    for (int block = 0; block < blocks; ++block) {
        data.rows.push_back(QString::number(block));
        for (int kind = 0; kind < kinds; ++kind) data.values.push_back(20 + 8 * std::sin(block + kind));
    }
    return plots::heat_map_scene(data);
}

class PaintCounter final : public QObject {
public:
    int paints = 0;

protected:
    bool eventFilter(QObject*, QEvent* event) override {
        paints += event->type() == QEvent::Paint;
        return false;
    }
};

double thread_milliseconds() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
}

/// Time of the change and of all that is painted because of it.
void measure(const char* name, const std::function<void(int)>& change) {
    std::vector<double> times, processor;
    for (int frame = 0; frame < frames; ++frame) {
        QElapsedTimer timer;
        timer.start();
        const double before = thread_milliseconds();
        change(frame);
        QApplication::processEvents();
        times.push_back(static_cast<double>(timer.nsecsElapsed()) / 1e6);
        processor.push_back(thread_milliseconds() - before);
    }
    std::printf("%-34s", name);
    for (auto* list : {&times, &processor}) {
        std::sort(list->begin(), list->end());
        std::printf(" %s p50 %6.2f  p99 %6.2f  longest %6.2f ms", list == &times ? "" : "  processor",
                    (*list)[list->size() / 2], (*list)[list->size() * 99 / 100], list->back());
    }
    std::printf("\n");
    std::fflush(stdout);
}

void settle() {
    QElapsedTimer timer;
    timer.start();
    while (timer.elapsed() < 500) QApplication::processEvents(QEventLoop::AllEvents, 50);
}
} // namespace

int main(int argc, char** argv) {
    QApplication application(argc, argv);
    if (argc > 1) frames = std::max(2, std::atoi(argv[1]));
    theme::apply(application, theme::Mode::dark);
    QSplitter window;
    auto* layers = new LayersPanel;
    auto* table = new RunsPanel;
    auto* plot = new plots::PlotSurface;
    for (QWidget* part : {static_cast<QWidget*>(layers), static_cast<QWidget*>(plot), static_cast<QWidget*>(table)})
        window.addWidget(part);
    window.resize(screen);
    layers->setRows(layer_rows(0));
    table->setRows(run_rows(0));
    plot->setScene(heat_scene());
    window.show();
    settle();
    const auto scroll = [](QTableView& view, int frame) {
        QScrollBar* bar = view.verticalScrollBar();
        bar->setValue((frame * 37) % std::max(1, bar->maximum()));
    };
    measure("layers, scrolling", [&](int frame) { scroll(*layers->table(), frame); });
    measure("runs, scrolling", [&](int frame) { scroll(*table->table(), frame); });
    measure("heat map, zooming", [&](int frame) { // its own keys: ten steps in, ten steps out
        const bool in = frame % 20 < 10;
        QKeyEvent press(QEvent::KeyPress, in ? Qt::Key_Plus : Qt::Key_Minus, Qt::NoModifier, QString(in ? u'+' : u'-'));
        QApplication::sendEvent(plot, &press);
    });
    measure("layers, every row changes (job)", [&](int frame) { layers->setRows(layer_rows(frame + 1)); });
    measure("runs, every row changes (job)", [&](int frame) { table->setRows(run_rows(frame + 1)); });
    settle();
    PaintCounter counter;
    application.installEventFilter(&counter);
    const std::clock_t before = std::clock();
    QTimer::singleShot(3000, &application, &QApplication::quit);
    QApplication::exec();
    std::printf("%-34s %d paints, %.1f %% of a core\n", "sitting still for 3 s", counter.paints,
                100 * static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC / 3);
    return 0;
}
