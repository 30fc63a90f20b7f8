#include "app/window/plot_area.h"

#include <QtCore/QEvent>
#include <QtCore/QTimer>
#include <QtWidgets/QComboBox>
#include <QtWidgets/QMenu>
#include <QtWidgets/QScrollArea>
#include <QtWidgets/QSplitter>
#include <QtWidgets/QToolButton>
#include <QtWidgets/QVBoxLayout>
#include <algorithm>

#include "app/session/recipe_difference.h"
#include "app/session/run_names.h"
#include "app/window/catalogue.h"
#include "app/window/multiples_feed.h"
#include "app/window/task_words.h"
#include "core/recipe/recipe_text.h"
#include "widgets/models/number_text.h"
#include "widgets/panels/divergence_panel.h"
#include "widgets/panels/elided_label.h"
#include "widgets/panels/fitting_tab_bar.h"
#include "widgets/panels/generate_panel.h"
#include "widgets/panels/multiples_panel.h"
#include "widgets/panels/search_panel.h"
#include "widgets/panels/sensitivity_panel.h"
#include "widgets/panels/slac_panel.h"
#include "widgets/panels/speed_panel.h"
#include "widgets/panels/task_panel.h"

namespace graticule {

using plots::PlotSurface;

namespace {
/// QTabWidget keeps room for what stands in its corner, shown or not.
class CornerButton final : public QToolButton {
public:
    [[nodiscard]] QSize sizeHint() const override { return isHidden() ? QSize(0, 0) : QToolButton::sizeHint(); }
};
} // namespace

PlotArea::PlotArea(Session& session, QWidget* parent)
    : QTabWidget(parent)
    , session_(session)
    , tabs_(new FittingTabBar)
    , more_(new CornerButton)
    , soon_(new QTimer(this)) {
    setTabBar(tabs_);
    setDocumentMode(true);
    setAccessibleName(tr("Plots"));
    // In the order of Tab; what the palette says of each, and other words that somebody may look for it by.
    const auto add = [this](Row row, const QString& about, const char* words) {
        row.about = about;
        row.words = QLatin1String(words);
        rows_.push_back(std::move(row));
    };
    add(distributionRow(), tr("Histogram of a linear's weights or input, with the quantizer's levels"),
        "histogram underflow zero bin clip levels");
    add(channelsRow(), tr("Largest input of every channel, before and after smoothing"),
        "outlier smoothquant awq aqas scale");
    add(heatMapRow(), tr("A statistic of all layers, or tokens x channels of one"), "matrix");
    add(lengthsRow(), tr("Statistics and GPTQ's update ratio by calibration length, and the length advised"),
        "slac calibration length matrix");
    add(errorRow(), tr("Output error of every layer: underflow, rounding, clipping"), "sqnr clip underflow");
    add(plotRow(tr("Perplexity"), false, [this] { return perplexity_plot(session_); }),
        tr("Running perplexity of full precision and of each recipe"), "ppl evaluate baseline");
    add(compareRow(), tr("Two runs or more, layer by layer, and how their recipes differ"), "baseline difference");
    add(paretoRow(), tr("Size, unit area or power against perplexity; a click loads the recipe"),
        "front perplexity bits");
    add(speedRow(), tr("Time, memory and roofline of the passes, measured here"),
        "tokens per second throughput kernel");
    add(searchRow(), tr("Schemes chosen layer by layer under a budget"), "mixed precision bits budget");
    add(divergenceRow(), tr("How far the recipe's predictions are from full precision's"), "kl");
    add(allInputsRow(), tr("The inputs of all linears, small plots side by side"), "histogram small multiples");
    add(generateRow(), tr("Model and recipe continue a prompt side by side"), "prompt text chat");
    add(sensitivityRow(), tr("What each linear costs alone: predicted against measured"), "damage");
    add(tasksRow(), tr("Accuracy of both on PIQA, HellaSwag, MMLU, and which answers flip"),
        "accuracy benchmark harness");
    for (const Row& row : rows_) addTab(row.page, row.title);
    more_->setProperty("corner", true);
    more_->setPopupMode(QToolButton::InstantPopup);
    more_->setMenu(new QMenu(more_));
    more_->setToolTip(tr("The views that have no room beside the others"));
    setCornerWidget(more_);
    connect(more_->menu(), &QMenu::aboutToShow, this, &PlotArea::listHiddenTabs);
    soon_->setSingleShot(true);
    soon_->setInterval(0);
    connect(soon_, &QTimer::timeout, this, &PlotArea::refreshNow);
    connect(this, &QTabWidget::currentChanged, this, &PlotArea::refreshNow);
    connect(this, &QTabWidget::currentChanged, this, &PlotArea::fitTabsAgain); // one from the menu comes in sight
    connectSession();
    refresh();
}

void PlotArea::resizeEvent(QResizeEvent* event) {
    fitTabs(); // first: the base class places the bar by its size
    QTabWidget::resizeEvent(event);
}

void PlotArea::fitTabs() {
    const auto text = [](qsizetype hidden) { return tr("%1 more").arg(hidden); };
    more_->setText(text(count()));
    tabs_->fit(width(), more_->QToolButton::sizeHint().width()); // as if it were shown
    const qsizetype hidden = tabs_->hiddenTabs().size();
    more_->setText(text(hidden));
    more_->setVisible(hidden > 0);
}

void PlotArea::fitTabsAgain() {
    QResizeEvent same(size(), size());
    resizeEvent(&same);
}

void PlotArea::listHiddenTabs() {
    more_->menu()->clear();
    for (const int tab : tabs_->hiddenTabs())
        more_->menu()->addAction(tabName(tab), this, [this, tab] { setCurrentIndex(tab); });
}

void PlotArea::changeEvent(QEvent* event) {
    QTabWidget::changeEvent(event);
    if (event->type() == QEvent::StyleChange) fitTabsAgain(); // texts of another size
}

PlotSurface* PlotArea::makePlot() {
    auto* plot = new PlotSurface;
    connect(plot, &PlotSurface::failed, this, &PlotArea::failed);
    return plot;
}

PlotArea::Row PlotArea::plotRow(const QString& title, bool of_layer, std::function<plots::PlotScene()> scene) {
    PlotSurface* plot = makePlot();
    return {title, plot, plot, [plot, scene = std::move(scene)] { plot->setScene(scene()); }, of_layer};
}

PlotArea::Row PlotArea::distributionRow() {
    auto* both = new QSplitter(Qt::Vertical);
    both->setChildrenCollapsible(false);
    distribution_ = makePlot();
    operand_ = new QComboBox;
    operand_->addItems({tr("weight"), tr("input")});
    operand_->setAccessibleName(tr("Operand"));
    operand_->setToolTip(tr("Distribution of the linear's weights, or of its input over the calibration tokens"));
    connect(operand_, &QComboBox::activated, this, &PlotArea::refreshNow);
    distribution_->addTool(operand_);
    offerPin(distribution_, [this] {
        return operand() == DistributionOf::weight ? PinnedPlots::Kind::weight : PinnedPlots::Kind::input;
    });
    distribution_->setLogarithmic(true);
    distribution_->setWhole([this] { return distribution_plot(session_, operand()); });
    // Queued: the surface is in the middle of a gesture when it tells.
    connect(distribution_, &PlotSurface::viewChanged, this, &PlotArea::refreshDistribution, Qt::QueuedConnection);
    PlotSurface* channels = makePlot();
    followThreshold(channels);
    both->addWidget(distribution_);
    both->addWidget(channels);
    both->setStretchFactor(0, 5); // it has the longer legend
    both->setStretchFactor(1, 3);
    both->setSizes({430, 270});
    const auto refresh = [this, channels] {
        refreshDistribution();
        channels->setScene(channels_plot(session_, false, threshold_));
    };
    return {tr("Distribution"), both, distribution_, refresh, true};
}

PlotArea::Row PlotArea::channelsRow() {
    auto* sorted = new QToolButton;
    sorted->setText(tr("sorted"));
    sorted->setCheckable(true);
    sorted->setToolTip(tr("Channels by size, largest first, instead of by index"));
    connect(sorted, &QToolButton::toggled, this, &PlotArea::refreshNow);
    Row row = plotRow(tr("Channels"), true,
                      [this, sorted] { return channels_plot(session_, sorted->isChecked(), threshold_); });
    row.plot->addTool(sorted);
    offerPin(row.plot, [] { return PinnedPlots::Kind::channels; });
    followThreshold(row.plot);
    return row;
}

void PlotArea::followThreshold(PlotSurface* plot) {
    connect(plot, &PlotSurface::thresholdReleased, this, [this](double value) {
        threshold_ = value;
        refreshNow();
    });
}

void PlotArea::offerPin(PlotSurface* plot, std::function<PinnedPlots::Kind()> kind) {
    auto* pin = new QToolButton;
    pin->setText(tr("pin"));
    pin->setToolTip(tr("Keep this plot of this linear beside the others while the selection moves"));
    pin->setAccessibleName(pin->toolTip());
    plot->addTool(pin);
    connect(pin, &QToolButton::clicked, this, [this, kind = std::move(kind)] { Q_EMIT pinWanted(kind()); });
}

PlotArea::Row PlotArea::allInputsRow() {
    auto* panel = new MultiplesPanel;
    connect(panel, &MultiplesPanel::layerChosen, this, [this](LayerId layer) { session_.select({layer}); });
    const auto refresh = [this, panel] {
        MultiplesShown shown = input_multiples(session_);
        panel->setMultiples(std::move(shown.multiples), shown.about);
        if (session_.primary()) panel->setSelected(first_reader(session_, *session_.primary()));
    };
    return {tr("All inputs"), panel, nullptr, refresh, true};
}

PlotArea::Row PlotArea::heatMapRow() {
    auto* statistic = new QComboBox;
    statistic->addItems(layer_statistic_names());
    const int of_layers = statistic->count(); // behind them: what the selected linear's input is token by token
    statistic->insertSeparator(of_layers);
    statistic->addItem(tr("tokens by channels"), static_cast<int>(TokenOrder::in_text));
    statistic->addItem(tr("tokens by channels, largest first"), static_cast<int>(TokenOrder::largest_first));
    statistic->setAccessibleName(tr("Statistic"));
    statistic->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon); // the plot's title says it too
    statistic->setMinimumContentsLength(10);
    connect(statistic, &QComboBox::activated, this, &PlotArea::refreshNow);
    Row row = plotRow(tr("Heat map"), false, [this, statistic, of_layers] {
        if (statistic->currentIndex() > of_layers)
            return token_map_plot(session_, static_cast<TokenOrder>(statistic->currentData().toInt()));
        return heat_map_plot(session_, static_cast<LayerStatistic>(statistic->currentIndex()));
    });
    row.plot->addTool(statistic);
    connect(row.plot, &PlotSurface::cellClicked, this, [this, statistic, of_layers](qint64 cell_row, qint64 column) {
        if (statistic->currentIndex() > of_layers) return; // cells are tokens then
        if (const auto layer = heat_map_layer(session_, cell_row, column)) session_.select({*layer});
    });
    return row;
}

namespace {
/// A plot with what belongs to it below; where there is more room than `heights`, the plot takes it. Where there is
/// less, the plot stays one that can be read, and what is below it scrolls.
QSplitter* above(PlotSurface* plot, QWidget* panel, const QList<int>& heights, int least_plot = 190) {
    plot->setMinimumHeight(least_plot);
    auto* scrolled = new QScrollArea;
    scrolled->setWidget(panel);
    scrolled->setWidgetResizable(true);
    scrolled->setFrameShape(QFrame::NoFrame);
    scrolled->setFocusPolicy(Qt::NoFocus); // what is in it has it
    auto* both = new QSplitter(Qt::Vertical);
    both->setChildrenCollapsible(false);
    both->addWidget(plot);
    both->addWidget(scrolled);
    both->setStretchFactor(0, 3);
    both->setSizes(heights);
    return both;
}
} // namespace

PlotArea::Row PlotArea::lengthsRow() {
    PlotSurface* plot = makePlot();
    offerPin(plot, [] { return PinnedPlots::Kind::lengths; });
    auto* panel = new SlacPanel;
    QSplitter* both = above(plot, panel, {480, 220}, 230); // of two panels
    connect(panel, &SlacPanel::compareWanted, this, [this] { Q_EMIT lengthsWanted(false); });
    connect(panel, &SlacPanel::measureWanted, this, [this] { Q_EMIT lengthsWanted(true); });
    const auto refresh = [this, plot, panel, both, roomy = std::shared_ptr<const CalibrationLengths>()]() mutable {
        plot->setScene(sequence_length_plot(session_));
        const auto& lengths = session_.calibrationLengths();
        if (lengths)
            panel->setStudy(lengths->study, lengths->advice, session_.lengthsOfNow() != nullptr);
        else
            panel->clearStudy();
        const Session::LengthsOffer offer = session_.model() ? session_.lengthsOffer() : Session::LengthsOffer();
        panel->setOffer(offer.what, offer.refusal);
        if (!lengths || !lengths->measured() || lengths == roomy || !both->isVisible()) return;
        roomy = lengths; // a new matrix has its room before the plot
        const int needed = panel->layout()->totalMinimumHeightForWidth(both->width());
        both->setSizes({std::max(1, both->height() - needed), needed});
    };
    return {tr("Sequence length"), both, plot, refresh, true};
}

PlotArea::Row PlotArea::errorRow() {
    Row row = plotRow(tr("Error"), false, [this] { return error_plot(session_); });
    connect(row.plot, &PlotSurface::itemClicked, this, [this](int, const QString&, qint64 id) {
        if (id >= 0) session_.select({LayerId{static_cast<std::int32_t>(id)}});
    });
    return row;
}

PlotArea::Row PlotArea::compareRow() {
    compare_ = new ComparePanel;
    connect(compare_, &ComparePanel::pairChosen, this, &PlotArea::compareRuns);
    connect(compare_, &ComparePanel::othersChosen, this, [this](const std::vector<int>& runs) {
        compared_beside_ = runs;
        refresh(); // later: the menu that was clicked in is made again
    });
    connect(compare_, &ComparePanel::lineTaken, this, [this](const QString& line) {
        session_.setRecipe(with_line(session_.recipe(), line), tr("taken over: %1").arg(line));
    });
    connect(compare_, &ComparePanel::lineDropped, this, [this](const QString& line) {
        session_.setRecipe(without_line(session_.recipe(), line), tr("dropped: %1").arg(line));
    });
    connect(compare_, &ComparePanel::baselineWanted, this, [this](int run) { session_.runList().setBaseline(run); });
    return {tr("Compare"), compare_, nullptr, [this] { refreshCompare(); }, false};
}

PlotArea::Row PlotArea::paretoRow() {
    auto* cost = new QComboBox;
    cost->addItems({tr("size"), tr("unit area"), tr("unit power")}); // as ParetoCost
    cost->setAccessibleName(tr("Cost"));
    cost->setToolTip(
        tr("What a recipe costs: bytes, or area or power of the multiply-accumulate units for its formats"));
    connect(cost, &QComboBox::activated, this, &PlotArea::refreshNow);
    Row row = plotRow(tr("Pareto"), false,
                      [this, cost] { return pareto_plot(session_, static_cast<ParetoCost>(cost->currentIndex())); });
    row.plot->addTool(cost);
    connect(row.plot, &PlotSurface::itemClicked, this,
            [this](int, const QString&, qint64 id) { Q_EMIT recipeWanted(static_cast<int>(id)); });
    return row;
}

PlotArea::Row PlotArea::speedRow() {
    PlotSurface* plot = makePlot();
    auto* figures = new SpeedPanel;
    QSplitter* both = above(plot, figures, {400, 300});
    connect(figures, &SpeedPanel::measureWanted, this, &PlotArea::speedWanted);
    connect(figures, &SpeedPanel::figureChosen, this,
            [this, plot, figures] { plot->setScene(speed_plot(session_, figures->figure())); });
    const auto refresh = [this, plot, figures] {
        plot->setScene(speed_plot(session_, figures->figure()));
        figures->setStudy(session_.speedStudy());
    };
    return {tr("Speed"), both, plot, refresh, false};
}

PlotArea::Row PlotArea::searchRow() {
    PlotSurface* plot = makePlot();
    auto* panel = new SearchPanel;
    QSplitter* both = above(plot, panel, {380, 320}, 250);
    connect(panel, &SearchPanel::searchWanted, this, &PlotArea::searchWanted);
    connect(panel, &SearchPanel::recipeWanted, this, &PlotArea::searchedRecipeWanted);
    connect(plot, &PlotSurface::itemClicked, this,
            [this](int, const QString&, qint64 id) { Q_EMIT searchedRecipeWanted(static_cast<int>(id)); });
    const auto refresh = [this, plot, panel] {
        plot->setScene(search_plot(session_));
        panel->setSearches(session_.searches());
        panel->measuredOn()->setText(measured_on_(true));
    };
    return {tr("Search"), both, plot, refresh, false};
}

PlotArea::Row PlotArea::divergenceRow() {
    PlotSurface* plot = makePlot();
    auto* by = new QComboBox;
    by->addItems({tr("window by window"), tr("by position"), tr("over depth")});
    by->setAccessibleName(tr("Divergence by"));
    by->setToolTip(tr("Its mean as it settles, by place in the window, or the error of hidden states block by block"));
    connect(by, &QComboBox::activated, this, &PlotArea::refreshNow);
    plot->addTool(by);
    auto* panel = new DivergencePanel;
    QSplitter* both = above(plot, panel, {260, 440});
    both->setStretchFactor(0, 2); // both give way in a low window
    both->setStretchFactor(1, 3);
    connect(panel, &DivergencePanel::measureWanted, this, &PlotArea::divergenceWanted);
    const auto refresh = [this, plot, by, panel, told = std::shared_ptr<const DivergenceStudy>()]() mutable {
        static constexpr plots::PlotScene (*scenes[])(const Session&) = {divergence_plot, position_plot, depth_plot};
        plot->setScene(scenes[by->currentIndex()](session_));
        panel->measuredOn()->setText(measured_on_(false));
        const auto& study = session_.divergence().shown();
        if (study == told) return; // where the reader has scrolled to stays
        told = study;
        if (study)
            panel->setDivergence(QString::fromStdString(summary_line(study->recipe)), study->divergence, study->worst,
                                 study->protocol.windows_used, study->conditions());
        else
            panel->clearDivergence();
    };
    return {tr("Divergence"), both, plot, refresh, false};
}

PlotArea::Row PlotArea::sensitivityRow() {
    PlotSurface* plot = makePlot();
    auto* panel = new SensitivityPanel;
    QSplitter* both = above(plot, panel, {460, 230});
    connect(panel, &SensitivityPanel::sensitivityWanted, this, &PlotArea::sensitivityWanted);
    connect(plot, &PlotSurface::itemClicked, this, [this](int, const QString&, qint64 id) {
        if (id >= 0) session_.select({LayerId{static_cast<std::int32_t>(id)}});
    });
    const auto refresh = [this, plot, panel] {
        plot->setScene(sensitivity_plot(session_));
        const auto& study = session_.sensitivityStudy();
        panel->setSensitivity(study.shown().get(), study.under_way != nullptr);
        panel->measuredOn()->setText(measured_on_(true));
    };
    return {tr("Sensitivity"), both, plot, refresh, false};
}

PlotArea::Row PlotArea::tasksRow() {
    auto* panel = new TaskPanel(task_entries());
    connect(panel, &TaskPanel::answersWanted, this, &PlotArea::answersWanted);
    const auto show = [this, panel] {
        const auto& study = session_.task().shown();
        if (!study) return panel->clearRuns();
        panel->setRuns({&study->sides[0], &study->sides[1], QString::fromStdString(summary_line(study->recipe)),
                        session_.task().under_way != nullptr,
                        [&study](std::size_t item, bool norm) { return item_words(*study, item, norm); }});
    };
    connect(panel, &TaskPanel::scoringChanged, this, show);
    const auto refresh = [this, show, told = std::shared_ptr<const TaskStudy>()]() mutable {
        const auto& study = session_.task().shown();
        if (study == told) return; // where the reader has scrolled to stays
        told = study;
        show();
    };
    return {tr("Tasks"), panel, nullptr, refresh, false};
}

namespace {
ContinuedPrompt continued(const PromptStudy& study) {
    ContinuedPrompt shown;
    shown.prompt = QString::fromStdString(study.prompt);
    shown.parting = study.first_parting ? static_cast<qint64>(*study.first_parting) + 1 : 0;
    for (std::size_t side = 0; side < shown.sides.size(); ++side) {
        const Continuation& one = study.sides[side];
        shown.tokens = std::max(shown.tokens, static_cast<qint64>(one.tokens.size()));
        const Execution run{study.execution.compute, side == 0 ? Arithmetic::simulated : study.execution.arithmetic};
        QString arithmetic = QString::fromStdString(to_text(run));
        if (side > 0 && run.arithmetic == Arithmetic::simulated)
            arithmetic = QObject::tr("rounding simulated in %1").arg(arithmetic);
        shown.sides[side] = {side == 0 ? QString::fromStdString(one.run_name)
                                       : QString::fromStdString(summary_line(study.recipe)),
                             arithmetic, QString::fromStdString(one.text.substr(0, study.same[side])),
                             QString::fromStdString(one.text.substr(study.same[side])), one.tokens_per_second()};
    }
    return shown;
}
} // namespace

PlotArea::Row PlotArea::generateRow() {
    auto* panel = new GeneratePanel;
    connect(panel, &GeneratePanel::continueWanted, this, &PlotArea::generateWanted);
    const auto refresh = [this, panel, told = std::shared_ptr<const PromptStudy>()]() mutable {
        const auto& study = session_.promptStudy();
        if (study == told) return; // where the reader has scrolled to stays
        told = study;
        study ? panel->setContinued(continued(*study)) : panel->clearContinued();
    };
    return {tr("Generate"), panel, nullptr, refresh, false};
}

void PlotArea::connectSession() {
    connect(&session_, &Session::selectionChanged, this, [this] {
        threshold_.reset();
        refresh();
    });
    connect(&session_, &Session::modelChanged, this, [this] {
        compared_a_ = compared_b_ = 0;
        compared_beside_.clear();
        refresh();
    });
    for (const auto signal :
         {&Session::recipeChanged, &Session::statsChanged, &Session::runsChanged, &Session::reportsChanged,
          &Session::speedChanged, &Session::decisionsChanged, &Session::studyGrew})
        connect(&session_, signal, this, &PlotArea::refresh);
    connect(&session_, &Session::whatIfChanged, this, [this](LayerId layer) {
        if (!rows_[static_cast<std::size_t>(currentIndex())].of_layer || session_.primary() == layer) refresh();
    });
}

void PlotArea::refresh() {
    if (!soon_->isActive()) soon_->start();
}

void PlotArea::refreshNow() {
    if (currentIndex() >= 0) rows_[static_cast<std::size_t>(currentIndex())].refresh();
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

namespace {
/// Why a run without figures of its layers has none, and how one comes by them.
QString no_reports_text(const Run& run) {
    if (run.full_precision) return PlotArea::tr("“%1” has no errors").arg(run.name);
    if (const QString host = run.madeOn(); !host.isEmpty())
        return PlotArea::tr(
                   "they stayed on %1, where it was quantized; evaluate the recipe on a device of this machine "
                   "to have them")
            .arg(host);
    return PlotArea::tr("they are measured while a run is quantized, and this one came without; evaluate the recipe "
                        "again to have them");
}
} // namespace

void PlotArea::refreshCompare() {
    std::vector<RunChoice> choices;
    const std::vector<RunName> names = session_.runList().names();
    for (std::size_t i = 0; i < names.size(); ++i)
        if (const Run& run = session_.runs()[i]; run.finished()) choices.push_back({run.id, names[i].whole()});
    const auto is_there = [&](int id) {
        return std::any_of(choices.begin(), choices.end(), [id](const RunChoice& run) { return run.id == id; });
    };
    if (!is_there(compared_a_)) compared_a_ = is_there(session_.baseline()) ? session_.baseline() : 0;
    if (!is_there(compared_b_) && choices.size() > 1) compared_b_ = choices.back().id;
    std::erase_if(compared_beside_, [&](int id) { return !is_there(id) || id == compared_a_ || id == compared_b_; });
    compare_->setRuns(choices, compared_a_, compared_b_, compared_beside_);
    auto comparison = session_.comparison(compared_a_, compared_b_);
    if (!comparison)
        return compare_->clearComparison(tr("Evaluate two recipes, or full precision and one, and choose them above."));
    const Run &a = *session_.run(compared_a_), &b = *session_.run(compared_b_);
    std::vector<const Run*> all{&a, &b};
    for (const int id : compared_beside_) all.push_back(session_.run(id));
    if (const QString calibrations = calibrations_text(all); !calibrations.isEmpty())
        comparison->notes.add(
            Severity::warning, "calibration",
            tr("%1: perplexities compare, but the figures of layers were measured on different inputs")
                .arg(calibrations)
                .toStdString());
    const auto reports = [this](int id) {
        const auto& known = session_.run(id)->reports;
        return known ? *known : std::vector<LayerReport>();
    };
    ComparedRuns compared;
    compared.comparison = *comparison;
    compared.a = *a.evaluation;
    compared.b = *b.evaluation;
    compared.reports_a = reports(compared_a_);
    compared.reports_b = reports(compared_b_);
    if (!a.reports) compared.no_reports_a = no_reports_text(a);
    if (!b.reports) compared.no_reports_b = no_reports_text(b);
    if (!a.full_precision && !b.full_precision) compared.recipes = recipe_difference(a.recipe, b.recipe);
    compared.current = QString::fromStdString(recipe_text(session_.recipe())).split(u'\n');
    for (const int id : compared_beside_)
        for (const RunChoice& choice : choices)
            if (choice.id == id)
                compared.others.push_back({choice.name, reports(id), no_reports_text(*session_.run(id))});
    compare_->setComparison(compared);
}

void PlotArea::compareSeveral(int a, int b, const std::vector<int>& others) {
    compared_beside_ = others;
    compareRuns(a, b);
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

PlotSurface* PlotArea::currentPlot() const { return rows_[static_cast<std::size_t>(currentIndex())].plot; }

} // namespace graticule
