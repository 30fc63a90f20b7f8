#include "widgets/panels/below_plot.h"

namespace graticule {

QVBoxLayout* column_below_plot(QFrame& panel) {
    auto* column = new QVBoxLayout(&panel);
    column->setContentsMargins(16, 10, 16, 10);
    column->setSpacing(6);
    panel.setBackgroundRole(QPalette::Base);
    panel.setAutoFillBackground(true);
    return column;
}

QHBoxLayout* line_of(std::initializer_list<QWidget*> controls) {
    auto* line = new QHBoxLayout;
    for (QWidget* control : controls) line->addWidget(control);
    line->addStretch(1);
    return line;
}

} // namespace graticule
