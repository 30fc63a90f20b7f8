// Current against candidate against difference, for the selected linear: the card in the recipe panel.
#pragma once

#include <QtCore/QString>
#include <QtWidgets/QFrame>
#include <vector>

class QGridLayout;

namespace graticule {

struct WhatIfRow { ///< without figures: a heading of the rows below it
    QString name, tip{};
    QString current{}, candidate{}, delta{};
    int better = 0;      ///< 1: the candidate is better, -1: worse, 0: equal or a matter of taste
    QString shorter{};   ///< the name where there is no room for it; empty: it is cut
    bool fitted = false; ///< depends on the rows that a method is fitted to
    bool scored = false; ///< a mean over rows of the input
};

struct WhatIfTable {
    QString current_label;
    QString candidate_label; ///< empty: there is no candidate, one column is shown
    std::vector<WhatIfRow> rows;
    QString basis;   ///< under the rows: "measured", "estimated from 512 rows"
    QString warning; ///< why the figures are not to be trusted; empty: they are
    QString note;    ///< shown instead of the rows when there are none
};

class WhatIfCard final : public QFrame {
    Q_OBJECT
public:
    explicit WhatIfCard(QWidget* parent = nullptr);
    void setTable(const WhatIfTable& table);

private:
    QGridLayout* grid_;
};

} // namespace graticule
