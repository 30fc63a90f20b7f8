// Matsumoto and Nishimura's MT19937 with their init_by_array. std::mt19937 is the same generator, but it can only be
// seeded by one word or by a std::seed_seq, which mixes differently.
#include "core/base/python_random.h"

#include <bit>
#include <limits>

#include "core/base/error.h"

namespace graticule {

namespace {

constexpr std::size_t middle = 397;
constexpr std::uint32_t upper_bit = 0x80000000U;

constexpr std::uint32_t mixed(std::uint32_t previous) { return previous ^ (previous >> 30); }

} // namespace

PythonRandom::PythonRandom(std::uint64_t seed) {
    const std::array key{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)};
    const std::size_t key_words = key[1] == 0 ? 1 : 2;
    state_[0] = 19650218U;
    for (std::uint32_t i = 1; i < words; ++i) state_[i] = 1812433253U * mixed(state_[i - 1]) + i;

    std::size_t at = 1;
    const auto step = [&] {
        if (++at < words) return;
        state_[0] = state_[words - 1];
        at = 1;
    };
    for (std::size_t k = 0; k < words; ++k) {
        const std::size_t j = k % key_words;
        state_[at] = (state_[at] ^ (mixed(state_[at - 1]) * 1664525U)) + key[j] + static_cast<std::uint32_t>(j);
        step();
    }
    for (std::size_t k = 0; k + 1 < words; ++k) {
        state_[at] = (state_[at] ^ (mixed(state_[at - 1]) * 1566083941U)) - static_cast<std::uint32_t>(at);
        step();
    }
    state_[0] = upper_bit;
}

void PythonRandom::twist() {
    for (std::size_t i = 0; i < words; ++i) {
        const std::uint32_t joined = (state_[i] & upper_bit) | (state_[(i + 1) % words] & ~upper_bit);
        const std::uint32_t odd = (joined & 1U) != 0 ? 0x9908b0dfU : 0U;
        state_[i] = state_[(i + middle) % words] ^ (joined >> 1) ^ odd;
    }
    used_ = 0;
}

std::uint32_t PythonRandom::next() {
    if (used_ == words) twist();
    std::uint32_t value = state_[used_++];
    value ^= value >> 11;
    value ^= (value << 7) & 0x9d2c5680U;
    value ^= (value << 15) & 0xefc60000U;
    return value ^ (value >> 18);
}

std::uint64_t PythonRandom::below(std::uint64_t bound) {
    GRATICULE_ASSERT(bound > 0 && bound <= std::numeric_limits<std::uint32_t>::max(), "one word is drawn at a time");
    const int bits = std::bit_width(bound);
    std::uint64_t value = next() >> (32 - bits);
    while (value >= bound) value = next() >> (32 - bits);
    return value;
}

} // namespace graticule
