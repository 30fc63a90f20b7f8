#include "core/format/granularity.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <vector>

#include "core/base/error.h"

namespace graticule {

namespace {

constexpr std::size_t suggestions_shown = 4;
constexpr std::int64_t fast_size = 64; // beside 128, which kernels of many devices know

/// Divisors of `columns` that make usable groups, nearest to the wanted size first in ratio, listed ascending.
std::vector<std::int64_t> near_divisors(std::int64_t columns, std::int64_t wanted) {
    std::vector<std::int64_t> divisors;
    for (std::int64_t size = 8; size < columns && size <= 4096; ++size)
        if (columns % size == 0) divisors.push_back(size);
    const auto distance = [wanted](std::int64_t size) {
        return size > wanted ? double(size) / double(wanted) : double(wanted) / double(size);
    };
    std::stable_sort(divisors.begin(), divisors.end(),
                     [&](std::int64_t a, std::int64_t b) { return distance(a) < distance(b); });
    const auto fast = std::find(divisors.begin(), divisors.end(), fast_size);
    if (fast != divisors.end() && fast - divisors.begin() >= std::ptrdiff_t(suggestions_shown))
        std::swap(*fast, divisors[suggestions_shown - 1]);
    divisors.resize(std::min(divisors.size(), suggestions_shown));
    std::sort(divisors.begin(), divisors.end());
    return divisors;
}

std::optional<std::int64_t> parse_size(std::string_view digits) {
    std::int64_t size = 0;
    const auto [end, status] = std::from_chars(digits.data(), digits.data() + digits.size(), size);
    if (status != std::errc() || end != digits.data() + digits.size() || size < 1) return std::nullopt;
    return size;
}

} // namespace

std::string to_text(Granularity granularity) {
    switch (granularity.kind) {
    case Granularity::Kind::tensor:
        return "tensor";
    case Granularity::Kind::channel:
        return "channel";
    case Granularity::Kind::group:
        return "g" + std::to_string(granularity.group_size);
    case Granularity::Kind::token:
        return "token";
    }
    return {};
}

std::optional<Granularity> parse_granularity(std::string_view text) {
    if (text == "tensor") return Granularity{Granularity::Kind::tensor, 0};
    if (text == "channel") return Granularity{Granularity::Kind::channel, 0};
    if (text == "token") return Granularity{Granularity::Kind::token, 0};
    if (text.starts_with('g'))
        if (const auto size = parse_size(text.substr(1))) return Granularity{Granularity::Kind::group, *size};
    return std::nullopt;
}

std::string check_granularity(Granularity granularity, std::int64_t columns) {
    const std::int64_t size = granularity.group_size;
    if (granularity.kind != Granularity::Kind::group || (size > 0 && columns % size == 0)) return {};
    const std::string text =
        "group size " + std::to_string(size) + " does not divide the " + std::to_string(columns) + " input columns; ";
    const std::vector<std::int64_t> divisors = near_divisors(columns, std::max<std::int64_t>(size, 1));
    if (divisors.empty()) return text + "no size from 8 does: use one scale per channel";
    std::string sizes;
    for (const std::int64_t divisor : divisors) sizes += std::to_string(divisor) + ", ";
    return text + "use " + sizes + "or per channel";
}

BlockLayout layout_of(Granularity granularity, std::int64_t rows, std::int64_t columns) {
    if (const std::string problem = check_granularity(granularity, columns); !problem.empty())
        throw Error(ErrorKind::bad_input, problem);
    switch (granularity.kind) {
    case Granularity::Kind::tensor:
        return {rows, columns};
    case Granularity::Kind::channel:
    case Granularity::Kind::token:
        return {1, columns};
    case Granularity::Kind::group:
        return {1, granularity.group_size};
    }
    return {};
}

} // namespace graticule
