// The tabs in the middle: plots that follow the selection and the runs. Only the one in sight is kept up to date.
#pragma once

#include <QtWidgets/QTabWidget>
#include <optional>

#include "app/session/session.h"
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
    enum Tab { Distribution, Channels, HeatMap, SequenceLength, ErrorTab, Perplexity, Compare, Pareto };

    PlotArea(Session& session, QWidget* parent);
    void showTab(Tab tab);
    void compareRuns(int a, int b);
    /// The plot in sight (the upper one, where there are two); null on the Compare tab.
    [[nodiscard]] plots::PlotSurface* currentPlot() const;

Q_SIGNALS:
    void recipeWanted(int run);
    void failed(const QString& text);

protected:
    void resizeEvent(QResizeEvent* event) override;

private:
    [[nodiscard]] plots::PlotSurface* makePlot();
    void buildDistribution();
    void buildChannels();
    void buildHeatMap();
    void connectSession();
    void refresh(); ///< soon, once, whatever asked
    void refreshNow();
    void refreshDistribution();
    [[nodiscard]] DistributionOf operand() const; ///< that the distribution is of
    void refreshCompare();

    Session& session_;
    FittingTabBar* tabs_;
    QTimer* soon_;
    plots::PlotSurface *distribution_ = nullptr, *small_channels_ = nullptr, *channels_ = nullptr, *heat_map_ = nullptr,
                       *lengths_ = nullptr, *errors_ = nullptr, *perplexity_ = nullptr, *pareto_ = nullptr;
    ComparePanel* compare_ = nullptr;
    QComboBox *operand_ = nullptr, *statistic_ = nullptr;
    QToolButton* sorted_ = nullptr;
    std::optional<double> threshold_; // dragged; absent: the stated rule
    int compared_a_ = 0, compared_b_ = 0;
};

} // namespace graticule
