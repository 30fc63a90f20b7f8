#include "app/window/tour.h"

#include <algorithm>

#include "app/session/layer_figures.h"
#include "app/window/main_window.h"
#include "core/format/quant_format.h"
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
    connect(&bar_, &OfferBar::besides, this, &Tour::back);
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
        {[this] { return calibrated(); }, tr("Measure perplexity"), [this] { measure(); }},
        {[this] { return cost(); }, tr("Look where it hurts"), [this] { lookAtSuspect(); }},
        {[this] { return channels(); }, tr("Try SmoothQuant on all"), [this] { smooth(); }},
        {[this] { return smoothed(); }, tr("Use dINT4 on all"), [this] { vanishLess(); }},
        {[this] { return vanished(); }, tr("Measure again"), [this] { measure(); }},
        {[this] { return measured(); }, tr("Done"), [this] { leave(); }},
    };
}

void Tour::start() {
    at_ = 0;
    seen_.clear();
    plain_.reset();
    flat_.reset();
    vanishing_.reset();
    before_.reset();
    bar_.withdraw();
    layer_ = {};
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
    const Step step = steps_[*at_];
    ++*at_;
    if (*at_ < seen_.size()) return show(*at_);
    if (*at_ < steps_.size()) {
        timer_.start();
        bar_.wait(step.next + QStringLiteral(" …")); // the tabs below it stay where they are
    }
    step.act();
}

void Tour::back() {
    if (at_ && *at_ > 0) show(*at_ - 1);
}

void Tour::show(std::size_t step) {
    at_ = step;
    const Seen& seen = seen_[step];
    if (session().recipe() != seen.recipe) session().setRecipe(seen.recipe, tr("tour, step %1").arg(step + 1));
    session().select(seen.selection);
    window_.plots().showTab(seen.tab);
    speak();
}

// What the step before has begun is waited for; then the next one speaks.
void Tour::poll() {
    if (!at_ || !quiet()) return;
    timer_.stop();
    seen_.push_back({steps_[*at_].says(), session().recipe(), session().selection(),
                     static_cast<PlotArea::Tab>(window_.plots().currentIndex())});
    speak();
}

void Tour::speak() {
    bar_.offer(tr("Step %1 of %2. %3").arg(*at_ + 1).arg(steps_.size()).arg(seen_[*at_].said), steps_[*at_].next,
               tr("Leave the tour"), *at_ > 0 ? tr("Back") : QString());
}

std::optional<double> Tour::sqnr_of(const Linear& linear) const {
    const LayerFigures figures =
        figures_of(session(), linear.id, session().choiceFor(linear.id, session().recipeRules()));
    return figures ? figures.report->output_sqnr_db : std::nullopt;
}

std::optional<double> Tour::sqnr() const { return sqnr_of(session().model()->linear(layer_)); }

const Linear* Tour::suspect() const {
    const Linear *found = nullptr, *worst = nullptr;
    double lowest = 0, lowest_of_all = 0;
    for (const Linear& linear : session().model()->linears()) {
        const std::optional<double> here = sqnr_of(linear);
        if (!here) continue;
        if (!worst || *here < lowest_of_all) worst = &linear, lowest_of_all = *here;
        if (session().outliers()[index_of(linear.site)].channels.empty()) continue;
        if (!found || *here < lowest) found = &linear, lowest = *here;
    }
    return found ? found : worst;
}

QString Tour::calibrated() {
    const Linear* linear = suspect();
    if (!linear) return tr("Each linear's input is known now.");
    layer_ = linear->id;
    const QString of = session().outliers()[index_of(linear->site)].channels.empty()
                           ? tr("The lowest is that of %1: %2 dB.")
                           : tr("Of those whose input has channels that stand out %1 has the lowest: %2 dB.");
    return tr("Each linear now has an SQNR: signal over quantization noise of its output, in dB, the higher the "
              "better. ") +
           of.arg(QString::fromStdString(linear->short_name), fixed_text(*sqnr_of(*linear), 1));
}

void Tour::measure() {
    window_.plots().showTab(PlotArea::Perplexity);
    session().evaluate(window_.evaluationChoice());
}

std::optional<Tour::Loss> Tour::newestLoss() const {
    const auto& runs = session().runs();
    const Run* baseline = session().run(session().baseline());
    if (runs.empty() || !baseline) return std::nullopt;
    const auto compared = session().comparison(baseline->id, runs.back().id);
    if (!compared || !compared->difference) return std::nullopt;
    return Loss{runs.back().id, baseline->evaluation->perplexity, runs.back().evaluation->perplexity,
                *compared->difference};
}

namespace {
const char* unmeasured() { return QT_TRANSLATE_NOOP("Tour", "Nothing was measured: the evaluation did not finish."); }

QString interval_text(const PairedDifference& difference) {
    return Tour::tr("%1, 95 % interval %2 to %3")
        .arg(signed_text(difference.perplexity_difference, 2), signed_text(difference.interval_low, 2),
             signed_text(difference.interval_high, 2));
}
} // namespace

QString Tour::cost() {
    before_ = newestLoss();
    if (!before_) return tr(unmeasured());
    return tr("What 4-bit weights and 8-bit inputs cost: perplexity %1 instead of %2 (%3). Where does it come from?")
        .arg(fixed_text(before_->perplexity, 2), fixed_text(before_->baseline, 2), interval_text(before_->difference));
}

void Tour::lookAtSuspect() {
    session().select({layer_});
    window_.plots().showTab(PlotArea::Channels);
}

namespace {
/// "72 % of its error its weights make alone, 5 % its input": as the card beside it has it.
QString parts_text(const LayerFigures& figures) {
    const auto& error = figures ? figures.report->output_error : std::nullopt;
    if (!error || !(error->total > 0)) return {};
    const auto share = [&](const ErrorSources::Parts& of) {
        return fixed_text(100 * (of.underflow + of.rounding + of.clipping) / error->total, 0);
    };
    return Tour::tr(" Alone, its weights make %1 % of its error and its input %2 %.")
        .arg(share(error->weight), share(error->input));
}
} // namespace

QString Tour::channels() {
    const Linear& linear = session().model()->linear(layer_);
    if (index_of(linear.site) >= session().outliers().size())
        return tr("Nothing was seen of its input: the calibration did not finish.");
    const OutlierReport& outliers = session().outliers()[index_of(linear.site)];
    plain_ = sqnr();
    const QString name = QString::fromStdString(linear.short_name);
    const QString parts =
        parts_text(figures_of(session(), layer_, session().choiceFor(layer_, session().recipeRules())));
    if (outliers.channels.empty())
        return tr("No input of this model has channels that stand out; the linear with the lowest SQNR is %1.")
                   .arg(name) +
               parts + tr(" SmoothQuant, which evens out such channels, has little to mend here.");
    return tr("%1: %2 of its %3 input channels stand out.")
               .arg(name)
               .arg(outliers.channels.size())
               .arg(linear.in_features()) +
           parts +
           tr(" The errors of the weights that meet those channels count many times over, and the scale of every token "
              "is stretched from %1 to %2. SmoothQuant divides such channels by a factor and multiplies the weights by "
              "it: the same function, flatter inputs.")
               .arg(fixed_text(outliers.max_without_outliers, 2), fixed_text(outliers.max_absmax, 2));
}

void Tour::smooth() {
    session().selectWhere([](const Linear&) { return true; });
    window_.recipePanel().editor()->chooseMethod(QStringLiteral("smoothquant"));
    session().select({layer_});
}

QString Tour::smoothed() {
    flat_ = sqnr();
    QString said = tr("The channels are flatter now, as the outline shows.");
    if (plain_ && flat_)
        said = tr("The channels are flatter now, as the outline shows, and the output's SQNR went from %1 to %2 dB (%3 "
                  "dB), estimated from kept inputs.")
                   .arg(fixed_text(*plain_, 1), fixed_text(*flat_, 1), signed_text(*flat_ - *plain_, 1));
    vanishing_ = underflow();
    if (!vanishing_) return said;
    return said + tr(" But %1 % of its weights become zero: INT4 has no level between zero and one step. dINT4 has one "
                     "at half a step, on either side.")
                      .arg(fixed_text(*vanishing_, 1));
}

std::optional<double> Tour::underflow() const {
    const LayerFigures figures = figures_of(session(), layer_, session().choiceFor(layer_, session().recipeRules()));
    return figures ? std::optional(figures.report->weight_underflow_percent) : std::nullopt;
}

void Tour::vanishLess() {
    session().selectWhere([](const Linear&) { return true; });
    const auto edit = [](SchemeChoice& choice) {
        if (choice.scheme.weight) choice.scheme.weight->format = find_format("dint4");
    };
    session().editSelected(edit, tr("weights to dINT4"), {});
    session().select({layer_});
    window_.plots().showTab(PlotArea::Distribution);
}

QString Tour::vanished() const {
    const auto now = underflow(), now_sqnr = sqnr();
    QString said = vanishing_ && now ? tr("Of its weights %1 % become zero now; smoothed, but as INT4, it was %2 %.")
                                           .arg(fixed_text(*now, 1), fixed_text(*vanishing_, 1))
                                     : tr("Other weights become zero now.");
    if (flat_ && now_sqnr)
        said += tr(" The output's SQNR went from %1 to %2 dB (%3 dB).")
                    .arg(fixed_text(*flat_, 1), fixed_text(*now_sqnr, 1), signed_text(*now_sqnr - *flat_, 1));
    return said + tr(" The model's perplexity says what the two changes are worth.");
}

// As it came out, whether it helped or not.
QString Tour::measured() const {
    const auto now = newestLoss();
    if (!now || !before_ || now->run == before_->run) return tr(unmeasured());
    const auto gained = session().comparison(before_->run, now->run);
    const bool sure = gained && gained->difference && gained->difference->significant;
    const QString verdict = !sure                                   ? tr("which may be chance")
                            : now->perplexity < before_->perplexity ? tr("a real improvement")
                                                                    : tr("for the worse");
    QString said =
        tr("Measured: perplexity %1 (full precision %2), before the two changes %3")
            .arg(fixed_text(now->perplexity, 2), fixed_text(now->baseline, 2), fixed_text(before_->perplexity, 2));
    if (gained && gained->difference) said += tr(": %1, %2").arg(interval_text(*gained->difference), verdict);
    return said + tr(". Every change is a step in Edit, History; Compare shows the two linear by linear.");
}

} // namespace graticule
