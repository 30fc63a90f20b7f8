#include "widgets/panels/below_plot.h"

#include "widgets/panels/elided_label.h"

namespace graticule {

QVBoxLayout* column_below_plot(QFrame& panel) {
    auto* column = new QVBoxLayout(&panel);
    column->setContentsMargins(16, 10, 16, 10);
    column->setSpacing(6);
    panel.setBackgroundRole(QPalette::Base);
    panel.setAutoFillBackground(true);
    return column;
}

QHBoxLayout* line_of(std::initializer_list<QWidget*> controls, QWidget* rest) {
    auto* line = new QHBoxLayout;
    for (QWidget* control : controls) line->addWidget(control);
    if (rest)
        line->addWidget(rest, 1);
    else
        line->addStretch(1);
    return line;
}

ElidedLabel* measured_on_label() {
    auto* label = new ElidedLabel;
    label->setProperty("role", "secondary");
    label->setHelp(
        QObject::tr("The text, the windows and the precision that Evaluate was asked for last: choose others "
                    "there (F7)"));
    return label;
}

} // namespace graticule
