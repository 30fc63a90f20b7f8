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
    [[nodiscard]] std::optional<double> sqnr() const; ///< of the linear in question, under the recipe
    [[nodiscard]] QString calibrated() const;
    [[nodiscard]] QString channels(); ///< and notes how it stood before
    [[nodiscard]] QString smoothed() const;
    [[nodiscard]] QString measured() const;
    void lookAtWorst();
    void smooth();

    MainWindow& window_;
    OfferBar& bar_;
    std::vector<Step> steps_;
    std::optional<std::size_t> at_;
    LayerId layer_{};             // whose input has the largest outliers
    std::optional<double> plain_; // its SQNR before anything is done about it
    QTimer timer_;
};

} // namespace graticule
