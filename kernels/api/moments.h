// Central moments of a set of numbers and the exact formula that joins two disjoint sets (Pebay 2008, Eqs. 1.1-1.5
// written out for orders 2 to 4). Joining is associative up to rounding, so columns may be cut into row blocks
// anywhere.
#pragma once

namespace graticule {

struct Moments {
    double mean = 0; ///< of `count` values; the count is kept beside
    double m2 = 0;   ///< sum of (x - mean)^2
    double m3 = 0;
    double m4 = 0;
};

/// Moments of the union of `a` (count_a > 0 values, or 0 and all zero) and `b` (count_b > 0 values).
constexpr Moments join_moments(const Moments& a, double count_a, const Moments& b, double count_b) {
    const double count = count_a + count_b;
    const double part_a = count_a / count;
    const double part_b = count_b / count;
    const double delta = b.mean - a.mean;
    const double delta2 = delta * delta;
    const double product = count_a * part_b; // n_a n_b / n
    Moments joined;
    joined.mean = a.mean + delta * part_b;
    joined.m2 = a.m2 + b.m2 + delta2 * product;
    joined.m3 =
        a.m3 + b.m3 + delta * delta2 * product * (part_a - part_b) + 3.0 * delta * (part_a * b.m2 - part_b * a.m2);
    joined.m4 = a.m4 + b.m4 + delta2 * delta2 * product * (part_a * part_a - part_a * part_b + part_b * part_b) +
                6.0 * delta2 * (part_a * part_a * b.m2 + part_b * part_b * a.m2) +
                4.0 * delta * (part_a * b.m3 - part_b * a.m3);
    return joined;
}

} // namespace graticule
