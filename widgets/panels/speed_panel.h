// How fast the model runs, as a table: tokens per second of every setting and pass, what each holds in memory, and
// which kernel its linears ran on.
#pragma once

#include <QtWidgets/QFrame>
#include <memory>

#include "core/result/speed_study.h"

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

Q_SIGNALS:
    void measureWanted();

private:
    void fill(const SpeedStudy& study);

    QLabel *headline_, *note_;
    FigureTable* table_;
    QPushButton* measure_;
};

} // namespace graticule
