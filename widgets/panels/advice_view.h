// Findings with their evidence, worst first; each has a button that changes the recipe in one undoable step.
#pragma once

#include <QtWidgets/QWidget>
#include <vector>

class QVBoxLayout;

namespace graticule {

struct AdviceRow {
    QString title, evidence, action;
    bool operator==(const AdviceRow&) const = default;
};

class AdviceView final : public QWidget {
    Q_OBJECT
public:
    explicit AdviceView(QWidget* parent = nullptr);
    void setRows(const std::vector<AdviceRow>& rows); ///< says so where there are none

Q_SIGNALS:
    void wanted(int row);

private:
    QVBoxLayout* column_;
    std::vector<AdviceRow> rows_;
};

} // namespace graticule
