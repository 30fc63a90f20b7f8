#include "widgets/plots/sparkline.h"

#include "widgets/plots/decimate.h"
#include "widgets/plots/plot_scene.h"

#include <QtGui/QPainter>
#include <algorithm>
#include <numeric>

namespace graticule::plots {

void paint_sparkline(QPainter& painter, const QRectF& area, std::span<const double> values, double low, double high,
                     const QColor& colour, std::size_t expected_count) {
    if (values.empty() || area.width() < 2 || area.height() < 2) return;
    const double last = double(std::max(values.size(), expected_count)) - 1;
    const AxisMap x{Scale::linear, 1, usable(Scale::linear, {0, std::max(1.0, last)}), area.left(), area.right()};
    const AxisMap y{Scale::linear, 1, usable(Scale::linear, {low, high}), area.bottom() - 1, area.top() + 1};
    std::vector<double> positions(values.size());
    std::iota(positions.begin(), positions.end(), 0.0);
    painter.save();
    painter.setClipRect(area.adjusted(-2, -2, 2, 2));
    painter.setRenderHint(QPainter::Antialiasing);
    for (const auto& run : decimate_line(positions, values, x, y)) {
        painter.setPen(QPen(colour, 1.5, Qt::SolidLine, Qt::RoundCap, Qt::RoundJoin));
        painter.setBrush(Qt::NoBrush);
        if (run.size() > 1) {
            painter.drawPolyline(run.data(), int(run.size()));
            continue;
        }
        painter.setPen(Qt::NoPen);
        painter.setBrush(colour);
        painter.drawEllipse(run.front(), 1.5, 1.5);
    }
    painter.restore();
}

} // namespace graticule::plots
