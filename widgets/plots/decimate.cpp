#include "widgets/plots/decimate.h"

#include <algorithm>
#include <cmath>

namespace graticule::plots {
namespace {

bool drawable(double x, double y) { return std::isfinite(x) && !std::isnan(y); }

/// The points of one pixel column while it is being read: first come, smallest and largest, in the order met.
struct Column {
    long index = 0;
    QPointF low, high;
    bool low_first = true;

    void start(long column, QPointF point) {
        index = column;
        low = high = point;
        low_first = true;
    }
    void add(QPointF point) {
        if (point.y() < low.y()) low = point, low_first = false;
        if (point.y() > high.y()) high = point, low_first = true;
    }
    void emit_to(std::vector<QPointF>& run) const {
        run.push_back(low_first ? low : high);
        if (low != high) run.push_back(low_first ? high : low);
    }
};

} // namespace

std::vector<std::vector<QPointF>> decimate_line(std::span<const double> x, std::span<const double> y,
                                                const AxisMap& x_map, const AxisMap& y_map) {
    std::vector<std::vector<QPointF>> runs;
    std::vector<QPointF> run;
    Column column;
    bool open = false, broken = false;
    const double near = std::min(x_map.first, x_map.last), far = std::max(x_map.first, x_map.last);
    const auto finish_run = [&] {
        if (!run.empty()) runs.push_back(std::move(run));
        run.clear();
    };
    const std::size_t count = std::min(x.size(), y.size());
    for (std::size_t i = 0; i < count; ++i) {
        if (!drawable(x[i], y[i])) {
            broken = open;
            continue;
        }
        const QPointF point(x_map.pixel(x[i]), y_map.pixel(y[i]));
        if (!std::isfinite(point.x())) continue;
        // All points left of the frame share one column, and so do all right of it: one neighbour each side is enough
        // for the slope.
        const long index = point.x() < near ? -1 : point.x() > far ? long(far - near) + 2 : long(point.x() - near);
        const bool outside = point.x() < near || point.x() > far;
        if (open && index == column.index) {
            if (!outside)
                column.add(point);
            else if (point.x() < near)
                column.start(index, point); // the last one before the frame
            continue;
        }
        if (open) column.emit_to(run);
        if (broken) finish_run();
        broken = false;
        column.start(index, point);
        open = true;
    }
    if (open) column.emit_to(run);
    finish_run();
    return runs;
}

std::vector<PixelBar> decimate_bars(std::span<const double> lefts, std::span<const double> rights,
                                    std::span<const double> tops, std::span<const double> bottoms,
                                    const AxisMap& x_map) {
    std::vector<PixelBar> bars;
    const double near = std::min(x_map.first, x_map.last), far = std::max(x_map.first, x_map.last);
    const std::size_t count = std::min({lefts.size(), rights.size(), tops.size()});
    for (std::size_t i = 0; i < count; ++i) {
        if (std::isnan(tops[i]) || !std::isfinite(lefts[i]) || !std::isfinite(rights[i])) continue;
        double left = x_map.pixel(lefts[i]), right = x_map.pixel(rights[i]);
        if (left > right) std::swap(left, right);
        if (right <= near || left >= far) continue;
        PixelBar bar{std::max(left, near), std::min(right, far), i < bottoms.size() ? bottoms[i] : std::nan(""),
                     tops[i], i};
        const bool narrow = right - left < 1;
        if (narrow) {
            bar.left = std::floor(bar.left - near) + near;
            bar.right = bar.left + 1;
        }
        const bool same_column =
            narrow && !bars.empty() && bars.back().left == bar.left && bars.back().right == bar.right;
        if (!same_column) {
            bars.push_back(bar);
        } else if (std::abs(bar.top) > std::abs(bars.back().top)) {
            bars.back() = bar;
        }
    }
    return bars;
}

std::vector<std::size_t> decimate_points(std::span<const double> x, std::span<const double> y, const AxisMap& x_map) {
    struct Kept {
        long column = 0;
        std::size_t low = 0, high = 0;
        bool used = false;
    };
    const double near = std::min(x_map.first, x_map.last), far = std::max(x_map.first, x_map.last);
    std::vector<Kept> columns(std::size_t(std::max(0.0, far - near)) + 2);
    const std::size_t count = std::min(x.size(), y.size());
    for (std::size_t i = 0; i < count; ++i) {
        if (!drawable(x[i], y[i])) continue;
        const double at = x_map.pixel(x[i]);
        if (!(at >= near - 0.5 && at <= far + 0.5)) continue;
        Kept& kept = columns[std::min(columns.size() - 1, std::size_t(std::max(0.0, at - near)))];
        if (!kept.used || y[i] < y[kept.low]) kept.low = i;
        if (!kept.used || y[i] > y[kept.high]) kept.high = i;
        kept.used = true;
    }
    std::vector<std::size_t> result;
    for (const Kept& kept : columns) {
        if (!kept.used) continue;
        result.push_back(std::min(kept.low, kept.high));
        if (kept.low != kept.high) result.push_back(std::max(kept.low, kept.high));
    }
    return result;
}

} // namespace graticule::plots
