// What panels that stand below a plot have in common: one thing below the other on the plot's ground, controls at the
// left.
#pragma once

#include <QtWidgets/QFrame>
#include <QtWidgets/QHBoxLayout>
#include <QtWidgets/QVBoxLayout>
#include <initializer_list>

namespace graticule {

/// The layout of `panel`, and its ground.
[[nodiscard]] QVBoxLayout* column_below_plot(QFrame& panel);
[[nodiscard]] QHBoxLayout* line_of(std::initializer_list<QWidget*> controls);

} // namespace graticule
