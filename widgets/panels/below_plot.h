// What panels that stand below a plot have in common: one thing below the other on the plot's ground, controls at the
// left.
#pragma once

#include <QtWidgets/QFrame>
#include <QtWidgets/QHBoxLayout>
#include <QtWidgets/QVBoxLayout>
#include <initializer_list>

namespace graticule {

class ElidedLabel;

/// The layout of `panel`, and its ground.
[[nodiscard]] QVBoxLayout* column_below_plot(QFrame& panel);
/// `rest` takes the room that is left.
[[nodiscard]] QHBoxLayout* line_of(std::initializer_list<QWidget*> controls, QWidget* rest = nullptr);
/// What the button before it will measure on; how to choose that, in its tip.
[[nodiscard]] ElidedLabel* measured_on_label();

} // namespace graticule
