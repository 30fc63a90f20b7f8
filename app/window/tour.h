// A tour of the window on the sample model that ends with a real finding: which inputs hurt, why, and what helps. Each
// step says with this model's own numbers what is seen, and what comes next; it can be left at any time.
#pragma once

#include <QtCore/QObject>
#include <QtCore/QString>
#include <QtCore/QTimer>
#include <functional>
#include <optional>
#include <vector>

#include "core/base/ids.h"
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
    void build();
    void go();
    void poll();
    [[nodiscard]] bool quiet() const; ///< nothing runs any more
    [[nodiscard]] Session& session() const;
    [[nodiscard]] std::optional<double> sqnr() const;      ///< of the linear in question, under the recipe
    [[nodiscard]] std::optional<double> underflow() const; ///< of its weights, in percent
    struct Loss {                                          // of a finished run
        int run = 0;
        double baseline = 0, perplexity = 0;
        PairedDifference difference; ///< to the baseline
    };
    [[nodiscard]] std::optional<Loss> newestLoss() const;
    [[nodiscard]] QString calibrated() const;
    [[nodiscard]] QString cost(); ///< these three note how it stood before the next change
    [[nodiscard]] QString channels();
    [[nodiscard]] QString smoothed();
    [[nodiscard]] QString vanished() const;
    [[nodiscard]] QString measured() const;
    void measure();
    void lookAtWorst();
    void smooth();
    void vanishLess();

    MainWindow& window_;
    OfferBar& bar_;
    std::vector<Step> steps_;
    std::optional<std::size_t> at_;
    LayerId layer_{};                         // whose input has the largest outliers
    std::optional<double> plain_, vanishing_; // its SQNR and underflow before anything is done about them
    std::optional<Loss> before_;
    QTimer timer_;
};

} // namespace graticule
