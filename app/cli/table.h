// A table for people: headed columns, numbers to the right, widths by code points.
//
//     Table table({{"layer"}, {"bits", Align::right}});
//     table.add({"layers.0.fc1", fixed(4.25, 2)});
//     std::cout << table.text();
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace graticule::cli {

enum class Align { left, right };

struct Column {
    std::string title;
    Align align = Align::left;
};

class Table {
public:
    explicit Table(std::vector<Column> columns)
        : columns_(std::move(columns)) {}
    void add(std::vector<std::string> cells);
    [[nodiscard]] std::string text() const; ///< ends with a newline
    [[nodiscard]] std::size_t rows() const { return rows_.size(); }

private:
    std::vector<Column> columns_;
    std::vector<std::vector<std::string>> rows_;
};

// How numbers read everywhere on the command line. The decimal separator is always a point.
[[nodiscard]] std::string fixed(double value, int decimals);
[[nodiscard]] std::string significant(double value, int digits);
[[nodiscard]] std::string percent(double share_of_one, int decimals); ///< 0.012 -> "1.20 %"
[[nodiscard]] std::string signed_fixed(double value, int decimals);   ///< "+0.31"
[[nodiscard]] std::string grouped(std::int64_t value);                ///< "8 204 288"
[[nodiscard]] std::string bytes_text(std::int64_t bytes);             ///< "16.4 MB" (decimal units)
[[nodiscard]] std::string duration_text(double seconds);              ///< "0.8 s", "3 min 05 s"

} // namespace graticule::cli
