#include "kernels/api/grid_points.h"

#include <cmath>
#include <limits>

#include "kernels/api/kernel_error.h"

namespace graticule {
namespace {

[[noreturn]] void reject(const std::string& message) {
    throw KernelError(KernelError::Kind::invalid_argument, "number format: " + message);
}

void check(const CodeGrid& grid) {
    if (grid.levels < 2 || grid.code_count() > 256)
        reject("has " + std::to_string(grid.levels) + " levels and " + std::to_string(grid.special_count) +
               " specials; a code of at most 8 bits needs 2 to 256 in all");
    if (grid.special_count < 0 || grid.special_count > 2)
        reject("has " + std::to_string(grid.special_count) + " specials; a lattice may have 0, 1 or 2");
    if (grid.shape != CodeGrid::Shape::table) return;
    if (grid.special_count != 0) reject("is a table with specials; put them into the table");
    for (std::int32_t i = 0; i < grid.levels; ++i) {
        const auto at = static_cast<std::size_t>(i);
        if (!std::isfinite(grid.table[at])) reject("table entry " + std::to_string(i) + " is not finite");
        if (i > 0 && !(grid.table[at] > grid.table[at - 1]))
            reject("table entry " + std::to_string(i) + " does not lie above the one before; entries must ascend");
    }
}

/// Index of the entry with the smallest magnitude, the lower one of two.
std::int32_t entry_nearest_zero(const CodeGrid& grid) {
    std::int32_t nearest = 0;
    for (std::int32_t i = 1; i < grid.levels; ++i)
        if (std::fabs(grid.table[static_cast<std::size_t>(i)]) <
            std::fabs(grid.table[static_cast<std::size_t>(nearest)]))
            nearest = i;
    return nearest;
}

void prepare_table(const CodeGrid& grid, GridPoints& points) {
    constexpr float infinity = std::numeric_limits<float>::infinity();
    const std::int32_t origin = entry_nearest_zero(grid);
    for (std::int32_t i = 0; i < grid.levels; ++i) {
        points.table[i] = grid.table[static_cast<std::size_t>(i)];
        points.largest_magnitude = std::fmax(points.largest_magnitude, std::fabs(points.table[i]));
    }
    // No comparison with NaN holds, so the search never runs past the last entry, not even for infinity.
    for (float& threshold : points.threshold) threshold = std::numeric_limits<float>::quiet_NaN();
    for (std::int32_t i = 0; i + 1 < grid.levels; ++i) {
        const auto middle =
            static_cast<float>((static_cast<double>(points.table[i]) + static_cast<double>(points.table[i + 1])) / 2);
        // A tie goes up where the upper entry is the even one; else the threshold is the next float, so that one
        // comparison does.
        const bool upper_is_even = (i + 1 - origin) % 2 == 0;
        points.threshold[i] = upper_is_even ? middle : std::nextafter(middle, infinity);
    }
    points.margin_below = (points.table[1] - points.table[0]) / 2;
    points.margin_above = (points.table[grid.levels - 1] - points.table[grid.levels - 2]) / 2;
    if (points.largest_magnitude == 0.0F) reject("table holds nothing but zero");
}

} // namespace

GridPoints prepare_grid(const CodeGrid& grid) {
    check(grid);
    GridPoints points;
    points.levels = grid.levels;
    points.special_count = grid.special_count;
    points.top = static_cast<float>(grid.levels - 1);
    if (grid.shape == CodeGrid::Shape::table) {
        points.kind = GridKind::table;
        prepare_table(grid, points);
    } else if (grid.special_count > 0) {
        points.kind = GridKind::lattice_with_specials;
        points.specials[0] = grid.specials[0];
        points.specials[1] = grid.specials[grid.special_count == 2 ? 1 : 0];
    }
    return points;
}

} // namespace graticule
