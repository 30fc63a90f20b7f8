#include "app/cli/table.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "core/base/byte_text.h"
#include "core/base/error.h"

namespace graticule::cli {
namespace {

std::size_t code_points(const std::string& text) {
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string printed(const char* format, int digits, double value) {
    if (std::isnan(value)) return "nan";
    if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
    char buffer[400]; // the longest double in fixed notation has 309 digits before the point
    std::snprintf(buffer, sizeof buffer, format, digits, value);
    return buffer;
}

} // namespace

void Table::add(std::vector<std::string> cells) {
    GRATICULE_ASSERT(cells.size() == columns_.size(), "a table row with another number of cells than columns");
    rows_.push_back(std::move(cells));
}

std::string Table::text() const {
    std::vector<std::size_t> widths;
    for (std::size_t c = 0; c < columns_.size(); ++c) {
        std::size_t width = code_points(columns_[c].title);
        for (const auto& row : rows_) width = std::max(width, code_points(row[c]));
        widths.push_back(width);
    }
    std::string all;
    const auto line = [&](const auto& cell_of) {
        std::string one;
        for (std::size_t c = 0; c < columns_.size(); ++c) {
            const std::string& cell = cell_of(c);
            const std::string gap(widths[c] - code_points(cell), ' ');
            if (c > 0) one += "  ";
            one += columns_[c].align == Align::right ? gap + cell : cell + gap;
        }
        one.erase(one.find_last_not_of(' ') + 1);
        all += one + '\n';
    };
    line([&](std::size_t c) -> const std::string& { return columns_[c].title; });
    std::size_t total = columns_.empty() ? 0 : 2 * (columns_.size() - 1);
    for (const std::size_t width : widths) total += width;
    all += std::string(total, '-') + '\n';
    for (const auto& row : rows_) line([&](std::size_t c) -> const std::string& { return row[c]; });
    return all;
}

std::string fixed(double value, int decimals) { return printed("%.*f", decimals, value); }

std::string significant(double value, int digits) { return printed("%.*g", digits, value); }

std::string percent(double share_of_one, int decimals) { return fixed(100 * share_of_one, decimals) + " %"; }

std::string signed_fixed(double value, int decimals) { return printed("%+.*f", decimals, value); }

std::string grouped(std::int64_t value) {
    std::string digits = std::to_string(value);
    const std::ptrdiff_t first = value < 0 ? 1 : 0;
    for (std::ptrdiff_t at = std::ssize(digits) - 3; at > first; at -= 3)
        digits.insert(static_cast<std::size_t>(at), " ");
    return digits;
}

std::string bytes_text(std::int64_t bytes) { return byte_text(bytes); }

std::string duration_text(double seconds) {
    if (seconds < 60) return fixed(seconds, seconds < 10 ? 1 : 0) + " s";
    const auto whole = static_cast<long long>(std::llround(seconds));
    char buffer[64];
    if (whole < 3600)
        std::snprintf(buffer, sizeof buffer, "%lld min %02lld s", whole / 60, whole % 60);
    else
        std::snprintf(buffer, sizeof buffer, "%lld h %02lld min", whole / 3600, whole / 60 % 60);
    return buffer;
}

} // namespace graticule::cli
