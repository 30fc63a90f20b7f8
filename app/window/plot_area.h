// The tabs in the middle: plots that follow the selection and the runs. Only the one in sight is kept up to date.
#pragma once

#include <QtWidgets/QTabWidget>
#include <functional>
#include <optional>
#include <vector>

#include "app/session/session.h"
#include "app/window/pinned_plots.h"
#include "app/window/plot_feed.h"
#include "widgets/panels/compare_panel.h"
#include "widgets/plots/plot_surface.h"

class QComboBox;
class QTimer;
class QToolButton;

namespace graticule {

class FittingTabBar;

class PlotArea final : public QTabWidget {
    Q_OBJECT
public:
    enum Tab {
        Distribution,
        Channels,
        HeatMap,
        SequenceLength,
        ErrorTab,
        Perplexity,
        Compare,
        Pareto,
        Speed,
        Search,
        Divergence,
        AllInputs,
        Generate,
        Sensitivity,
        Tasks
    };

    PlotArea(Session& session, QWidget* parent);
    void showTab(Tab tab);
    /// Says what will be measured on: text, windows, precision. `own_type`: by a verb that takes float32 where no type
    /// is asked for.
    using MeasuredOn = std::function<QString(bool own_type)>;
    void setMeasuredOn(MeasuredOn measured_on) { measured_on_ = std::move(measured_on); }
    /// Also of one that the strip has no room for.
    [[nodiscard]] QString tabName(int tab) const { return rows_.at(static_cast<std::size_t>(tab)).title; }
    [[nodiscard]] QString tabAbout(int tab) const { return rows_.at(static_cast<std::size_t>(tab)).about; }
    [[nodiscard]] QString tabWords(int tab) const { return rows_.at(static_cast<std::size_t>(tab)).words; }
    void compareRuns(int a, int b);
    void compareSeveral(int a, int b, const std::vector<int>& others);
    /// The plot in sight (the upper one, where there are two); null on the Compare tab.
    [[nodiscard]] plots::PlotSurface* currentPlot() const;

Q_SIGNALS:
    void recipeWanted(int run);
    void pinWanted(graticule::PinnedPlots::Kind kind); ///< the plot of the selected linear as it stands now
    void lengthsWanted(bool measure);                  ///< compared, or their perplexities measured
    void speedWanted();
    void searchWanted(double bits);
    void sensitivityWanted(int measured);
    void divergenceWanted();
    void answersWanted(const graticule::TaskAsked& asked);
    void generateWanted(const QString& prompt, int tokens);
    void searchedRecipeWanted(int point); ///< of all_points
    void failed(const QString& text);

protected:
    void resizeEvent(QResizeEvent* event) override;
    void changeEvent(QEvent* event) override;

private:
    /// A tab as a row of the table: what it is called, which plot it has, how it is brought up to date.
    struct Row {
        QString title;
        QWidget* page = nullptr;
        plots::PlotSurface* plot = nullptr; ///< that is saved and copied; null: it is no plot
        std::function<void()> refresh;
        bool of_layer = false;          ///< shows the selected linear alone
        QString about = {}, words = {}; ///< SearchWords of its command
    };
    /// A page that is one plot of the whole scene that `scene` gives.
    [[nodiscard]] Row plotRow(const QString& title, bool of_layer, std::function<plots::PlotScene()> scene);
    [[nodiscard]] plots::PlotSurface* makePlot();
    [[nodiscard]] Row distributionRow();
    [[nodiscard]] Row channelsRow();
    [[nodiscard]] Row allInputsRow();
    [[nodiscard]] Row heatMapRow();
    [[nodiscard]] Row lengthsRow();
    [[nodiscard]] Row errorRow();
    [[nodiscard]] Row compareRow();
    [[nodiscard]] Row paretoRow();
    [[nodiscard]] Row speedRow();
    [[nodiscard]] Row searchRow();
    [[nodiscard]] Row divergenceRow();
    [[nodiscard]] Row generateRow();
    [[nodiscard]] Row sensitivityRow();
    [[nodiscard]] Row tasksRow();
    void followThreshold(plots::PlotSurface* plot);
    void offerPin(plots::PlotSurface* plot, std::function<PinnedPlots::Kind()> kind);
    void connectSession();
    void fitTabs();
    void fitTabsAgain(); ///< where the size is the same and something else is not
    void listHiddenTabs();
    void refresh(); ///< soon, once, whatever asked
    void refreshNow();
    void refreshDistribution();
    [[nodiscard]] DistributionOf operand() const; ///< that the distribution is of
    void refreshCompare();

    Session& session_;
    FittingTabBar* tabs_;
    QToolButton* more_; ///< the menu of the tabs that have no room
    QTimer* soon_;
    std::vector<Row> rows_; // index = Tab
    plots::PlotSurface* distribution_ = nullptr;
    ComparePanel* compare_ = nullptr;
    QComboBox* operand_ = nullptr;
    MeasuredOn measured_on_ = [](bool) { return QString(); };
    std::optional<double> threshold_; // dragged; absent: the stated rule
    int compared_a_ = 0, compared_b_ = 0;
    std::vector<int> compared_beside_; // runs beside the two
};

} // namespace graticule
