// Where a mutator's choices come from: a seed, for the plain loop, or a fuzzer's bytes, which it then learns to steer
// by.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace graticule::fuzz {

class Decisions {
public:
    explicit Decisions(std::uint64_t seed)
        : state_(seed * 0x9E3779B97F4A7C15ULL + 1) {}
    explicit Decisions(std::span<const std::uint8_t> bytes)
        : bytes_(bytes)
        , steered_(true) {}

    /// 0 .. count - 1; once a fuzzer's bytes are used up, 0.
    std::size_t below(std::size_t count) { return count < 2 ? 0 : static_cast<std::size_t>(bits() % count); }
    bool one_in(std::size_t count) { return below(count) + 1 == count; }
    /// Whether a change shall be one that most readers take: every second one, so that a third of the inputs get
    /// through.
    bool mildly() { return one_in(2); }
    /// Small, or at an edge of some integer type.
    std::int64_t integer();
    double real();
    /// Short, now and then empty, long, or not ASCII.
    std::string text();
    [[nodiscard]] bool used_up() const { return steered_ && at_ >= bytes_.size(); }

private:
    std::uint64_t bits();

    std::uint64_t state_ = 0;
    std::span<const std::uint8_t> bytes_;
    std::size_t at_ = 0;
    bool steered_ = false;
};

} // namespace graticule::fuzz
