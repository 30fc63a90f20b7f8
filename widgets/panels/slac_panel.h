// How long calibration sequences should be (SLAC), in words and as the measured matrix: perplexity by calibration
// length and evaluation length, each paired with the unquantized model.
#pragma once

#include <QtWidgets/QFrame>
#include <memory>
#include <optional>

#include "core/result/length_study.h"

class QLabel;
class QPushButton;

namespace graticule {

class FigureTable;

class SlacPanel final : public QFrame {
    Q_OBJECT
public:
    explicit SlacPanel(QWidget* parent = nullptr);
    /// Null: nothing has been compared yet, which is said with the way to do it.
    void setStudy(const std::shared_ptr<const LengthStudy>& study, const std::optional<LengthAdvice>& advice);
    [[nodiscard]] FigureTable* matrix() const { return matrix_; }

Q_SIGNALS:
    void compareWanted(); ///< update ratios and ranges
    void measureWanted(); ///< and perplexities by the recipe

private:
    void fill(const LengthStudy& study);

    QLabel *headline_, *reason_, *note_;
    FigureTable* matrix_;
    QPushButton *compare_, *measure_;
};

} // namespace graticule
