// y = (y * row_scale) * column_scale + bias, a row at a time.
#include <algorithm>

#include "kernels/api/half.h"
#include "kernels/cpu/gemm/rows.h"
#include "kernels/cpu/parallel.h"

namespace graticule::cpu {
namespace {

float scaled(const ProductScales& scales, float value, std::int64_t row, std::int64_t column) {
    if (scales.row != nullptr) value *= scales.row[row];
    if (scales.column != nullptr) value *= scales.column[column];
    return scales.bias != nullptr ? value + scales.bias[column] : value;
}

} // namespace

void scale_product(const ProductScales& scales, ValueType type, void* y, std::int64_t rows, std::int64_t columns,
                   Stream) {
    check_scale_product(type, y, rows, columns);
    const std::int64_t band = band_rows(rows, columns, 1);
    if (rows == 0) return;
    for_each_band((rows + band - 1) / band, rows * columns, [&](std::int64_t index) {
        for (std::int64_t row = index * band; row < std::min(rows, (index + 1) * band); ++row) {
            auto* floats = static_cast<float*>(y) + row * columns;
            auto* halves = static_cast<std::uint16_t*>(y) + row * columns;
            for (std::int64_t i = 0; i < columns; ++i) {
                if (type == ValueType::f32)
                    floats[i] = scaled(scales, floats[i], row, i);
                else if (type == ValueType::bf16)
                    halves[i] = float_to_bf16(scaled(scales, bf16_to_float(halves[i]), row, i));
                else
                    halves[i] = float_to_f16(scaled(scales, f16_to_float(halves[i]), row, i));
            }
        }
    });
}

} // namespace graticule::cpu
