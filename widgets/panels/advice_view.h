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
    /// Where there are none it says so, or, where nothing has been measured yet, what to do for them.
    void setRows(const std::vector<AdviceRow>& rows, bool measured);
    /// By Tab one comes from `before` to its buttons, whenever they are made.
    void setTabPlace(QWidget* before) { before_ = before; }

Q_SIGNALS:
    void wanted(int row);

private:
    QVBoxLayout* column_;
    QWidget* before_ = nullptr;
    std::vector<AdviceRow> rows_;
    bool measured_ = true;
};

} // namespace graticule
