#include "core/model/llama3_rope.h"

#include <cmath>
#include <numbers>

namespace graticule {

std::vector<double> llama3_divisors(const RopeConfig& rope, std::int64_t dimensions) {
    const auto original = static_cast<double>(rope.original_positions);
    std::vector<double> divisors;
    for (std::int64_t i = 0; i < dimensions; i += 2) {
        const double wavelength =
            2 * std::numbers::pi * std::pow(rope.theta, static_cast<double>(i) / static_cast<double>(dimensions));
        double divisor = 1;
        if (wavelength > original / rope.low_frequency_factor) {
            divisor = rope.factor;
        } else if (wavelength >= original / rope.high_frequency_factor) {
            const double smooth = (original / wavelength - rope.low_frequency_factor) /
                                  (rope.high_frequency_factor - rope.low_frequency_factor);
            divisor = 1 / ((1 - smooth) / rope.factor + smooth);
        }
        divisors.push_back(divisor);
    }
    return divisors;
}

} // namespace graticule
