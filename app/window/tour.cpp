#include "app/window/tour.h"

#include <algorithm>

#include "app/session/layer_figures.h"
#include "app/window/main_window.h"
#include "widgets/models/number_text.h"
#include "widgets/panels/offer_bar.h"
#include "widgets/panels/recipe_panel.h"

namespace graticule {

namespace {
constexpr int poll_ms = 60;
const QString sample = QStringLiteral("sample-opt");
} // namespace

Tour::Tour(MainWindow& window, OfferBar& bar)
    : QObject(&window)
    , window_(window)
    , bar_(bar) {
    build();
    timer_.setInterval(poll_ms);
    connect(&timer_, &QTimer::timeout, this, &Tour::poll);
    connect(&bar_, &OfferBar::taken, this, &Tour::go);
    connect(&bar_, &OfferBar::refused, this, &Tour::leave);
}

Session& Tour::session() const { return window_.session(); }

bool Tour::quiet() const { return session().model() && !session().jobs().busy() && session().whatIfs().idle(); }

void Tour::build() {
    steps_ = {
        {[this] {
             return tr("A small language model: %1 linears, listed at the left. Which of them suffer from 4-bit "
                       "weights "
                       "and 8-bit inputs? First its inputs must be watched over a text.")
                 .arg(session().model()->linears().size());
         },
         tr("Calibrate"), [this] { session().calibrate(session().recipe().calibration); }},
        {[this] { return calibrated(); }, tr("Look at its input"), [this] { lookAtWorst(); }},
        {[this] { return channels(); }, tr("Try SmoothQuant on all"), [this] { smooth(); }},
        {[this] { return smoothed(); }, tr("Measure perplexity"),
         [this] {
             window_.plots().showTab(PlotArea::Perplexity);
             session().evaluate(window_.evaluationChoice());
         }},
        {[this] { return measured(); }, tr("Done"), [this] { leave(); }},
    };
}

void Tour::start() {
    at_ = 0;
    plain_.reset();
    bar_.withdraw();
    window_.openPath(sample);
    timer_.start();
}

void Tour::leave() {
    at_.reset();
    timer_.stop();
    bar_.withdraw();
    Q_EMIT left();
}

void Tour::go() {
    if (!at_) return;
    const auto act = steps_[*at_].act;
    ++*at_;
    if (*at_ < steps_.size()) timer_.start();
    act();
}

// What the step before has begun is waited for; then the next one speaks.
void Tour::poll() {
    if (!at_ || !quiet()) return;
    timer_.stop();
    const Step& step = steps_[*at_];
    bar_.offer(step.says(), step.next, tr("Leave the tour"));
}

std::optional<double> Tour::sqnr() const {
    const LayerFigures figures = figures_of(session(), layer_, session().choiceFor(layer_, session().recipeRules()));
    return figures ? figures.report->output_sqnr_db : std::nullopt;
}

QString Tour::calibrated() const {
    const auto& outliers = session().outliers();
    const auto& linears = session().model()->linears();
    const auto worst = std::max_element(linears.begin(), linears.end(), [&](const Linear& a, const Linear& b) {
        return outliers[index_of(a.site)].ratio < outliers[index_of(b.site)].ratio;
    });
    return tr("Each linear now has an SQNR: signal over quantization noise of its output, in dB. The input with the "
              "largest outliers is that of %1: its biggest channel is %2 times the median one.")
        .arg(QString::fromStdString(worst->short_name), fixed_text(outliers[index_of(worst->site)].ratio, 1));
}

void Tour::lookAtWorst() {
    const auto& linears = session().model()->linears();
    const auto worst = std::max_element(linears.begin(), linears.end(), [&](const Linear& a, const Linear& b) {
        return session().outliers()[index_of(a.site)].ratio < session().outliers()[index_of(b.site)].ratio;
    });
    layer_ = worst->id;
    session().select({layer_});
    window_.plots().showTab(PlotArea::Channels);
}

QString Tour::channels() {
    const OutlierReport& outliers = session().outliers()[index_of(session().model()->linear(layer_).site)];
    plain_ = sqnr();
    return tr("%1 of its %2 input channels stand out. They stretch the scale of every token from %3 to %4, and all "
              "other "
              "channels share what few levels are left. SmoothQuant divides such channels by a factor and multiplies "
              "the "
              "weights by it: the same function, flatter inputs.")
        .arg(outliers.channels.size())
        .arg(session().model()->linear(layer_).in_features())
        .arg(fixed_text(outliers.max_without_outliers, 2), fixed_text(outliers.max_absmax, 2));
}

void Tour::smooth() {
    session().selectWhere([](const Linear&) { return true; });
    window_.recipePanel().editor()->chooseMethod(QStringLiteral("smoothquant"));
    session().select({layer_});
}

QString Tour::smoothed() const {
    const auto now = sqnr();
    if (!plain_ || !now) return tr("The channels are flatter now, as the outline shows.");
    return tr("The channels are flatter now, as the outline shows, and the output's SQNR went from %1 to %2 dB (%3 "
              "dB). "
              "That is an estimate from kept inputs; the model's perplexity says what it is worth.")
        .arg(fixed_text(*plain_, 1), fixed_text(*now, 1), signed_text(*now - *plain_, 1));
}

QString Tour::measured() const {
    const auto& runs = session().runs();
    if (runs.empty()) return tr("Nothing was measured: the evaluation did not finish.");
    const auto compared = session().comparison(session().baseline(), runs.back().id);
    if (!compared || !compared->difference) return tr("Nothing was measured: the evaluation did not finish.");
    const PairedDifference& difference = *compared->difference;
    return tr("Measured: perplexity %1 % against full precision, 95 % interval [%2, %3]. You have found which inputs "
              "hurt "
              "and what helps. Everything you did is one step each in Edit, History; try other methods from here.")
        .arg(signed_text(difference.percent, 2), signed_text(difference.interval_low, 2),
             signed_text(difference.interval_high, 2));
}

} // namespace graticule
