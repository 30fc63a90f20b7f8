// Which linears suffer from which scheme: what to measure, and how well prediction ranks what was measured.
#pragma once

#include <QtWidgets/QFrame>

#include "core/result/sensitivity.h"

class QLabel;
class QPushButton;
class QSpinBox;

namespace graticule {

class ElidedLabel;
class FigureTable;

class SensitivityPanel final : public QFrame {
    Q_OBJECT
public:
    explicit SensitivityPanel(QWidget* parent = nullptr);
    /// Null: nothing was predicted yet. `under_way`: more is to come.
    void setSensitivity(const Sensitivity* sensitivity, bool under_way);
    [[nodiscard]] FigureTable* table() const { return table_; }
    [[nodiscard]] QSpinBox* measured() const { return measured_; }
    [[nodiscard]] ElidedLabel* measuredOn() const { return on_; } ///< what the next one will be measured on

Q_SIGNALS:
    /// `measured`: the worst so many linears of each scheme are measured as well; 0: none.
    void sensitivityWanted(int measured);

private:
    QLabel *headline_, *note_;
    QSpinBox* measured_;
    QPushButton* go_;
    ElidedLabel* on_;
    FigureTable* table_;
};

} // namespace graticule
