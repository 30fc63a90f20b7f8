// Every command of the window: in a menu, with its shortcut, found by the palette.
#include <QtCore/QSettings>
#include <QtGui/QActionGroup>
#include <QtGui/QClipboard>
#include <QtWidgets/QApplication>
#include <QtWidgets/QDialog>
#include <QtWidgets/QDockWidget>
#include <QtWidgets/QDoubleSpinBox>
#include <QtWidgets/QListWidget>
#include <QtWidgets/QMenuBar>
#include <QtWidgets/QMessageBox>
#include <QtWidgets/QPlainTextEdit>
#include <QtWidgets/QSpinBox>
#include <QtWidgets/QVBoxLayout>
#include <algorithm>
#include <functional>

#include "app/session/recent_models.h"
#include "app/window/catalogue.h"
#include "app/window/explain_figure.h"
#include "app/window/main_window.h"
#include "app/window/search_words.h"
#include "app/window/tour.h"
#include "core/base/provenance.h"
#include "core/recipe/presets.h"
#include "widgets/models/table_text.h"
#include "widgets/panels/colour_preview.h"
#include "widgets/panels/command_palette.h"
#include "widgets/panels/find_bar.h"
#include "widgets/panels/generate_panel.h"
#include "widgets/panels/jobs_panel.h"
#include "widgets/panels/layers_panel.h"
#include "widgets/panels/recipe_panel.h"
#include "widgets/panels/runs_panel.h"
#include "widgets/panels/search_panel.h"
#include "widgets/panels/sensitivity_panel.h"

namespace graticule {

QAction* MainWindow::command(const QString& name) const {
    for (QAction* action : commands_)
        if (action->objectName() == name) return action;
    return nullptr;
}

namespace {
/// A command that cannot be given while something else is opened.
QAction* opening(QAction* command) {
    command->setProperty("opens", true);
    return command;
}
} // namespace

QAction* MainWindow::addCommand(QMenu* menu, const char* name, const QString& text, const QKeySequence& keys,
                                std::function<void()> go) {
    auto* action = new QAction(text, this);
    action->setObjectName(QLatin1String(name));
    action->setShortcut(keys);
    connect(action, &QAction::triggered, this, [go = std::move(go)] { go(); });
    menu->addAction(action);
    addAction(action); // works whatever dock has the focus
    commands_.push_back(action);
    return action;
}

void MainWindow::buildMenus() {
    menus_ = new QMenuBar;
    buildFileMenu(menus_);
    buildEditMenu(menus_);
    buildViewMenu(menus_);
    buildRunMenu(menus_);
    buildCompareMenu(menus_);
    buildHelpMenu(menus_);
    loadShortcuts();
}

void MainWindow::buildFileMenu(QMenuBar* bar) {
    QMenu* menu = bar->addMenu(tr("&File"));
    auto* open = new QMenu(tr("Open"), this); // the strip's button; the same commands as in this menu
    QAction* folder = opening(
        addCommand(menu, "file.open-folder", tr("Open model &folder …"), QKeySequence::Open, [this] { askFolder(); }));
    folder->setProperty("menu", QVariant::fromValue(open));
    open->addAction(folder);
    open->addAction(opening(addCommand(menu, "file.open-file", tr("Open model f&ile …"), {}, [this] { askFile(); })));
    open->addAction(opening(addCommand(menu, "file.open-again", tr("Open &again"), {}, [this] { openAgain(); })));
    open->addSeparator();
    for (const RecentModel& sample : shipped_models())
        open->addAction(
            opening(addCommand(menu, qPrintable(QStringLiteral("file.") + sample.name), tr("Open %1").arg(sample.name),
                               {}, [this, path = sample.path] { openPath(path); })));
    recent_menu_ = menu->addMenu(tr("Recent models"));
    opening(addCommand(menu, "file.open-session", tr("Open s&ession …"), QKeySequence(tr("Ctrl+Shift+O")),
                       [this] { askSession(); }));
    describe(addCommand(menu, "file.save-session", tr("Save sessio&n …"), QKeySequence(tr("Ctrl+Shift+S")),
                        [this] { askSaveSession(); }),
             tr("Model, recipe, runs and screen in one file to come back to or hand on"), "export");
    menu->addSeparator();
    addCommand(menu, "file.open-recipe", tr("Open &recipe …"), QKeySequence(tr("Ctrl+R")), [this] { askRecipe(); });
    describe(addCommand(menu, "file.save-recipe", tr("&Save recipe …"), QKeySequence::Save, [this] { saveRecipe(); }),
             tr("The recipe as a file for this program and the command line"), "export json");
    menu->addSeparator();
    describe(addCommand(menu, "file.save-plot", tr("Save &plot as PNG or SVG …"), QKeySequence(tr("Ctrl+P")),
                        [this] {
                            if (auto* plot = plots_->currentPlot()) plot->saveImage();
                        }),
             tr("The plot in sight, with its caption"), "export picture image");
    describe(addCommand(menu, "file.save-plot-data", tr("Save the plot's &numbers as CSV …"), {},
                        [this] {
                            if (auto* plot = plots_->currentPlot()) plot->saveData();
                        }),
             tr("The table behind the plot in sight"), "export data");
    menu->addSeparator();
    addCommand(menu, "file.quit", tr("&Quit"), QKeySequence::Quit, [this] { close(); });
}

void MainWindow::buildEditMenu(QMenuBar* bar) {
    QMenu* menu = bar->addMenu(tr("&Edit"));
    addCommand(menu, "edit.undo", tr("&Undo"), QKeySequence::Undo, [this] { session_.undo(); });
    addCommand(menu, "edit.redo", tr("&Redo"), QKeySequence(tr("Ctrl+Shift+Z")), [this] { session_.redo(); });
    addCommand(menu, "edit.history", tr("&History of the recipe …"), QKeySequence(tr("Ctrl+H")),
               [this] { showHistory(); });
    menu->addSeparator();
    addCommand(menu, "edit.select-all", tr("Select &all linears"), QKeySequence(tr("Ctrl+Shift+A")),
               [this] { session_.selectWhere([](const Linear&) { return true; }); });
    addCommand(menu, "edit.find", tr("&Find in this view"), QKeySequence::Find, [this] { find(); })
        ->setToolTip(
            tr("Words in the table or text that has the focus; of the layers, and of what has none, the filter"));
    addCommand(menu, "edit.set-current", tr("Take the recipe as &current for what-if"), QKeySequence(tr("Ctrl+Return")),
               [this] { session_.setReferenceToCurrent(); });
    menu->addSeparator();
    describe(addCommand(menu, "edit.copy-command", tr("Copy as &command line"), QKeySequence(tr("Ctrl+Shift+C")),
                        [this] { copyCommandLine(0); }),
             tr("What graticule-cli is to be told to do the same"), "export terminal shell");
}

void MainWindow::buildViewMenu(QMenuBar* bar) {
    QMenu* menu = bar->addMenu(tr("&View"));
    addCommand(menu, "view.palette", tr("&Search everything …"), QKeySequence(tr("Ctrl+K")), [this] {
        showPalette();
    })->setShortcuts({QKeySequence(tr("Ctrl+K")), QKeySequence(tr("Ctrl+Shift+P"))});
    addCommand(menu, "view.back", tr("&Back to the selection before"), {}, [this] {
        session_.select(visited_.back());
    })->setShortcuts({QKeySequence(tr("Alt+Left")), QKeySequence(tr("Ctrl+["))});
    addCommand(menu, "view.forward", tr("&Forward again"), {}, [this] {
        session_.select(visited_.forward());
    })->setShortcuts({QKeySequence(tr("Alt+Right")), QKeySequence(tr("Ctrl+]"))});
    addCommand(menu, "view.bookmark", tr("&Bookmark this place, or no longer"), QKeySequence(tr("Ctrl+Shift+B")),
               [this] { toggleBookmark(); });
    QMenu* bookmarks = menu->addMenu(tr("Bookmarks"));
    for (std::size_t at = 0; at < most_bookmarks; ++at)
        addCommand(bookmarks, qPrintable(QStringLiteral("view.bookmark%1").arg(at + 1)), {},
                   QKeySequence(tr("Ctrl+%1").arg(at + 1)), [this, at] { goToBookmark(at); })
            ->setProperty("context", tr("Bookmark"));
    addCommand(menu, "view.copy-location", tr("Cop&y where this is"), {},
               [this] { QGuiApplication::clipboard()->setText(placeText(place())); });
    menu->addSeparator();
    for (int tab = 0; tab < plots_->count(); ++tab)
        describe(addCommand(menu, qPrintable(QStringLiteral("view.tab%1").arg(tab + 1)), plots_->tabName(tab),
                            tab < 10 ? QKeySequence(tr("Alt+%1").arg((tab + 1) % 10)) : QKeySequence(),
                            [this, tab] { plots_->setCurrentIndex(tab); }),
                 plots_->tabAbout(tab), plots_->tabWords(tab))
            ->setProperty("context", tr("Plot"));
    menu->addSeparator();
    for (QDockWidget* dock : docks_) {
        QAction* toggle = dock->toggleViewAction();
        toggle->setObjectName(QStringLiteral("view.") + dock->objectName());
        toggle->setProperty("context", tr("Show or hide"));
        menu->addAction(toggle);
        commands_.push_back(toggle);
    }
    menu->addSeparator();
    QMenu* themes = menu->addMenu(tr("Theme"));
    auto* group = new QActionGroup(this);
    const std::pair<theme::Mode, QString> modes[] = {
        {theme::Mode::dark, tr("Dark")}, {theme::Mode::light, tr("Light")}, {theme::Mode::system, tr("As the system")}};
    for (const auto& [mode, text] : modes) {
        QAction* action = addCommand(themes, qPrintable(QStringLiteral("view.theme-") + theme::mode_name(mode)), text,
                                     {}, [this, mode = mode] { setTheme(mode); });
        action->setCheckable(true);
        action->setChecked(mode == theme_);
        action->setProperty("context", tr("Theme"));
        describe(action, tr("Colours of the window and its plots"), "appearance mode settings preferences");
        group->addAction(action);
    }
    QMenu* sizes = menu->addMenu(tr("Text size"));
    auto* size_group = new QActionGroup(this);
    for (const int percent : {90, 100, 115, 130, 150}) {
        QAction* action = addCommand(sizes, qPrintable(QStringLiteral("view.text-%1").arg(percent)),
                                     tr("%1 %").arg(percent), {}, [this, percent] { setTextScale(percent / 100.0); });
        action->setCheckable(true);
        action->setChecked(qRound(theme::text_scale() * 100) == percent);
        action->setProperty("context", tr("Text size (scale)"));
        describe(action, tr("Size of all texts of the window"), "scale zoom font larger smaller settings preferences");
        size_group->addAction(action);
    }
    QAction* still = addCommand(menu, "view.still", tr("Reduce &motion"), {}, [] {});
    still->setCheckable(true);
    still->setChecked(settings_.value(QStringLiteral("window/reduced-motion")).toBool());
    connect(still, &QAction::toggled, this, &MainWindow::setReducedMotion);
    describe(addCommand(menu, "view.colours", tr("&Colours as others see them …"), {}, [this] { showColours(); }),
             tr("The window as colour-blind eyes see it"), "theme accessibility");
    describe(addCommand(menu, "view.reset", tr("&Reset layout"), {}, [this] { resetLayout(); }),
             tr("Every panel at its first place and width"), "dock window panels");
}

void MainWindow::buildRunMenu(QMenuBar* bar) {
    QMenu* menu = bar->addMenu(tr("&Run"));
    addCommand(menu, "run.calibrate", tr("&Calibrate …"), QKeySequence(Qt::Key_F5), [this] {
        askCalibrate();
    })->setToolTip(tr("Watch the inputs of every linear over a text"));
    describe(addCommand(menu, "run.lengths", tr("Compare calibration &lengths …"), {}, [this] { askLengths(false); }),
             tr("GPTQ's update ratio at several calibration lengths, and the length advised (SLAC)"),
             "sequence length");
    describe(
        addCommand(menu, "run.measure-lengths", tr("&Measure calibration lengths …"), {}, [this] { askLengths(true); }),
        tr("The recipe's perplexity by calibration length × evaluation length"), "slac sequence length matrix");
    addCommand(menu, "run.speed", tr("Measure &speed"), {}, [this] {
        measureSpeed();
    })->setToolTip(tr("Time and memory of passes in full precision and with the kernels there are for 8 and 4 bits"));
    addCommand(menu, "run.sensitivity", tr("Predict sensitivit&y"), {}, [this] {
        predictSensitivity(0);
    })->setToolTip(tr("What the recipe's schemes, and 8 bits in their place, cost each linear: columns of the layers"));
    addCommand(menu, "run.measure-sensitivity", tr("Measure sensitivity of the worst"), {}, [this] {
        predictSensitivity(std::max(1, plots_->findChild<SensitivityPanel*>()->measured()->value()));
    })->setToolTip(tr("Sensitivity predicted, and the worst linears of every scheme quantized alone and measured"));
    addCommand(menu, "run.divergence", tr("Measure &divergence"), {}, [this] {
        measureDivergence();
    })->setToolTip(tr("How far the recipe's predictions are from full precision's, token by token, and where"));
    addCommand(menu, "run.search", tr("Search f&or a recipe …"), {}, [this] {
        plots_->showTab(PlotArea::Search);
        plots_->findChild<SearchPanel*>()->budget()->setFocus(Qt::ShortcutFocusReason);
    })->setToolTip(tr("Schemes chosen layer by layer under a budget, held against all layers alike"));
    addCommand(menu, "run.generate", tr("Continue a pro&mpt …"), {}, [this] {
        plots_->showTab(PlotArea::Generate);
        plots_->findChild<GeneratePanel*>()->prompt()->setFocus(Qt::ShortcutFocusReason);
    })->setToolTip(tr("How the model as it is and under the recipe go on from the same words, side by side"));
    addCommand(menu, "run.task", tr("Answer a &task …"), {}, [this] {
        plots_->showTab(PlotArea::Tasks);
    })->setToolTip(tr("PIQA, HellaSwag, MMLU and others, or questions of your own: accuracy, and which answers flip"));
    addCommand(menu, "run.quantize", tr("&Quantize"), QKeySequence(Qt::Key_F6), [this] {
        quantize();
    })->setToolTip(tr("Quantize the model by the recipe"));
    describe(addCommand(menu, "run.evaluate", tr("&Evaluate …"), QKeySequence(Qt::Key_F7), [this] { askEvaluate(); }),
             tr("Perplexity of the recipe, and of full precision where it is missing"), "ppl baseline measure");
    addCommand(menu, "run.continue", tr("C&ontinue stopped evaluations"), {}, [this] {
        continueRuns(stoppedRuns());
    })->setToolTip(tr("The selected runs that were stopped, else all: each goes on behind its last window"));
    describe(addCommand(menu, "run.export", tr("E&xport …"), QKeySequence(tr("Ctrl+E")), [this] { askExport(0); }),
             tr("Write the quantized model for other programs"),
             "write save vllm gguf awq gptq compressed-tensors qserve");
    describe(addCommand(menu, "run.report", tr("&Write report …"), QKeySequence(tr("Ctrl+Shift+E")),
                        [this] { askReport(); }),
             tr("A self-contained HTML page and a Markdown model card of the selected run"),
             "export html model card markdown");
    menu->addSeparator();
    describe(addCommand(menu, "run.all", tr("Run &all: calibrate, quantize, evaluate, compare"), QKeySequence(tr("F9")),
                        [this] { runEverything(); }),
             tr("Everything from calibration to perplexity, one after the other"), "ppl baseline");
    addCommand(menu, "run.pause", tr("&Pause the running job, or let it go on"), QKeySequence(Qt::Key_Pause),
               [this] { pauseRunning(); });
    addCommand(menu, "run.cancel", tr("Cancel all &jobs"), QKeySequence(tr("Ctrl+.")), [this] { cancelAll(); });
}

void MainWindow::buildCompareMenu(QMenuBar* bar) {
    QMenu* menu = bar->addMenu(tr("&Compare"));
    describe(addCommand(menu, "compare.selected", tr("&Compare the selected runs"), QKeySequence(tr("Ctrl+D")),
                        [this] { runs_->compareSelected(); }),
             tr("Two or more selected runs, or one with the baseline"), "difference");
    describe(addCommand(menu, "compare.baseline", tr("Make the selected run the &baseline"), QKeySequence(tr("Ctrl+B")),
                        [this] { session_.runList().setBaseline(runs_->selectedRuns().front()); }),
             tr("Every difference of the runs refers to it"), "reference");
    menu->addSeparator();
    const std::tuple<const char*, QString, TableFormat> formats[] = {
        {"compare.copy-markdown", tr("Copy the runs as &Markdown"), TableFormat::markdown},
        {"compare.copy-csv", tr("Copy the runs as C&SV"), TableFormat::csv},
        {"compare.copy-json", tr("Copy the runs as &JSON"), TableFormat::json}};
    for (const auto& [name, text, format] : formats)
        describe(addCommand(menu, name, text, {},
                            [this, format = format] {
                                QGuiApplication::clipboard()->setText(table_as(format, *runs_->table()));
                            }),
                 tr("The table of runs to the clipboard"), "export report");
}

void MainWindow::buildHelpMenu(QMenuBar* bar) {
    QMenu* menu = bar->addMenu(tr("&Help"));
    addCommand(menu, "help.shortcuts", tr("Keyboard &shortcuts"), QKeySequence(tr("?")), [this] { showShortcuts(); });
    describe(opening(addCommand(menu, "help.tour", tr("&Tour: find what hurts in a sample"), {},
                                [this] { tour_->start(); })),
             tr("Seven steps from opening a model to a finding"), "tutorial guide demo");
    describe(addCommand(menu, "help.problem", tr("Write &problem report …"), {}, [this] { askProblemReport(); }),
             tr("One text with versions, devices, model, recipe, runs and log, to send with a question"), "bug export");
    addCommand(menu, "help.about", tr("&About Graticule"), {}, [this] { showAbout(); });
}

void MainWindow::find() {
    QWidget* focused = QApplication::focusWidget();
    if (!find_) find_ = new FindBar(this);
    if (!focused || layers_->isAncestorOf(focused) || !find_->openIn(focused)) layers_->focusFilter();
}

void MainWindow::showPalette() {
    std::vector<PaletteItem> items, steps; // steps of the recipe's history come last: their names are of what they undo
    for (QAction* action : commands_) {
        if (action->objectName() == u"view.palette") continue; // it is open
        const bool is_step = action->objectName() == u"edit.undo" || action->objectName() == u"edit.redo";
        const bool help = action->objectName().startsWith(QStringLiteral("help."));
        const SearchWords said = search_words(*action);
        (is_step ? steps : items)
            .push_back({help ? PaletteItem::Kind::help : PaletteItem::Kind::command, fullTitle(*action),
                        action->shortcut().toString(QKeySequence::NativeText), [action] { action->trigger(); },
                        said.about, said.words, action->isEnabled() ? QString() : tr("not now")});
    }
    if (session_.model())
        for (const Linear& linear : session_.model()->linears())
            items.push_back({PaletteItem::Kind::layer, QString::fromStdString(linear.short_name), tr("layer"),
                             [this, id = linear.id] { session_.select({id}); }});
    const std::vector<RunName> names = session_.runList().names();
    for (std::size_t i = 0; i < names.size(); ++i)
        items.push_back({PaletteItem::Kind::run, names[i].whole(), tr("run"),
                         [this, id = session_.runs()[i].id] { runs_->selectRuns({id}); }});
    // The figures of the layers, explained; chosen, they are in the table.
    const QAbstractItemModel& figures = *layers_->table()->model();
    for (int column = 0; column < figures.columnCount(); ++column)
        if (const QString about = figures.headerData(column, Qt::Horizontal, Qt::ToolTipRole).toString();
            !about.isEmpty())
            items.push_back({PaletteItem::Kind::help, whole_heading(figures, column), tr("in the table of layers"),
                             [this, column] { layers_->showColumn(column); }, about});
    if (session_.model()) addChoices(items);
    items.insert(items.end(), steps.begin(), steps.end());
    auto* palette = new CommandPalette(std::move(items), this);
    palette->open();
}

// What can be chosen for the recipe: presets for the whole of it, methods for the selected layers.
void MainWindow::addChoices(std::vector<PaletteItem>& items) {
    for (const PresetEntry& preset : preset_entries())
        items.push_back({PaletteItem::Kind::command, tr("Preset %1").arg(preset.name), tr("for all"),
                         [this, name = preset.name] { takePreset(name); }, preset.help, preset.line});
    const QString not_now = session_.selection().empty() ? tr("nothing is selected") : QString();
    const auto in_form = [this](const std::function<void(SchemeEditor&)>& change) {
        return [this, change] { // where one sees what it did
            auto* dock = findChild<QDockWidget*>(QStringLiteral("recipe"));
            dock->show();
            dock->raise();
            change(*recipe_->editor());
        };
    };
    for (const SchemeEditor::Offer& offer : recipe_->editor()->offers())
        items.push_back({PaletteItem::Kind::command,
                         tr("%1: %2").arg(offer.field, offer.item),
                         tr("for the selection"),
                         in_form([choose = offer.choose](SchemeEditor&) { choose(); }),
                         offer.help,
                         {},
                         not_now});
    const std::vector<MethodEntry> methods = method_entries();
    for (const MethodEntry& method : methods)
        items.push_back({PaletteItem::Kind::command,
                         tr("Method %1 (%2)").arg(method.label, method.name),
                         tr("for the selection"),
                         in_form([name = method.name](SchemeEditor& editor) { editor.chooseMethod(name); }),
                         method.help,
                         {},
                         not_now});
    for (const MethodEntry& method : methods)
        for (const ParamSpec& setting : method.params) {
            const QString effect = recipe_->editor()->hasMethod(method.name) ? tr("for the selection")
                                                                             : tr("chooses %1").arg(method.label);
            const auto show = [name = method.name, setting = setting.name](SchemeEditor& editor) {
                editor.showSetting(name, setting);
            };
            items.push_back({PaletteItem::Kind::command,
                             tr("%1: %2").arg(method.label, QString::fromStdString(setting.label)), effect,
                             in_form(show), QString::fromStdString(setting.help), method.name, not_now});
        }
}

void MainWindow::takePreset(const QString& name) {
    const Preset* preset = find_preset(name.toStdString());
    if (!preset || !session_.model()) return;
    Recipe recipe = recipe_of(*preset);
    recipe.calibration = session_.recipe().calibration;
    session_.setRecipe(std::move(recipe), tr("preset %1").arg(name));
}

void MainWindow::showHistory() {
    auto* dialog = new QDialog(this);
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setWindowTitle(tr("History of the recipe"));
    auto* list = new QListWidget;
    for (const auto& step : session_.history().steps()) list->addItem(step.name);
    list->setCurrentRow(static_cast<int>(session_.history().position()));
    connect(list, &QListWidget::currentRowChanged, this, [this](int row) {
        if (row >= 0) session_.goToStep(static_cast<std::size_t>(row));
    });
    (new QVBoxLayout(dialog))->addWidget(list);
    dialog->resize(420, 420);
    dialog->open();
}

void MainWindow::showColours() {
    auto* preview = new ColourPreview(grab().toImage(), this);
    preview->setAttribute(Qt::WA_DeleteOnClose);
    preview->open();
}

Place MainWindow::place() const {
    Place place{{}, plots_->currentIndex()};
    for (const LayerId layer : session_.selection())
        place.layers << QString::fromStdString(session_.model()->linear(layer).short_name);
    return place;
}

QString MainWindow::placeText(const Place& place) const {
    const QString others = place.layers.size() > 1 ? tr(" and %1 more").arg(place.layers.size() - 1) : QString();
    return tr("%1 · %2%3 · %4")
        .arg(QString::fromStdString(session_.model()->name()), place.layers.value(0), others,
             plots_->tabName(place.plot));
}

void MainWindow::toggleBookmark() {
    const Place here = place();
    auto found = std::find(bookmarks_.begin(), bookmarks_.end(), here);
    if (found != bookmarks_.end()) {
        *found = {};
        jobs_->addLogLine(tr("Bookmark %1 is free again").arg(found - bookmarks_.begin() + 1));
    } else {
        found = std::find(bookmarks_.begin(), bookmarks_.end(), Place());
        if (found == bookmarks_.end() && bookmarks_.size() == most_bookmarks) found = bookmarks_.begin();
        if (found == bookmarks_.end()) found = bookmarks_.insert(found, Place());
        *found = here;
        const auto number = found - bookmarks_.begin() + 1;
        jobs_->addLogLine(tr("Bookmark %1: %2 (Ctrl+%1 goes there)").arg(number).arg(placeText(here)));
    }
    updateActions();
    draft_soon_->start();
}

void MainWindow::goToBookmark(std::size_t at) {
    if (at >= bookmarks_.size()) return;
    plots_->setCurrentIndex(std::clamp(bookmarks_[at].plot, 0, plots_->count() - 1));
    if (auto layers = session_.layersNamed(bookmarks_[at].layers); !layers.empty()) session_.select(std::move(layers));
}

void MainWindow::showAbout() {
    QString versions;
    for (const auto& [name, version] : current_versions())
        versions += QStringLiteral("%1 %2\n").arg(QString::fromStdString(name), QString::fromStdString(version));
    auto* box = new QMessageBox(
        QMessageBox::NoIcon, tr("About Graticule"),
        tr("Graticule, the fine measuring grid over a tensor.\n\n%1Qt %2").arg(versions, QLatin1String(qVersion())),
        QMessageBox::Close, this);
    box->setAttribute(Qt::WA_DeleteOnClose);
    box->open();
}

// In a window that stays while one looks at the next number.
void MainWindow::explain(LayerId layer, int column) {
    const auto found = explain_figure(session_, layer, column);
    auto* box =
        new QMessageBox(QMessageBox::NoIcon, tr("Explain this number"),
                        found ? found->title : tr("There is no figure to explain here"), QMessageBox::Close, this);
    box->setAttribute(Qt::WA_DeleteOnClose);
    box->setModal(false);
    box->setInformativeText(found ? found->lines
                                  : tr("Choose a number of the layer table: max |x|, outlier ratio, weight underflow, "
                                       "output SQNR or bytes. Calibrate first where there is none yet."));
    box->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
    box->show();
}

} // namespace graticule
