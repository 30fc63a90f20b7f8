// The generator of Python's random module, so that "128 random windows, seed 0" are the windows that the published
// calibration scripts drew (GPTQ, SmoothQuant, AWQ, DGQ: random.seed(0), random.randint).
//
//     PythonRandom random(0);
//     const std::uint64_t start = random.below(340001); // random.randint(0, 340000): 201979
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace graticule {

/// MT19937 seeded as random.seed(seed) seeds it.
class PythonRandom {
public:
    explicit PythonRandom(std::uint64_t seed);
    /// Uniform in [0, bound) as random.randrange(bound) draws it; 0 < bound < 2^32.
    [[nodiscard]] std::uint64_t below(std::uint64_t bound);

private:
    static constexpr std::size_t words = 624;

    [[nodiscard]] std::uint32_t next();
    void twist();

    std::array<std::uint32_t, words> state_{};
    std::size_t used_ = words;
};

} // namespace graticule
