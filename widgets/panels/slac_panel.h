// How long calibration sequences should be (SLAC), in words and as the measured matrix: perplexity by calibration
// length and evaluation length, each paired with the unquantized model, and of which recipe and text that is.
#pragma once

#include <QtWidgets/QFrame>

#include "core/result/length_study.h"

class QLabel;
class QPushButton;

namespace graticule {

class ElidedLabel;
class FigureTable;

class SlacPanel final : public QFrame {
    Q_OBJECT
public:
    explicit SlacPanel(QWidget* parent = nullptr);
    /// `of_now`: of the current recipe; of another one nothing is advised, and it is said.
    void setStudy(const LengthStudy& study, const LengthAdvice& advice, bool of_now);
    /// Nothing has been compared yet, which is said with the way to do it.
    void clearStudy();
    /// What measuring would measure, beside its button; a refusal says why it cannot.
    void setOffer(const QString& what, const QString& refusal);
    [[nodiscard]] FigureTable* matrix() const { return matrix_; }
    [[nodiscard]] QPushButton* measure() const { return measure_; }

Q_SIGNALS:
    void compareWanted(); ///< update ratios and ranges
    void measureWanted(); ///< and perplexities by the recipe

private:
    void fill(const LengthStudy& study);

    QLabel *headline_, *reason_, *of_, *note_;
    FigureTable* matrix_;
    QPushButton *compare_, *measure_;
    ElidedLabel* offer_;
};

} // namespace graticule
