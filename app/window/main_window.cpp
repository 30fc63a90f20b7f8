#include "app/window/main_window.h"

#include <QtCore/QDir>
#include <QtCore/QFileInfo>
#include <QtCore/QSettings>
#include <QtCore/QTimer>
#include <QtGui/QCloseEvent>
#include <QtGui/QScreen>
#include <QtGui/QWindow>
#include <QtWidgets/QApplication>
#include <QtWidgets/QDockWidget>
#include <QtWidgets/QHBoxLayout>
#include <QtWidgets/QMenuBar>
#include <QtWidgets/QPushButton>
#include <QtWidgets/QStackedWidget>
#include <QtWidgets/QToolButton>
#include <QtWidgets/QVBoxLayout>
#include <algorithm>
#include <utility>

#include "app/session/recent_models.h"
#include "app/window/catalogue.h"
#include "app/window/device_chooser.h"
#include "app/window/execution_chooser.h"
#include "app/window/file_drops.h"
#include "app/window/recipe_presenter.h"
#include "app/window/search_words.h"
#include "app/window/table_rows.h"
#include "app/window/tour.h"
#include "widgets/forms/wheel_guard.h"
#include "widgets/models/number_text.h"
#include "widgets/panels/elided_label.h"
#include "widgets/panels/find_bar.h"
#include "widgets/panels/jobs_panel.h"
#include "widgets/panels/layers_panel.h"
#include "widgets/panels/offer_bar.h"
#include "widgets/panels/panel_header.h"
#include "widgets/panels/recipe_panel.h"
#include "widgets/panels/runs_panel.h"
#include "widgets/panels/search_panel.h"
#include "widgets/panels/welcome_page.h"

namespace graticule {

namespace {
constexpr QSize least_sensible(1100, 700); // everything can be read at this size

int stripHeight() { return std::max(40, theme::scaled(40)); } // a menu bar that is cut shows no menu at all

/// Beside the settings, so that other settings (tests, --clean-settings) have other runs.
RunJournal journal_beside(const QSettings& settings) {
    const QFileInfo file(settings.fileName());
    return RunJournal(file.dir().filePath(file.completeBaseName() + QStringLiteral("-runs")));
}
} // namespace

MainWindow::MainWindow(QSettings& settings, theme::Mode theme)
    : settings_(settings)
    , theme_(theme)
    , session_(nullptr, journal_beside(settings))
    , draft_(session_.runList().journal()) {
    setObjectName(QStringLiteral("main"));
    connect(new FileDrops(*this), &FileDrops::dropped, this, &MainWindow::openPath);
    qApp->installEventFilter(new WheelGuard(this));
    setDockNestingEnabled(true);
    setDockOptions(AllowNestedDocks | AllowTabbedDocks);
    setCorner(Qt::TopLeftCorner, Qt::LeftDockWidgetArea); // what is pinned stands above the plots alone
    setCorner(Qt::TopRightCorner, Qt::RightDockWidgetArea);
    setCorner(Qt::BottomLeftCorner, Qt::BottomDockWidgetArea);
    setCorner(Qt::BottomRightCorner, Qt::BottomDockWidgetArea);
    buildCentre();
    buildDocks();
    buildMenus();
    buildStrip();
    connectPanels();
    connectSession();
    presenter_ = new RecipePresenter(session_, *recipe_, this);
    resize(QSize(1600, 1000).boundedTo(screen()->availableSize()).expandedTo(least_sensible));
    fitScreen();
    resetLayout();
    first_layout_ = saveState(layoutVersion);
    for (const QVariant& border : settings_.value(QStringLiteral("window/drawn-borders")).toList())
        drawn_borders_.push_back(border.toInt());
    restoreGeometry(settings_.value(QStringLiteral("window/geometry")).toByteArray());
    restoreState(settings_.value(QStringLiteral("window/layout")).toByteArray(), layoutVersion);
    if (settings_.value(QStringLiteral("window/reduced-motion")).toBool()) setReducedMotion(true);
    tick_ = new QTimer(this);
    connect(tick_, &QTimer::timeout, this, &MainWindow::updateJobs);
    updateTitle();
    updateActions();
    updateJobs();
    refreshWelcome();
    welcome_->setFocus();
}

// The members go before QObject ends the connections, and a job that is cut off still has things to say.
MainWindow::~MainWindow() {
    session_.jobs().disconnect(this);
    session_.disconnect(this);
    delete pins_;
}

namespace {
constexpr int moved_ms = 200; // until the window manager has said where the window is, and with what frame
} // namespace

// On a screen of another scale the same pixels are fewer for the window to stand in. Later: it has its new size when
// the system has moved it.
void MainWindow::fitScreen() {
    setMinimumSize(least_sensible.boundedTo(screen()->availableSize()));
    QTimer::singleShot(moved_ms, this, [this] { resize(size().expandedTo(minimumSize())); });
}

void MainWindow::showEvent(QShowEvent* event) {
    QMainWindow::showEvent(event);
    if (!event->spontaneous()) QTimer::singleShot(moved_ms, this, &MainWindow::moveIntoScreen);
    connect(windowHandle(), &QWindow::screenChanged, this, &MainWindow::fitScreen, Qt::UniqueConnection);
}

void MainWindow::moveIntoScreen() {
    if (isMaximized() || isFullScreen()) return;
    const QRect frame = frameGeometry();
    const QScreen* on = QGuiApplication::screenAt(frame.center());
    const QRect room = (on ? on : screen())->availableGeometry();
    const auto inside = [](int from, int length, int first, int space) {
        return std::max(first, std::min(from, first + space - length)); // what is larger begins where the screen does
    };
    const QPoint to(inside(frame.x(), frame.width(), room.x(), room.width()),
                    inside(frame.y(), frame.height(), room.y(), room.height()));
    if (to != frame.topLeft()) move(to);
}

void MainWindow::buildCentre() {
    centre_ = new QStackedWidget;
    welcome_ = new WelcomePage;
    plots_ = new PlotArea(session_, centre_);
    offer_ = new OfferBar;
    offer_->setObjectName(QStringLiteral("draft"));
    tour_bar_ = new OfferBar;
    tour_bar_->setObjectName(QStringLiteral("tour"));
    tour_ = new Tour(*this, *tour_bar_);
    plot_page_ = new QWidget;
    auto* column = new QVBoxLayout(plot_page_);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(0);
    column->addWidget(tour_bar_);
    column->addWidget(offer_);
    column->addWidget(plots_, 1);
    centre_->addWidget(welcome_);
    centre_->addWidget(plot_page_);
    setCentralWidget(centre_);
}

QDockWidget* MainWindow::addDock(const QString& name, const QString& title, QWidget* content, PanelHeader* header,
                                 Qt::DockWidgetArea area) {
    auto* dock = new QDockWidget(title, this);
    dock->setObjectName(name);
    dock->setWidget(content);
    if (header) dock->setTitleBarWidget(header);
    addDockWidget(area, dock);
    docks_.push_back(dock);
    return dock;
}

void MainWindow::buildDocks() {
    layers_ = new LayersPanel;
    recipe_ = new RecipePanel;
    recipe_->editor()->setMethods(method_entries());
    recipe_->setPresets(preset_entries());
    runs_ = new RunsPanel;
    jobs_ = new JobsPanel;
    auto* layers = addDock(QStringLiteral("layers"), tr("Layers"), layers_, layers_->header(), Qt::LeftDockWidgetArea);
    describe(layers->toggleViewAction(), tr("The panel of all linears with their figures"), "dock panel");
    auto* recipe = addDock(QStringLiteral("recipe"), tr("Recipe"), recipe_, recipe_->header(), Qt::RightDockWidgetArea);
    describe(recipe->toggleViewAction(), tr("The panel of schemes, methods and rules"),
             "dock panel format grain group size zero point input bits");
    auto* runs = addDock(QStringLiteral("runs"), tr("Runs"), runs_, runs_->header(), Qt::BottomDockWidgetArea);
    describe(runs->toggleViewAction(), tr("The panel of evaluations, with the baseline"), "dock panel perplexity");
    // The tabs are heading enough: an empty title bar.
    auto* jobs = addDock(QStringLiteral("jobs"), tr("Jobs and log"), jobs_, nullptr, Qt::BottomDockWidgetArea);
    jobs->setTitleBarWidget(new QWidget);
    describe(jobs->toggleViewAction(), tr("The panel of what runs, the log and notes"), "dock panel progress");
    splitDockWidget(runs, jobs, Qt::Horizontal);
    pins_ = new PinnedPlots(session_, *this);
}

void MainWindow::resetLayout() {
    if (!first_layout_.isEmpty()) restoreState(first_layout_, layoutVersion);
    for (QDockWidget* dock : docks_) dock->show();
    drawn_borders_.clear();
    layers_->resetColumns();
    shareRoom();
}

void MainWindow::shareRoom() {
    shareWidth();
    const int below = std::clamp(height() * 22 / 100, 130, 222);
    resizeDocks({docks_[2], docks_[3]}, {below, below}, Qt::Vertical);
    resizeDocks({docks_[2], docks_[3]}, {width() * 7 / 10, width() * 3 / 10}, Qt::Horizontal);
}

bool MainWindow::usualPlaces() const {
    constexpr Qt::DockWidgetArea areas[] = {Qt::LeftDockWidgetArea, Qt::RightDockWidgetArea, Qt::BottomDockWidgetArea,
                                            Qt::BottomDockWidgetArea};
    for (std::size_t i = 0; i < std::size(areas); ++i)
        if (docks_[i]->isFloating() || docks_[i]->isHidden() || dockWidgetArea(docks_[i]) != areas[i]) return false;
    return true;
}

bool MainWindow::drawnAt(const QSize& window) const {
    constexpr int about = 10; // a tenth more or less
    const auto near = [](int drawn, int now) { return std::abs(drawn - now) <= drawn / about; };
    return std::ssize(drawn_borders_) == 2 + 2 * std::ssize(docks_) && near(drawn_borders_[0], window.width()) &&
           near(drawn_borders_[1], window.height());
}

// As somebody drew them at about this size, else as a fresh window of it has them.
void MainWindow::fitDocks(const QSize& before) {
    if (!usualPlaces()) return;
    if (!drawnAt(size())) return shareRoom();
    if (drawnAt(before)) return;
    const auto drawn = [this](std::size_t dock, Qt::Orientation along) {
        const int size = drawn_borders_[2 + 2 * dock + (along == Qt::Horizontal ? 0 : 1)];
        return std::clamp(size, 1, along == Qt::Horizontal ? width() : height());
    };
    const auto give = [&](std::size_t a, std::size_t b, Qt::Orientation along) {
        resizeDocks({docks_[a], docks_[b]}, {drawn(a, along), drawn(b, along)}, along);
    };
    give(0, 1, Qt::Horizontal);
    give(2, 3, Qt::Vertical);
    give(2, 3, Qt::Horizontal);
}

std::vector<int> MainWindow::borders() const {
    std::vector<int> all{width(), height()};
    for (const QDockWidget* dock : docks_) all.insert(all.end(), {dock->width(), dock->height()});
    return all;
}

// Between the panels the window has the mouse itself.
bool MainWindow::event(QEvent* event) {
    if (event->type() == QEvent::MouseButtonPress) borders_before_ = borders();
    const bool handled = QMainWindow::event(event);
    if (event->type() == QEvent::MouseButtonRelease && !borders_before_.empty()) {
        if (borders() != borders_before_) drawn_borders_ = borders();
        borders_before_.clear();
    }
    return handled;
}

void MainWindow::giveSize(const QSize& size) {
    size_given_ = true;
    resize(size);
    moveIntoScreen(); // the earlier one's place was for another size
    resetLayout();
}

// Shares of the window: in a small one the plots must not be what is left over.
void MainWindow::shareWidth() {
    const auto share = [](int wished, int least, int most) {
        return std::clamp(wished, theme::scaled(least), theme::scaled(most));
    };
    resizeDocks({docks_[0], docks_[1]}, {share(width() * 34 / 100, 300, 500), share(width() * 49 / 200, 262, 304)},
                Qt::Horizontal);
}

void MainWindow::buildStrip() {
    auto* strip = new QFrame;
    strip->setObjectName(QStringLiteral("strip"));
    strip->setProperty("role", "header");
    strip->setFixedHeight(stripHeight());
    auto* row = new QHBoxLayout(strip);
    row->setContentsMargins(6, 0, 10, 0);
    row->setSpacing(6);
    menus_->setSizePolicy(QSizePolicy::Fixed, QSizePolicy::Fixed);
    menus_->setStyleSheet(QStringLiteral("QMenuBar { border: none; }"));
    menus_->setMinimumWidth(menus_->sizeHint().width()); // every menu stays, however narrow the window
    row->addWidget(menus_);
    row->addSpacing(8);
    auto* open = new QPushButton(tr("Open"));
    open->setMenu(command(QStringLiteral("file.open-folder"))->property("menu").value<QMenu*>());
    row->addWidget(open);
    row->addWidget(stripButton(tr("Calibrate"), "run.calibrate"));
    row->addWidget(stripButton(tr("Quantize"), "run.quantize"));
    row->addWidget(stripButton(tr("Evaluate"), "run.evaluate", true));
    row->addWidget(stripButton(tr("Export …"), "run.export"));
    model_summary_ = new ElidedLabel; // gives way first in a narrow window, down to the name
    model_summary_->setProperty("role", "secondary");
    model_summary_->setAlignment(Qt::AlignRight | Qt::AlignVCenter);
    row->addWidget(model_summary_, 1);
    row->addSpacing(8);
    search_ = stripButton({}, "view.palette");
    connect(command(QStringLiteral("view.palette")), &QAction::changed, this, &MainWindow::nameSearch);
    nameSearch();
    row->addWidget(search_);
    devices_ = new DeviceChooser;
    row->addWidget(devices_);
    executions_ = new ExecutionChooser;
    row->addWidget(executions_);
    connect(executions_, &ExecutionChooser::chosen, &session_, &Session::setExecution);
    connect(devices_, &DeviceChooser::chosen, this,
            [this](const QString& device) { session_.setDevice(device.toStdString()); });
    connect(devices_, &DeviceChooser::chosenElsewhere, this,
            [this](const QString& device) { session_.setDeviceElsewhere(device.toStdString()); });
    connect(devices_, &DeviceChooser::machineWanted, this, [this] { askMachine(); });
    setMenuWidget(strip);
}

QPushButton* MainWindow::stripButton(const QString& text, const char* name, bool primary) {
    QAction* action = command(QLatin1String(name));
    auto* button = new QPushButton(text);
    button->setProperty("primary", primary);
    button->setFocusPolicy(Qt::TabFocus);
    const auto follow = [button, action] {
        button->setEnabled(action->isEnabled());
        button->setToolTip(QStringLiteral("%1  %2")
                               .arg(action->toolTip(), action->shortcut().toString(QKeySequence::NativeText))
                               .trimmed());
    };
    follow();
    connect(button, &QPushButton::clicked, action, &QAction::trigger);
    connect(action, &QAction::changed, button, follow);
    return button;
}

void MainWindow::nameSearch() {
    constexpr int roomy = 1280; // below, the strip needs every pixel for the model's name; the tip has the keys
    const QKeySequence keys = command(QStringLiteral("view.palette"))->shortcut();
    search_->setText(keys.isEmpty() || width() < roomy
                         ? tr("Search")
                         : tr("Search   %1").arg(keys.toString(QKeySequence::NativeText).replace(u'+', u' ')));
}

void MainWindow::resizeEvent(QResizeEvent* event) {
    nameSearch();
    QMainWindow::resizeEvent(event);
    if (event->size() != event->oldSize()) fitDocks(event->oldSize());
}

void MainWindow::connectPanels() {
    connect(layers_, &LayersPanel::selectionChanged, &session_, &Session::select);
    connect(layers_, &LayersPanel::ruleWanted, &session_, &Session::addRule);
    connect(layers_, &LayersPanel::explainWanted, this, &MainWindow::explain);
    connect(layers_, &LayersPanel::sightChanged, this, [this] { session_.setInSight(layers_->inSight()); });
    connect(recipe_, &RecipePanel::presetWanted, this, &MainWindow::takePreset);
    connect(recipe_->undoButton(), &QToolButton::clicked, &session_, &Session::undo);
    connect(recipe_->redoButton(), &QToolButton::clicked, &session_, &Session::redo);
    connect(runs_, &RunsPanel::baselineChosen, &session_.runList(), &RunList::setBaseline);
    connect(runs_, &RunsPanel::removeWanted, &session_.runList(), &RunList::remove);
    connect(runs_, &RunsPanel::selectionChanged, this, [this](const std::vector<int>& chosen) {
        if (!chosen.empty()) session_.runList().show(chosen.front());
        updateActions();
    });
    connect(runs_, &RunsPanel::continueWanted, this, [this](int run) { continueRuns({run}); });
    connect(runs_, &RunsPanel::compareWanted, plots_, &PlotArea::compareSeveral);
    connect(runs_, &RunsPanel::commandLineWanted, this, &MainWindow::copyCommandLine);
    connect(runs_, &RunsPanel::exportWanted, this, &MainWindow::askExport);
    const auto load_recipe = [this](int id) {
        const Run* run = session_.run(id);
        if (run && !run->full_precision) session_.setRecipe(run->recipe, tr("recipe of %1").arg(run->name));
    };
    connect(runs_, &RunsPanel::recipeWanted, this, load_recipe);
    connect(plots_, &PlotArea::recipeWanted, this, load_recipe);
    plots_->setMeasuredOn([this](bool own_type) { return measuredOn(own_type); });
    connect(plots_, &PlotArea::lengthsWanted, this, &MainWindow::askLengths);
    connect(plots_, &PlotArea::speedWanted, this, &MainWindow::measureSpeed);
    connect(plots_, &PlotArea::searchWanted, this, &MainWindow::searchRecipe);
    connect(plots_, &PlotArea::sensitivityWanted, this, &MainWindow::predictSensitivity);
    connect(plots_, &PlotArea::answersWanted, this, [this](const TaskAsked& asked) {
        jobs_->showJobs();
        session_.answerTask(asked);
    });
    connect(plots_, &PlotArea::divergenceWanted, this, &MainWindow::measureDivergence);
    connect(plots_, &PlotArea::generateWanted, &session_, &Session::continuePrompt);
    connect(plots_, &PlotArea::searchedRecipeWanted, this, [this](int point) {
        const std::vector<SearchedPoint> points = all_points(session_.searches());
        if (point < 0 || std::cmp_greater_equal(point, points.size())) return;
        const SearchedPoint& wanted = points[static_cast<std::size_t>(point)];
        session_.setRecipe(wanted.point->recipe,
                           wanted.searched ? tr("searched recipe") : QString::fromStdString(wanted.point->name));
    });
    connect(plots_, &PlotArea::pinWanted, this, [this](PinnedPlots::Kind kind) {
        if (const auto layer = session_.primary()) pins_->pin(*layer, kind);
    });
    connect(pins_, &PinnedPlots::failed, this, [this](const QString& text) { showFailure(tr("Save"), text); });
    connect(plots_, &PlotArea::failed, this, [this](const QString& text) { showFailure(tr("Save"), text); });
    connect(jobs_, &JobsPanel::cancelWanted, this, [this](int job) { session_.jobs().cancel(JobId{job}); });
    connect(jobs_, &JobsPanel::holdWanted, this,
            [this](int job, bool held) { session_.jobs().hold(JobId{job}, held); });
    connect(jobs_, &JobsPanel::moveWanted, this,
            [this](int job, int before) { session_.jobs().move(JobId{job}, JobId{before}); });
    connect(welcome_, &WelcomePage::openWanted, this, &MainWindow::openPath);
    connect(welcome_, &WelcomePage::tourWanted, tour_, &Tour::start);
    connect(welcome_, &WelcomePage::folderWanted, this, &MainWindow::askFolder);
    connect(welcome_, &WelcomePage::fileWanted, this, &MainWindow::askFile);
    connect(welcome_, &WelcomePage::forgetWanted, this, [this](const QString& path) {
        forget_model(settings_, path);
        refreshWelcome();
    });
}

void MainWindow::connectSession() {
    layers_soon_ = new QTimer(this);
    layers_soon_->setSingleShot(true);
    layers_soon_->setInterval(60); // what-ifs arrive one by one; the table follows a few times a second
    connect(layers_soon_, &QTimer::timeout, this, &MainWindow::updateLayers);
    const auto soon = [this] {
        if (!layers_soon_->isActive()) layers_soon_->start();
    };
    connect(&session_, &Session::modelChanged, this, [this] {
        saved_.reset();
        session_path_.clear(); // until a session file says that it is of this model
        remember_model(settings_, QString::fromStdString(session_.model()->parts().path.string()));
        centre_->setCurrentWidget(plot_page_);
        welcome_->setProblem({});
        damage_.clear();
        updateLayers();
        updateTitle();
        refreshWelcome();
        first_selection_ = session_.selection();
        visited_.clear();
        bookmarks_.clear();
        jobs_->setNotes({});
        visited_.visit(first_selection_);
        layers_->setSelection(first_selection_);
        offerDrafts();
    });
    connect(&session_, &Session::modelLeaving, this, [this] {
        if (draft_soon_->isActive()) keepDraft(); // under the model that it is of
    });
    draft_soon_ = new QTimer(this);
    draft_soon_->setSingleShot(true);
    draft_soon_->setInterval(400);
    connect(draft_soon_, &QTimer::timeout, this, [this] { keepDraft(); });
    const auto changed = [this] {
        if (!draft_soon_->isActive()) draft_soon_->start(); // a stream of changes must not put it off for ever
    };
    connect(jobs_, &JobsPanel::notesEdited, this, changed);
    connect(&session_, &Session::runsChanged, this, [this] { // no run is on the disk before the recipe it is of
        if (draft_soon_->isActive()) keepDraft();
    });
    connect(&session_, &Session::recipeChanged, this, changed);
    connect(&session_, &Session::selectionChanged, this, changed);
    connect(&session_, &Session::statsChanged, this, changed);
    connect(plots_, &QTabWidget::currentChanged, this, changed);
    connect(offer_, &OfferBar::taken, this, [this] { offered_.empty() ? continueRuns(cutOffRuns()) : takeDraft(); });
    connect(offer_, &OfferBar::besides, this, [this] {
        continueRuns(cutOffRuns());
        showOffer();
    });
    connect(tour_, &Tour::left, this, &MainWindow::showOffer);
    connect(offer_, &OfferBar::refused, this,
            [this] { offered_.empty() ? session_.runList().leaveCutOff() : discardDraft(); });
    connect(offer_, &OfferBar::putOff, this, &MainWindow::putOffDrafts);
    connect(&session_.runList(), &RunList::cameBack, this, &MainWindow::showOffer);
    // Queued: after the model's own consequences, so that nothing undoes what the session file says.
    connect(&session_, &Session::modelChanged, this, &MainWindow::finishOpening, Qt::QueuedConnection);
    connect(&session_, &Session::restored, this, &MainWindow::sayRestored);
    connect(&session_, &Session::openFailed, this, [this](const QString& path, const QString& why) {
        jobs_->addLogLine(tr("%1: %2").arg(path, why));
        if (!session_.model())
            welcome_->setProblem(tr("%1 was not opened: %2").arg(path, why));
        else
            showFailure(tr("Open %1").arg(path), why);
    });
    connect(&session_, &Session::modelDamaged, this, [this](const QString& why) {
        damage_ = why;
        updateTitle();
        showFailure(tr("The model's files have changed"), why);
    });
    connect(&session_, &Session::statsChanged, this, soon);
    connect(&session_, &Session::statsChanged, this, [this] {
        worst_wanted_ = true;
        updateActions(); // what evaluating begins with
    });
    connect(&session_, &Session::recipeChanged, this, soon);
    connect(&session_, &Session::recipeChanged, this, &MainWindow::sayKept);
    connect(&session_.runList(), &RunList::keptChanged, this, &MainWindow::sayKept);
    connect(&session_.runList(), &RunList::keptChanged, this, &MainWindow::showOffer);
    connect(&session_, &Session::whatIfChanged, this, soon);
    connect(&session_, &Session::reportsChanged, this, soon);
    connect(&session_, &Session::decisionsChanged, this, soon);
    connect(&session_, &Session::selectionChanged, this, [this] {
        layers_->setSelection(session_.selection());
        visited_.visit(session_.selection());
        updateActions();
    });
    connect(&session_, &Session::runsChanged, this, [this] {
        runs_->setRows(run_rows(session_));
        const std::vector<int> cut_off = cutOffRuns();
        if (offered_.empty() && cut_off.empty()) offer_->withdraw(); // they go on, or are gone
        if (!offered_.empty() && !offer_->isHidden() && cut_off != offered_runs_) showOffer();
        updateActions();
    });
    connect(&session_, &Session::logged, jobs_, &JobsPanel::addLogLine);
    connect(&session_, &Session::failed, this, &MainWindow::showFailure);
    connect(&session_, &Session::exported, this, &MainWindow::showExported);
    connect(&session_, &Session::devicesChanged, this, [this] {
        DeviceChooser::Elsewhere elsewhere;
        if (const auto& machine = session_.machine())
            elsewhere = {machine->host(), machine->hello.devices, session_.deviceElsewhere()};
        devices_->setDevices(session_.devices(), session_.device(), elsewhere);
        executions_->setExecution(session_.execution());
        sayKept();
    });
    session_.jobs().standForMemory(asking_);
    connect(&session_.jobs(), &JobRunner::shortOfMemory, this, &MainWindow::askForMemory);
    connect(&session_.jobs(), &JobRunner::ended, this,
            [this](JobId job) { // long work is done while one looks elsewhere
                if (opening_ && opening_->job == job && session_.openedBy() != job)
                    opening_.reset(); // it comes no more
                if (!isActiveWindow() && !session_.jobs().busy()) QApplication::alert(this);
            });
    connect(&session_.jobs(), &JobRunner::changed, this, [this] {
        updateJobs();
        updateActions();
    });
}

void MainWindow::updateLayers() {
    layers_->setRows(layer_rows(session_));
    if (worst_wanted_ && session_.statsComplete() && session_.whatIfs().idle()) showWorst();
}

// Where does it hurt? After a calibration the answer is on top, unless somebody has chosen an order or a row.
void MainWindow::showWorst() {
    worst_wanted_ = false;
    layers_->sortWorstFirst();
    const std::vector<LayerId> order = layers_->matching();
    const bool chosen = layers_->selectionChosen() || session_.selection() != first_selection_;
    if (!chosen && !order.empty()) session_.select({order.front()});
}

// Progress is polled while there is some: a window that nothing happens in does nothing.
void MainWindow::updateJobs() {
    session_.poll();
    jobs_->setRows(job_rows(session_, pace_));
    awake_.set(session_.jobs().moving());
    if (!session_.jobs().moving())
        tick_->stop();
    else if (!tick_->isActive())
        tick_->start(100);
}

void MainWindow::updateTitle() {
    if (!session_.model()) {
        setWindowTitle(tr("Graticule"));
        model_summary_->setText(tr("no model open"));
        return;
    }
    const Model& model = *session_.model();
    const QString name = QString::fromStdString(model.name());
    setWindowTitle(tr("%1 – Graticule").arg(name));
    const QString parts = damage_.isEmpty()
                              ? tr("%1 · %2").arg(count_text(static_cast<double>(model.parameter_count())),
                                                  linears_text(std::ssize(model.linears())))
                              : tr("cut short on the disk");
    model_summary_->setText(tr("%1 · %2").arg(name, parts));
    model_summary_->setHelp(damage_.isEmpty() ? QString::fromStdString(model.parts().path.string()) : damage_);
    constexpr int longest_kept = 160; // of a name that would push the choosers out of the strip
    const QFontMetrics metrics(model_summary_->font());
    model_summary_->setMinimumWidth(std::min(longest_kept, metrics.horizontalAdvance(name + u'…') + 2));
}

QString MainWindow::beingOpened() const {
    for (const JobView& job : session_.jobs().jobs()) {
        if (job.opens.isEmpty() || job.stopping) continue; // which was given up
        if (job.state != JobState::waiting && job.state != JobState::running) continue;
        if (opening_ && opening_->job == job.id) return QFileInfo(opening_->path).fileName();
        return job.opens;
    }
    return {};
}

// Before there is a model, keys and clicks that were meant for it must not open another one in its place.
void MainWindow::updateOpening() {
    const QString name = session_.model() ? QString() : beingOpened();
    const QString stop = command(QStringLiteral("run.cancel"))->shortcut().toString(QKeySequence::NativeText);
    const QString text = name.isEmpty()   ? QString()
                         : stop.isEmpty() ? tr("Opening %1 …").arg(name)
                                          : tr("Opening %1 …   %2 stops it").arg(name, stop);
    welcome_->setOpening(text);
    recent_menu_->setEnabled(name.isEmpty() && !recent_menu_->isEmpty());
    for (QAction* action : commands_)
        if (action->property("opens").toBool()) action->setEnabled(name.isEmpty());
    command(QStringLiteral("file.open-again"))->setEnabled(session_.model() != nullptr);
}

void MainWindow::updateActions() {
    updateOpening();
    const bool open = session_.model() != nullptr;
    const bool works = open && session_.resolution().resolved.has_value();
    const auto enable = [this](const char* name, bool on) {
        if (QAction* action = command(QLatin1String(name))) action->setEnabled(on);
    };
    for (const char* name : {"run.calibrate", "run.lengths", "run.speed", "edit.select-all", "file.save-recipe",
                             "file.save-session", "file.open-recipe", "edit.copy-command", "file.save-plot",
                             "file.save-plot-data", "edit.history", "edit.set-current", "edit.find", "run.search"})
        enable(name, open);
    const std::size_t chosen = runs_->selectedRuns().size();
    enable("compare.selected", chosen > 0);
    enable("compare.baseline", chosen == 1);
    enable("run.continue", !stoppedRuns().empty());
    for (const char* name : {"compare.copy-markdown", "compare.copy-csv", "compare.copy-json"})
        enable(name, !session_.runs().empty());
    for (const char* name : {"run.quantize", "run.evaluate", "run.all", "run.measure-lengths", "run.sensitivity",
                             "run.measure-sensitivity", "run.divergence", "run.generate", "run.task"}) {
        QAction* action = command(QLatin1String(name));
        action->setEnabled(works);
        // A command that cannot be given says why where it is looked for.
        if (!action->property("help").isValid()) action->setProperty("help", action->toolTip());
        QString tip = action->property("help").toString();
        if (open && !works)
            tip =
                tr("The recipe cannot work: %1").arg(QString::fromStdString(session_.resolution().diagnostics.text()));
        const bool all = action->objectName() == u"run.all";
        if (works && (all || action->objectName() == u"run.evaluate")) {
            const auto when = all ? Session::Calibrate::always : Session::Calibrate::where_needed;
            tip = QStringList{tip, beforeEvaluation(when)}.join(u'\n').trimmed();
        }
        if (works && action->objectName() == u"run.quantize") tip = QStringList{tip, kept_said_}.join(u'\n').trimmed();
        action->setToolTip(tip);
    }
    enable("view.bookmark", open && !session_.selection().empty());
    enable("view.copy-location", open);
    for (std::size_t at = 0; at < most_bookmarks; ++at) {
        QAction* go = command(QStringLiteral("view.bookmark%1").arg(at + 1));
        const bool set = open && at < bookmarks_.size() && !bookmarks_[at].layers.isEmpty();
        go->setEnabled(set);
        go->setText(set ? tr("&%1: %2").arg(at + 1).arg(placeText(bookmarks_[at])) : tr("&%1: free").arg(at + 1));
    }
    enable("view.back", visited_.canGoBack());
    enable("view.forward", visited_.canGoForward());
    enable("run.export", quantizedRecipe() != nullptr || chosenRun() != 0);
    enable("run.report", chosenRun() != 0);
    enable("run.cancel", session_.jobs().busy());
    enable("run.pause", session_.jobs().busy());
    const RecipeHistory& history = session_.history();
    enable("edit.undo", open && history.canUndo());
    enable("edit.redo", open && history.canRedo());
    command(QStringLiteral("edit.undo"))
        ->setText(history.canUndo() ? tr("&Undo %1").arg(history.undoName()) : tr("&Undo"));
    command(QStringLiteral("edit.redo"))
        ->setText(history.canRedo() ? tr("&Redo %1").arg(history.redoName()) : tr("&Redo"));
    recipe_->undoButton()->setEnabled(open && history.canUndo());
    recipe_->redoButton()->setEnabled(open && history.canRedo());
}

void MainWindow::saveLayout() {
    settings_.setValue(QStringLiteral("window/geometry"), saveGeometry());
    settings_.setValue(QStringLiteral("window/layout"), saveState(layoutVersion));
    settings_.setValue(QStringLiteral("window/drawn-borders"),
                       QVariantList(drawn_borders_.begin(), drawn_borders_.end()));
}

void MainWindow::closeEvent(QCloseEvent* event) {
    if (!mayStopJobs(tr("Leave Graticule"), tr("Stop and leave"))) return event->ignore();
    if (draft_soon_->isActive()) keepDraft();
    waitUntilKept();
    if (!mayLoseWork(tr("Leave Graticule"))) return event->ignore();
    saveLayout();
    tick_->stop();
    // What runs is asked to stop; the session's runner joins its thread before anything it uses goes away.
    session_.leaveJobs();
    event->accept();
}

void MainWindow::changeEvent(QEvent* event) {
    QMainWindow::changeEvent(event);
    // What another window found meanwhile is seen by who comes back to this one.
    if (event->type() == QEvent::ActivationChange && isActiveWindow()) session_.runList().readAgain();
}

void MainWindow::setTheme(theme::Mode mode) {
    theme_ = mode;
    settings_.setValue(QStringLiteral("window/theme"), theme::mode_name(mode));
    theme::apply(*qApp, mode);
    presenter_->refresh();
}

void MainWindow::setTextScale(double scale) {
    theme::set_text_scale(scale);
    settings_.setValue(QStringLiteral("window/text-scale"), theme::text_scale());
    setTheme(theme_);
    menuWidget()->setFixedHeight(stripHeight());
    menus_->setMinimumWidth(menus_->sizeHint().width());
    shareWidth();
    updateTitle(); // room for the model's name
}

void MainWindow::setReducedMotion(bool reduced) {
    settings_.setValue(QStringLiteral("window/reduced-motion"), reduced);
    setAnimated(!reduced); // docks that slide
    for (const Qt::UIEffect effect : {Qt::UI_AnimateMenu, Qt::UI_FadeMenu, Qt::UI_AnimateCombo, Qt::UI_AnimateTooltip,
                                      Qt::UI_FadeTooltip, Qt::UI_AnimateToolBox})
        QApplication::setEffectEnabled(effect, !reduced);
}

void MainWindow::showFor(const QString& path) {
    if (isMinimized()) showNormal();
    raise();
    activateWindow();
    if (!path.isEmpty()) openPath(path);
}

} // namespace graticule
