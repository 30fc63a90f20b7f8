// Rows of a stored matrix as float32: the row itself, or widened into a buffer.
#pragma once

#include <vector>

#include "kernels/api/weight_figures.h"

namespace graticule::cpu {

class StoredRows {
public:
    explicit StoredRows(const StoredMatrix& matrix)
        : matrix_(matrix)
        , wide_(matrix.type == ValueType::f32 ? 0 : static_cast<std::size_t>(matrix.columns)) {}
    /// Good until the next call.
    [[nodiscard]] const float* operator()(std::int64_t row);

private:
    StoredMatrix matrix_;
    std::vector<float> wide_;
};

} // namespace graticule::cpu
