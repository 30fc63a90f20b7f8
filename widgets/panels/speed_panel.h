// How fast the model runs, as a table: the chosen figure of every setting and pass, what each holds in memory, and
// which kernel its linears ran on; or the share that each kind of layer has of one pass.
#pragma once

#include <QtWidgets/QFrame>
#include <memory>

#include "widgets/models/speed_figure.h"

class QComboBox;
class QLabel;
class QPushButton;

namespace graticule {

class FigureTable;

class SpeedPanel final : public QFrame {
    Q_OBJECT
public:
    explicit SpeedPanel(QWidget* parent = nullptr);
    /// Null: nothing has been measured yet, which is said with the way to do it.
    void setStudy(const std::shared_ptr<const SpeedStudy>& study);
    [[nodiscard]] FigureTable* table() const { return table_; }
    [[nodiscard]] SpeedFigure figure() const;

Q_SIGNALS:
    void measureWanted();
    void figureChosen();

private:
    void fill();
    void fillPasses();
    void fillKinds(); ///< of the chosen pass
    void listPasses();

    std::shared_ptr<const SpeedStudy> study_; ///< null, or with at least one run
    QLabel *headline_, *note_;
    FigureTable* table_;
    QPushButton* measure_;
    QComboBox *figure_, *pass_;
};

} // namespace graticule
