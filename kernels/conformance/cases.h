// What conformance runs: number formats, shapes with layouts, inputs, scale rules. Adding a row here adds it
// everywhere.
#pragma once

#include <string>
#include <vector>

#include "kernels/api/backend.h"

namespace graticule::conformance {

struct Format {
    std::string name;
    CodeGrid grid;
    bool all_inputs; ///< others of the same kind see the inputs marked `for_all_formats` only
};

/// A matrix of rows x columns inside memory with `stride` elements a row, `offset` elements after an aligned address.
struct Shape {
    std::int64_t rows, columns, stride, offset;
    std::vector<BlockLayout> layouts;
};

struct Input {
    std::string name;
    bool for_all_formats;
    float (*value)(std::uint32_t random, std::int64_t row, std::int64_t column);
};

struct Rule {
    enum class Coarse { none, of_rows, of_matrix }; ///< who shares a scale of the level above the blocks'
    std::string name;
    ScaleOptions options;
    bool all_inputs; ///< others see the inputs marked `for_all_formats` only
    Coarse coarse = Coarse::none;
    ScaleOptions coarse_options{};
    bool two_largest = false; ///< four over six: two thirds of the grid's largest point as the second; tables only
};

[[nodiscard]] std::vector<Format> formats();
[[nodiscard]] std::vector<Shape> shapes();
[[nodiscard]] std::vector<Input> inputs();
[[nodiscard]] std::vector<Rule> rules();

/// The input's values over rows x stride elements (what lies between rows is filled with a value no case may read as
/// one of its own).
[[nodiscard]] std::vector<float> make_input(const Input& input, const Shape& shape);

} // namespace graticule::conformance
