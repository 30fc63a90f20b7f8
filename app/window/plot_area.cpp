#include "app/window/plot_area.h"

#include <QtCore/QTimer>
#include <QtWidgets/QComboBox>
#include <QtWidgets/QSplitter>
#include <QtWidgets/QToolButton>
#include <QtWidgets/QVBoxLayout>

#include "widgets/models/number_text.h"
#include "widgets/panels/fitting_tab_bar.h"

namespace graticule {

using plots::PlotSurface;

PlotArea::PlotArea(Session& session, QWidget* parent)
    : QTabWidget(parent)
    , session_(session)
    , tabs_(new FittingTabBar)
    , soon_(new QTimer(this)) {
    setTabBar(tabs_);
    setDocumentMode(true);
    setAccessibleName(tr("Plots"));
    buildDistribution();
    buildChannels();
    buildHeatMap();
    addTab(lengths_ = makePlot(), tr("Sequence length"));
    addTab(errors_ = makePlot(), tr("Error"));
    addTab(perplexity_ = makePlot(), tr("Perplexity"));
    addTab(compare_ = new ComparePanel, tr("Compare"));
    addTab(pareto_ = makePlot(), tr("Pareto"));
    tabs_->setShortName(Distribution, tr("Distrib."));
    tabs_->setShortName(SequenceLength, tr("Length"));
    tabs_->setShortName(Perplexity, tr("PPL"));
    connect(errors_, &PlotSurface::itemClicked, this, [this](int, const QString&, qint64 id) {
        if (id >= 0) session_.select({LayerId{static_cast<std::int32_t>(id)}});
    });
    connect(pareto_, &PlotSurface::itemClicked, this,
            [this](int, const QString&, qint64 id) { Q_EMIT recipeWanted(static_cast<int>(id)); });
    connect(compare_, &ComparePanel::pairChosen, this, &PlotArea::compareRuns);
    connect(compare_, &ComparePanel::baselineWanted, this, [this](int run) { session_.setBaseline(run); });
    soon_->setSingleShot(true);
    soon_->setInterval(0);
    connect(soon_, &QTimer::timeout, this, &PlotArea::refreshNow);
    connect(this, &QTabWidget::currentChanged, this, &PlotArea::refreshNow);
    connectSession();
    refresh();
}

void PlotArea::resizeEvent(QResizeEvent* event) {
    tabs_->fit(width()); // first: the base class places the bar by its size
    QTabWidget::resizeEvent(event);
}

PlotSurface* PlotArea::makePlot() {
    auto* plot = new PlotSurface;
    connect(plot, &PlotSurface::failed, this, &PlotArea::failed);
    return plot;
}

void PlotArea::buildDistribution() {
    auto* both = new QSplitter(Qt::Vertical);
    both->setChildrenCollapsible(false);
    distribution_ = makePlot();
    operand_ = new QComboBox;
    operand_->addItems({tr("weight"), tr("input")});
    operand_->setAccessibleName(tr("Operand"));
    operand_->setToolTip(tr("Distribution of the linear's weights, or of its input over the calibration tokens"));
    connect(operand_, &QComboBox::activated, this, &PlotArea::refreshNow);
    distribution_->addTool(operand_);
    distribution_->setLogarithmic(true);
    distribution_->setWhole([this] { return distribution_plot(session_, operand()); });
    // Queued: the surface is in the middle of a gesture when it tells.
    connect(distribution_, &PlotSurface::viewChanged, this, &PlotArea::refreshDistribution, Qt::QueuedConnection);
    small_channels_ = makePlot();
    both->addWidget(distribution_);
    both->addWidget(small_channels_);
    both->setStretchFactor(0, 4);
    both->setStretchFactor(1, 3);
    both->setSizes({400, 300});
    addTab(both, tr("Distribution"));
}

void PlotArea::buildChannels() {
    channels_ = makePlot();
    sorted_ = new QToolButton;
    sorted_->setText(tr("sorted"));
    sorted_->setCheckable(true);
    sorted_->setToolTip(tr("Channels by size, largest first, instead of by index"));
    connect(sorted_, &QToolButton::toggled, this, &PlotArea::refreshNow);
    channels_->addTool(sorted_);
    addTab(channels_, tr("Channels"));
    for (PlotSurface* plot : {small_channels_, channels_})
        connect(plot, &PlotSurface::thresholdReleased, this, [this](double value) {
            threshold_ = value;
            refreshNow();
        });
}

void PlotArea::buildHeatMap() {
    heat_map_ = makePlot();
    statistic_ = new QComboBox;
    statistic_->addItems({tr("output SQNR"), tr("outlier ratio"), tr("underflow"), tr("max |x|")});
    statistic_->setAccessibleName(tr("Statistic"));
    connect(statistic_, &QComboBox::activated, this, &PlotArea::refreshNow);
    heat_map_->addTool(statistic_);
    connect(heat_map_, &PlotSurface::cellClicked, this, [this](qint64 row, qint64 column) {
        if (const auto layer = heat_map_layer(session_, row, column)) session_.select({*layer});
    });
    addTab(heat_map_, tr("Heat map"));
}

void PlotArea::connectSession() {
    connect(&session_, &Session::selectionChanged, this, [this] {
        threshold_.reset();
        refresh();
    });
    connect(&session_, &Session::modelChanged, this, [this] {
        compared_a_ = compared_b_ = 0;
        refresh();
    });
    for (const auto signal :
         {&Session::recipeChanged, &Session::statsChanged, &Session::runsChanged, &Session::reportsChanged})
        connect(&session_, signal, this, &PlotArea::refresh);
    connect(&session_, &Session::whatIfChanged, this, [this](LayerId layer) {
        const bool of_layer = currentIndex() == Distribution || currentIndex() == Channels;
        if (!of_layer || session_.primary() == layer) refresh();
    });
}

void PlotArea::refresh() {
    if (!soon_->isActive()) soon_->start();
}

void PlotArea::refreshNow() {
    switch (currentIndex()) {
    case Distribution:
        refreshDistribution();
        small_channels_->setScene(channels_plot(session_, false, threshold_));
        return;
    case Channels:
        channels_->setScene(channels_plot(session_, sorted_->isChecked(), threshold_));
        return;
    case HeatMap:
        heat_map_->setScene(heat_map_plot(session_, static_cast<LayerStatistic>(statistic_->currentIndex())));
        return;
    case SequenceLength:
        lengths_->setScene(sequence_length_plot(session_));
        return;
    case ErrorTab:
        errors_->setScene(error_plot(session_));
        return;
    case Perplexity:
        perplexity_->setScene(perplexity_plot(session_));
        return;
    case Compare:
        refreshCompare();
        return;
    case Pareto:
        pareto_->setScene(pareto_plot(session_));
        return;
    default:
        return;
    }
}

DistributionOf PlotArea::operand() const {
    return operand_->currentIndex() == 0 ? DistributionOf::weight : DistributionOf::input;
}

// Counted for the part in sight. A scene with other axes shows everything, whatever was in sight before.
void PlotArea::refreshDistribution() {
    if (currentIndex() != Distribution) return;
    const auto in_sight = distribution_->view().x;
    distribution_->setScene(distribution_plot(session_, operand(), in_sight));
    if (distribution_->view().x != in_sight)
        distribution_->setScene(distribution_plot(session_, operand(), distribution_->view().x));
}

void PlotArea::refreshCompare() {
    std::vector<RunChoice> choices;
    for (const Run& run : session_.runs())
        if (run.finished()) choices.push_back({run.id, run.name});
    const auto is_there = [&](int id) {
        return std::any_of(choices.begin(), choices.end(), [id](const RunChoice& run) { return run.id == id; });
    };
    if (!is_there(compared_a_)) compared_a_ = is_there(session_.baseline()) ? session_.baseline() : 0;
    if (!is_there(compared_b_) && choices.size() > 1) compared_b_ = choices.back().id;
    compare_->setRuns(choices, compared_a_, compared_b_);
    const auto comparison = session_.comparison(compared_a_, compared_b_);
    if (!comparison)
        return compare_->clearComparison(tr("Evaluate two recipes, or full precision and one, and choose them above."));
    const auto reports = [this](int id) {
        std::vector<LayerReport> list;
        if (const auto& quantized = session_.run(id)->quantized)
            for (const auto& linear : quantized->linears)
                if (linear) list.push_back(linear->report);
        return list;
    };
    compare_->setComparison({*comparison, *session_.run(compared_a_)->evaluation,
                             *session_.run(compared_b_)->evaluation, reports(compared_a_), reports(compared_b_)});
}

void PlotArea::compareRuns(int a, int b) {
    compared_a_ = a;
    compared_b_ = b;
    if (currentIndex() == Compare)
        refreshNow();
    else
        setCurrentIndex(Compare);
}

void PlotArea::showTab(Tab tab) { setCurrentIndex(tab); }

PlotSurface* PlotArea::currentPlot() const {
    switch (currentIndex()) {
    case Distribution:
        return distribution_;
    case Compare:
        return nullptr;
    default:
        return qobject_cast<PlotSurface*>(currentWidget());
    }
}

} // namespace graticule
