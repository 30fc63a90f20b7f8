#include "app/window/demo_journey.h"

#include <QtCore/QDir>
#include <QtCore/QTextStream>
#include <QtWidgets/QApplication>
#include <QtWidgets/QComboBox>
#include <QtWidgets/QDoubleSpinBox>
#include <QtWidgets/QTableView>

#include "app/window/main_window.h"
#include "widgets/models/layer_table_model.h"
#include "widgets/panels/layers_panel.h"
#include "widgets/panels/recipe_panel.h"
#include "widgets/panels/runs_panel.h"

namespace graticule {

namespace {
constexpr qint64 step_limit_ms = 300'000;
constexpr int settle_ms = 500; // what was asked for last is painted by then
constexpr int journeys[] = {1, 2, 3, 4, 5};

void say(const QString& text) { QTextStream(stderr) << text << Qt::endl; }
} // namespace

DemoJourney::DemoJourney(MainWindow& window, int number, QString model, QString folder, QObject* parent)
    : QObject(parent)
    , window_(window)
    , model_(std::move(model))
    , folder_(std::move(folder))
    , number_(number) {
    window_.setAsking(false);
    connect(&window_.session(), &Session::failed, this, [this](const QString& title, const QString& text) {
        say(QStringLiteral("failed: %1: %2").arg(title, text));
        failed_ = true;
    });
    connect(&window_.session(), &Session::openFailed, this, [this](const QString& path, const QString& why) {
        say(QStringLiteral("failed: open %1: %2").arg(path, why));
        failed_ = true;
    });
    switch (number) {
    case 1:
        firstMinute();
        break;
    case 2:
        whyDoesItBreak();
        break;
    case 3:
        whatDoesDintBuy();
        break;
    case 4:
        shortPrompts();
        break;
    case 5:
        shipIt();
        break;
    default:
        break;
    }
    connect(&timer_, &QTimer::timeout, this, &DemoJourney::poll);
}

bool DemoJourney::exists(int number) {
    return std::find(std::begin(journeys), std::end(journeys), number) != std::end(journeys);
}

void DemoJourney::start() {
    if (!folder_.isEmpty()) QDir().mkpath(folder_);
    whole_.start();
    timer_.start(30);
}

void DemoJourney::add(const QString& name, std::function<void()> act, std::function<bool()> ready) {
    steps_.push_back({name, std::move(act), ready ? std::move(ready) : [this] { return quiet(); }});
}

void DemoJourney::trigger(const char* command) {
    QAction* action = window_.command(QLatin1String(command));
    if (action && action->isEnabled()) return action->trigger();
    say(QStringLiteral("failed: the command %1 is not available here").arg(QLatin1String(command)));
    failed_ = true;
}

void DemoJourney::choose(const QString& field, const QString& text) {
    for (QComboBox* box : window_.recipePanel().findChildren<QComboBox*>()) {
        if (box->accessibleName() != field) continue;
        const int item = box->findText(text);
        if (item < 0) break;
        box->setCurrentIndex(item);
        Q_EMIT box->activated(item); // as a click does
        return;
    }
    say(QStringLiteral("failed: the field %1 has no item %2").arg(field, text));
    failed_ = true;
}

void DemoJourney::setNumber(const QString& field, double value) {
    for (QDoubleSpinBox* box : window_.recipePanel().findChildren<QDoubleSpinBox*>())
        if (box->accessibleName() == field) return box->setValue(value);
    say(QStringLiteral("failed: there is no field %1").arg(field));
    failed_ = true;
}

bool DemoJourney::quiet() const { return !window_.session().jobs().busy() && window_.session().whatIfs().idle(); }

void DemoJourney::open(const QString& sample) {
    add(QStringLiteral("welcome"), [] {});
    add(
        QStringLiteral("opened"), [this, sample] { window_.openPath(model_.isEmpty() ? sample : model_); },
        [this] { return window_.session().model() != nullptr && quiet(); });
}

void DemoJourney::firstMinute() {
    open(QStringLiteral("sample-opt"));
    add(
        QStringLiteral("running"), [this] { trigger("run.all"); },
        [this] {
            const auto& runs = window_.session().runs();
            return runs.size() > 1 && runs.back().evaluation && runs.back().evaluation->window_losses.size() >= 4;
        });
    add(QStringLiteral("evaluated"), [] {});
    add(QStringLiteral("compared"), [this] {
        window_.runs().selectRuns({window_.session().runs().front().id, window_.session().runs().back().id});
        window_.plots().compareRuns(window_.session().runs().front().id, window_.session().runs().back().id);
    });
    add(QStringLiteral("layers"), [this] {
        window_.layers().sortBy(LayerTableModel::Sqnr, Qt::AscendingOrder);
        window_.session().select({window_.layers().matching().front()});
        window_.plots().showTab(PlotArea::Distribution);
    });
}

void DemoJourney::whyDoesItBreak() {
    open(QStringLiteral("sample-opt"));
    add(QStringLiteral("calibrated"), [this] { trigger("run.calibrate"); });
    add(QStringLiteral("outliers"), [this] {
        window_.layers().sortBy(LayerTableModel::Outlier, Qt::DescendingOrder);
        window_.session().select({window_.layers().matching().front()});
        window_.plots().showTab(PlotArea::Channels);
    });
    add({}, [this] { trigger("run.evaluate"); });
    add(QStringLiteral("smoothed"), [this] {
        trigger("edit.select-all");
        choose(QStringLiteral("smoothing"), QStringLiteral("SmoothQuant"));
        setNumber(QStringLiteral("Migration strength"),
                  0.3); // at 0.5 the 4-bit weights suffer more than the inputs gain
        window_.session().select({window_.layers().matching().front()});
        window_.plots().showTab(PlotArea::Channels);
    });
    add(QStringLiteral("errors"), [this] { window_.plots().showTab(PlotArea::ErrorTab); });
    add(QStringLiteral("recovered"), [this] { trigger("run.evaluate"); });
    add(QStringLiteral("compared"), [this] {
        const auto& runs = window_.session().runs();
        if (runs.size() >= 3) window_.plots().compareRuns(runs[1].id, runs[2].id);
    });
    add(QStringLiteral("heat-map"), [this] { window_.plots().showTab(PlotArea::HeatMap); });
}

void DemoJourney::whatDoesDintBuy() {
    open(QStringLiteral("sample-opt"));
    add({}, [this] { trigger("run.all"); });
    add(QStringLiteral("int4"), [this] {
        window_.layers().sortBy(LayerTableModel::Underflow, Qt::DescendingOrder);
        window_.session().select({window_.layers().matching().front()});
        window_.plots().showTab(PlotArea::Distribution);
    });
    add(QStringLiteral("dint4"), [this] {
        const LayerId worst = window_.layers().matching().front();
        trigger("edit.select-all");
        choose(QStringLiteral("weights"), QStringLiteral("dINT4"));
        window_.session().select({worst});
    });
    add(QStringLiteral("errors"), [this] { window_.plots().showTab(PlotArea::ErrorTab); });
    add(QStringLiteral("evaluated"), [this] { trigger("run.evaluate"); });
    add(QStringLiteral("compared"), [this] {
        const auto& runs = window_.session().runs();
        if (runs.size() >= 3) window_.plots().compareRuns(runs[1].id, runs[2].id);
    });
    add(QStringLiteral("pareto"), [this] { window_.plots().showTab(PlotArea::Pareto); });
}

void DemoJourney::shortPrompts() {
    open(QStringLiteral("sample-opt"));
    add(QStringLiteral("lengths"), [this] {
        trigger("run.calibrate");
        window_.plots().showTab(PlotArea::SequenceLength);
    });
    add(QStringLiteral("advised"), [this] { trigger("run.lengths"); });
    add(QStringLiteral("measured"), [this] {
        trigger("edit.select-all");
        choose(QStringLiteral("smoothing"), QStringLiteral("SmoothQuant")); // without a method no length matters
        trigger("run.measure-lengths");
    });
}

void DemoJourney::shipIt() {
    open(QStringLiteral("sample-llama"));
    add(QStringLiteral("recipe"), [this] {
        trigger("run.calibrate");
        trigger("edit.select-all");
        choose(QStringLiteral("zero point"), QStringLiteral("symmetric"));
        choose(QStringLiteral("grain"), QStringLiteral("group of 32"));
    });
    add(QStringLiteral("evaluated"), [this] { trigger("run.evaluate"); });
    add(QStringLiteral("exported"), [this] {
        const QString place = folder_.isEmpty() ? QDir::tempPath() : QDir(folder_).absolutePath();
        window_.setExportFolder(place + QStringLiteral("/sample-llama-int4-g32"));
        trigger("run.export");
    });
}

void DemoJourney::poll() {
    if (failed_) {
        timer_.stop();
        return QApplication::exit(1);
    }
    if (at_ >= steps_.size()) {
        say(QStringLiteral("journey %1 done in %2 s")
                .arg(number_)
                .arg(static_cast<double>(whole_.elapsed()) / 1000, 0, 'f', 1));
        timer_.stop();
        return QApplication::exit(0);
    }
    const Step& step = steps_[at_];
    if (!acted_) {
        acted_ = true;
        since_.start();
        step.act();
        return;
    }
    if (settling_ || since_.elapsed() < 150) return;
    if (since_.elapsed() > step_limit_ms) {
        say(QStringLiteral("failed: step %1 (%2) did not end").arg(at_ + 1).arg(step.name));
        failed_ = true;
        return;
    }
    if (!step.ready()) return;
    settling_ = true;
    QTimer::singleShot(settle_ms, this, &DemoJourney::finishStep);
}

void DemoJourney::finishStep() {
    const Step& step = steps_[at_];
    if (!step.name.isEmpty() && !folder_.isEmpty()) {
        const QString file = QStringLiteral("%1/%2-%3-%4.png")
                                 .arg(folder_)
                                 .arg(number_)
                                 .arg(at_ + 1, 2, 10, QLatin1Char('0'))
                                 .arg(step.name);
        if (!window_.grab().save(file)) {
            say(QStringLiteral("failed: %1 was not written").arg(file));
            failed_ = true;
        }
        say(QStringLiteral("%1 s  %2").arg(static_cast<double>(whole_.elapsed()) / 1000, 0, 'f', 1).arg(file));
    }
    ++at_;
    acted_ = settling_ = false;
}

} // namespace graticule
