// The one window: a strip of menus and buttons, layers at the left, plots in the middle, the recipe at the right, runs
// and jobs below. It arranges and connects; state lives in the Session.
#pragma once

#include <QtCore/QElapsedTimer>
#include <QtCore/QPointer>
#include <QtCore/QSet>
#include <QtWidgets/QMainWindow>
#include <memory>
#include <optional>

#include "app/session/draft.h"
#include "app/session/keeper.h"
#include "app/session/selection_history.h"
#include "app/session/session.h"
#include "app/session/session_file.h"
#include "app/window/job_pace.h"
#include "app/window/plot_area.h"
#include "app/window/sleep_inhibitor.h"
#include "widgets/theme/theme.h"

class QDockWidget;
class QMenu;
class QMenuBar;
class QPushButton;
class QSettings;
class QStackedWidget;
class QTimer;

namespace graticule {

class DeviceChooser;
class ExecutionChooser;
class ElidedLabel;
class FindBar;
class JobsPanel;
class LayersPanel;
class OfferBar;
struct PaletteItem;
class PanelHeader;
class RecipePanel;
class RecipePresenter;
class RunsPanel;
class Tour;
class WelcomePage;

class MainWindow final : public QMainWindow {
    Q_OBJECT
public:
    MainWindow(QSettings& settings, theme::Mode theme);
    ~MainWindow() override;

    [[nodiscard]] Session& session() { return session_; }
    [[nodiscard]] PlotArea& plots() { return *plots_; }
    [[nodiscard]] LayersPanel& layers() { return *layers_; }
    [[nodiscard]] RecipePanel& recipePanel() { return *recipe_; }
    [[nodiscard]] RunsPanel& runs() { return *runs_; }
    void openPath(const QString& path); ///< model, recipe or session
    /// Comes to the front and opens what a program that was started later was asked for; empty: nothing.
    void showFor(const QString& path);
    void openRecipe(const QString& file_or_line);
    void openSession(const QString& path);
    void saveSession(const QString& path); ///< beside the event loop; the log says when it is on the disk
    /// For a request to end that nobody can be asked about: what is open and finished goes into the session's file, or
    /// into one beside the settings that the start page then lists; what is under way is stopped.
    void saveAndLeave();
    [[nodiscard]] SessionFile sessionFile() const;
    void setTheme(theme::Mode mode);
    void setTextScale(double scale);
    void setReducedMotion(bool reduced);
    /// The command under its object name ("run.evaluate"); null if there is none.
    [[nodiscard]] QAction* command(const QString& name) const;
    void setEvaluationChoice(const EvaluationChoice& choice) { evaluation_ = choice; }
    /// The last choice, with the window that the open model has positions for.
    [[nodiscard]] EvaluationChoice evaluationChoice() const;
    /// "on built-in text, 8 × 512": what measures beside an evaluation will measure on (PlotArea::setMeasuredOn).
    [[nodiscard]] QString measuredOn(bool own_type) const;
    [[nodiscard]] Tour& tour() { return *tour_; }
    void setExportFolder(const QString& folder) { export_folder_ = folder; }
    /// Scripts answer no dialogs: jobs start with the last choices, and none stands until somebody lets it go on.
    void setAsking(bool ask) {
        asking_ = ask;
        session_.jobs().standForMemory(ask);
    }
    void resetLayout();
    void giveSize(const QSize& size); ///< which no earlier window's takes the place of
    void showFailure(const QString& title, const QString& text);

protected:
    void closeEvent(QCloseEvent* event) override;
    void changeEvent(QEvent* event) override;
    void showEvent(QShowEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;
    bool event(QEvent* event) override;

private:
    static constexpr int layoutVersion = 1; // of saveState
    static constexpr std::size_t most_bookmarks = 9;

    // main_window.cpp
    void buildStrip();
    void shareWidth();
    void shareRoom(); ///< every panel as wide and high as in a fresh window of this size
    [[nodiscard]] bool usualPlaces() const;
    /// Whether somebody drew the panels' borders, in a window of about this size.
    [[nodiscard]] bool drawnAt(const QSize& window) const; ///< or about that size
    void fitDocks(const QSize& before); ///< `before`: the window's size until now; invalid: they stand anyhow
    [[nodiscard]] std::vector<int> borders() const;
    void fitScreen();
    void moveIntoScreen(); ///< where its size leaves part of it outside
    void buildCentre();
    void buildDocks();
    void connectSession();
    void connectPanels();
    void updateLayers();
    void showWorst();
    void updateJobs();
    void updateTitle();
    void updateActions();
    void updateOpening();
    /// What the first model or session is called that waits to be opened or is; empty: none.
    [[nodiscard]] QString beingOpened() const;
    void saveLayout();
    QDockWidget* addDock(const QString& name, const QString& title, QWidget* content, PanelHeader* header,
                         Qt::DockWidgetArea area);
    // main_window_actions.cpp
    void buildMenus();
    void buildFileMenu(QMenuBar* bar);
    void buildEditMenu(QMenuBar* bar);
    void buildViewMenu(QMenuBar* bar);
    void buildRunMenu(QMenuBar* bar);
    void buildCompareMenu(QMenuBar* bar);
    void buildHelpMenu(QMenuBar* bar);
    QAction* addCommand(QMenu* menu, const char* name, const QString& text, const QKeySequence& keys,
                        std::function<void()> go);
    QPushButton* stripButton(const QString& text, const char* command, bool primary = false);
    void nameSearch(); ///< with its keys where there is room
    void find();
    void showPalette();
    void addChoices(std::vector<PaletteItem>& items);
    /// A preset's choices under the recipe's own calibration, as one step.
    void takePreset(const QString& name);
    void showHistory();
    /// The selection and the plot under the first free number, or no longer.
    void toggleBookmark();
    void goToBookmark(std::size_t at);
    [[nodiscard]] Place place() const;
    [[nodiscard]] QString placeText(const Place& place) const; ///< "layers.3.self_attn.v_proj · Distribution"
    void showColours();
    void showAbout();
    void explain(LayerId layer, int column);
    // main_window_jobs.cpp
    void askFolder();
    void askFile();
    void askRecipe();
    void saveRecipe();
    void askCalibrate();
    void askLengths(bool measure);
    void measureSpeed();
    void searchRecipe(double bits);
    void predictSensitivity(int measured); ///< the worst so many of each scheme; 0: none
    void measureDivergence();
    void quantize();
    void askEvaluate();
    /// Where the recipe will be evaluated, and by what calibration; empty: here, and by none.
    [[nodiscard]] QString beforeEvaluation(Session::Calibrate when) const;
    void sayKept(); ///< what quantizing the open recipe goes on behind, where the command is
    /// Those of the selected runs that can go on; where none of them can, of all.
    [[nodiscard]] std::vector<int> stoppedRuns() const;
    [[nodiscard]] std::vector<int> cutOffRuns() const; ///< at which a window was when it ended
    void continueRuns(const std::vector<int>& runs);
    /// That evaluations run on. `then`: runs of it that go on once it is reached.
    void askMachine(const std::vector<int>& then = {});
    void askExport(int run);
    void askReport();
    void askProblemReport();
    /// All that somebody needs who is to find out what went wrong, but the model, as one text.
    [[nodiscard]] QString problemReport();
    /// report.html, model_card.md and layers.csv of the run; into a folder that is there.
    void writeReport(int run, const QString& folder);
    /// Runs of recipes that are selected: a model as it is can neither be exported nor reported.
    [[nodiscard]] std::vector<int> selectedRecipes() const;
    /// The selected run, the first of several; where none is selected, the newest of the open recipe. 0: none.
    [[nodiscard]] int chosenRun() const;
    /// The same, of several the one that is asked for; absent: nobody says which.
    [[nodiscard]] std::optional<int> askWhichRun(const QString& title);
    [[nodiscard]] const QuantizedModel* quantizedRecipe() const; ///< the open recipe's weights, or null
    void runEverything();
    void cancelAll();
    void pauseRunning(); ///< or lets it go on
    void askForMemory(JobId job, const QString& title, const QString& why);
    /// What leaving the model would cost is asked: "Leave Graticule", "Stop and leave".
    [[nodiscard]] bool mayStopJobs(const QString& title, const QString& stop);
    [[nodiscard]] bool mayOpenAnother();
    /// Asked only where the disk did not take what was done.
    [[nodiscard]] bool mayLoseWork(const QString& title);
    void waitUntilKept(); ///< with the event loop going on, but for what people do
    [[nodiscard]] Keeper& keeper() { return session_.runList().keeper(); }
    void copyCommandLine(int run);
    [[nodiscard]] QString exportFolder(int run) const; ///< named after the run, beside the last one
    void showExported(const QString& folder, const QString& summary);
    void refreshWelcome();
    // main_window_shortcuts.cpp
    /// "Theme: Dark": what a menu says by its place is said in words where there is no menu.
    [[nodiscard]] static QString fullTitle(const QAction& action);
    void loadShortcuts();
    void setShortcut(const QString& name, const QList<QKeySequence>& keys);
    void showShortcuts();
    // main_window_session.cpp
    void askSaveSession();
    void askSession();
    void openAgain(); ///< the model that is open, whose files were restored or replaced
    void finishOpening();
    void giveUpOpening(const QString& other); ///< the session that waits for its model: `other` was asked for
    void sayRestored();
    [[nodiscard]] QString modelFile() const; ///< the open model's own path
    void restoreView(const SessionFile& file);
    void showPlaces(const SessionView& view); ///< what of it is seen of a model, wherever the panels are
    /// Keeps what is on the screen a moment after the last change.
    void keepDraft();
    void takeSaved(const QString& path, SessionFile file);
    void offerDrafts();
    void takeOffers(const Draft::There& there);
    /// Unsaved work, several pieces as a list, and the runs that were cut off; not while the tour speaks.
    void showOffer();
    void takeDraft(); ///< the one that is chosen
    /// Of offered_, the unsaved work that the run was asked for in; null: none of it.
    [[nodiscard]] const Draft::Found* workOf(const Run& run) const;
    void discardDraft(); ///< the one that is chosen
    void putOffDrafts();
    [[nodiscard]] Draft::Found takeChosen(); ///< out of offered_

    QSettings& settings_;
    theme::Mode theme_;
    Session session_;
    bool asking_ = true, worst_wanted_ = false, size_given_ = false;
    EvaluationChoice evaluation_;          // as wished; a model with fewer positions does not change the wish
    std::vector<LayerId> first_selection_; // what a newly opened model starts with
    QString export_folder_, session_path_, served_as_; // the last: Target::name that was chosen when last evaluated
    Draft draft_;
    std::optional<SessionFile> saved_; ///< what stands in the session's file; empty: there is none
    std::optional<SessionFile> kept_;  ///< the work as keepDraft() left it, and when it changed last
    std::vector<Draft::Found> offered_;
    QSet<QString> taken_up_;        ///< files of drafts that were gone on with since the model was opened
    std::vector<int> offered_runs_; ///< cut off, and named in the offer
    QString kept_said_;             ///< of sayKept(); empty: it begins
    QString damage_;                ///< of the model's files since it was opened; empty: none
    std::vector<Place> bookmarks_;  // index: number - 1; without layers: free
    SleepInhibitor awake_;
    JobPace pace_;
    SelectionHistory visited_;
    struct Opening { // a session that waits for its model
        SessionFile file;
        QString path;
        JobId job{};
    };
    std::optional<Opening> opening_;
    struct Again { // how the model that is opened again stood on the screen
        JobId job{};
        QStringList selection;
        SessionView view;
    };
    std::optional<Again> again_;

    QMenuBar* menus_ = nullptr;
    QMenu* recent_menu_ = nullptr;
    QPushButton* search_ = nullptr;
    ElidedLabel* model_summary_ = nullptr;
    DeviceChooser* devices_ = nullptr;
    ExecutionChooser* executions_ = nullptr;
    QStackedWidget* centre_ = nullptr;
    WelcomePage* welcome_ = nullptr;
    PlotArea* plots_ = nullptr;
    LayersPanel* layers_ = nullptr;
    RecipePanel* recipe_ = nullptr;
    RunsPanel* runs_ = nullptr;
    JobsPanel* jobs_ = nullptr;
    QList<QDockWidget*> docks_;
    RecipePresenter* presenter_ = nullptr;
    PinnedPlots* pins_ = nullptr;
    OfferBar *offer_ = nullptr, *tour_bar_ = nullptr;
    Tour* tour_ = nullptr;
    QPointer<FindBar> find_; // in the view that is searched, and gone with it
    QWidget* plot_page_ = nullptr;
    QTimer *tick_ = nullptr, *layers_soon_ = nullptr, *draft_soon_ = nullptr;
    QList<QAction*> commands_;
    QByteArray first_layout_;
    std::vector<int> borders_before_; // while one is drawn
    std::vector<int> drawn_borders_;  // SessionView::drawn_borders
};

} // namespace graticule
