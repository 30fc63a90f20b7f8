// A tour of the window on the sample model that ends with a real finding: which inputs hurt, why, and what helps. Each
// step says with this model's own numbers what is seen, and what comes next; one can go back a step, and leave at any
// time.
#pragma once

#include <QtCore/QObject>
#include <QtCore/QString>
#include <QtCore/QTimer>
#include <functional>
#include <optional>
#include <vector>

#include "app/window/plot_area.h"
#include "core/base/ids.h"
#include "core/recipe/recipe.h"
#include "core/result/evaluation.h"

namespace graticule {

class MainWindow;
class OfferBar;
class Session;

class Tour final : public QObject {
    Q_OBJECT
public:
    /// Talks in `bar`; belongs to `window`.
    Tour(MainWindow& window, OfferBar& bar);
    void start();
    void leave();
    [[nodiscard]] bool running() const { return at_.has_value(); }
    [[nodiscard]] std::size_t step() const { return at_.value_or(0); }

Q_SIGNALS:
    void left(); ///< at its end or before

private:
    struct Step {
        std::function<QString()> says; ///< once what the step before began is there
        QString next;                  ///< on the button
        std::function<void()> act;     ///< when it is pressed
    };
    /// A step that has spoken, as it was then: going back to it measures nothing again.
    struct Seen {
        QString said;
        Recipe recipe;
        std::vector<LayerId> selection;
        PlotArea::Tab tab{};
    };
    void build();
    void go();
    void back();
    void show(std::size_t step); ///< one that has spoken before
    void speak();                ///< of the step that is reached
    void poll();
    [[nodiscard]] bool quiet() const; ///< nothing runs any more
    [[nodiscard]] Session& session() const;
    /// The lowest output SQNR of those whose input has outliers, which is what smoothing mends; of all where none has.
    [[nodiscard]] const Linear* suspect() const;
    [[nodiscard]] std::optional<double> sqnr_of(const Linear& linear) const; ///< under the recipe
    [[nodiscard]] std::optional<double> sqnr() const;                        ///< of the linear in question
    [[nodiscard]] std::optional<double> underflow() const;                   ///< of its weights, in percent
    struct Loss {                                                            // of a finished run
        int run = 0;
        double baseline = 0, perplexity = 0;
        PairedDifference difference; ///< to the baseline
    };
    [[nodiscard]] std::optional<Loss> newestLoss() const;
    [[nodiscard]] QString calibrated(); ///< finds the suspect
    [[nodiscard]] QString cost();       ///< these three note how it stood before the next change
    [[nodiscard]] QString channels();
    [[nodiscard]] QString smoothed();
    [[nodiscard]] QString vanished() const;
    [[nodiscard]] QString measured() const;
    void measure();
    void lookAtSuspect();
    void smooth();
    void vanishLess();

    MainWindow& window_;
    OfferBar& bar_;
    std::vector<Step> steps_;
    std::optional<std::size_t> at_;
    std::vector<Seen> seen_;                         // in the order of steps_
    LayerId layer_{};                                // the suspect; the first, where nothing was seen
    std::optional<double> plain_, flat_, vanishing_; // its SQNR plain and smoothed, its underflow smoothed
    std::optional<Loss> before_;
    QTimer timer_;
};

} // namespace graticule
