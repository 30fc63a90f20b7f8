#include "tests/fuzz/structured/decisions.h"

#include <cmath>
#include <iterator>
#include <limits>

namespace graticule::fuzz {

std::uint64_t Decisions::bits() {
    if (steered_) {
        std::uint64_t value = 0;
        for (int i = 0; i < 2 && at_ < bytes_.size(); ++i) value = value << 8 | bytes_[at_++];
        return value;
    }
    state_ += 0x9E3779B97F4A7C15ULL; // splitmix64
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
}

std::int64_t Decisions::integer() {
    static constexpr std::int64_t edges[] = {0,
                                             1,
                                             -1,
                                             2,
                                             3,
                                             7,
                                             8,
                                             127,
                                             128,
                                             255,
                                             256,
                                             32767,
                                             65536,
                                             INT32_MAX,
                                             std::int64_t{INT32_MAX} + 1,
                                             UINT32_MAX,
                                             std::int64_t{UINT32_MAX} + 1,
                                             std::int64_t{1} << 53,
                                             INT64_MAX,
                                             INT64_MIN,
                                             INT64_MAX / 8,
                                             INT64_MAX / 8 + 1};
    if (one_in(3)) return static_cast<std::int64_t>(below(40)) - 4;
    return edges[below(std::size(edges))] + (one_in(4) ? -1 : 0) * (one_in(2) ? 1 : 0);
}

double Decisions::real() {
    static constexpr double edges[] = {0,
                                       -0.0,
                                       1,
                                       -1,
                                       0.5,
                                       1e-6,
                                       1e-45,
                                       1e-310,
                                       3.4e38,
                                       1e39,
                                       1e308,
                                       -1e308,
                                       1e-12,
                                       256.5,
                                       1e6,
                                       1e12,
                                       std::numeric_limits<double>::min()};
    return edges[below(std::size(edges))];
}

std::string Decisions::text() {
    static constexpr const char* some[] = {"",         "a",        "weight",  "BF16",        "F32",
                                           "I64",      "U8",       "F4",      "null",        "\xE2\x96\x81",
                                           "\xC3\xA9", "\xFF\xFE", "../x",    "/etc/passwd", "model.safetensors",
                                           "llama",    "opt",      "gpt2",    "gemma2",      "Linear",
                                           "re:.*",    "{N}",      "(",       "*",           "\n",
                                           "w=int4",   "linear",   "dynamic", "llama3"};
    if (one_in(40)) return std::string(below(3000), 'x');
    return some[below(std::size(some))];
}

} // namespace graticule::fuzz
