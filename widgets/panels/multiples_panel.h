// The distributions of all inputs at once, small: which block's is wider, which has a tail, without a click for each.
#pragma once

#include <QtWidgets/QWidget>

#include "widgets/models/multiples_model.h"

class QLabel;
class QTableView;

namespace graticule {

class MultiplesPanel final : public QWidget {
    Q_OBJECT
public:
    explicit MultiplesPanel(QWidget* parent = nullptr);
    void setMultiples(Multiples multiples, const QString& about);
    void setSelected(LayerId layer); ///< emits nothing
    [[nodiscard]] QTableView* table() const { return table_; }

Q_SIGNALS:
    void layerChosen(graticule::LayerId layer);

private:
    QLabel* about_;
    QTableView* table_;
    MultiplesModel* model_;
};

} // namespace graticule
