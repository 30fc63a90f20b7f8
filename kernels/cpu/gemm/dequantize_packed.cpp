// Weights in the type of a product: a row of codes at a time to bytes, to float32, to the type, in the first-level
// cache.
#include <algorithm>
#include <vector>

#include "kernels/api/half.h"
#include "kernels/cpu/gemm/rows.h"
#include "kernels/cpu/parallel.h"
#include "kernels/cpu/quantize_run.h"

namespace graticule::cpu {

void dequantize_packed(const PackedMatrix& codes, BlockLayout layout, const CodeGrid& grid, const float* scale,
                       const float* zero, ValueType type, void* values, Stream) {
    check_dequantize_packed(codes, layout, scale, zero, type, values);
    if (codes.rows == 0) return;
    const GridPoints points = prepare_grid(grid);
    const std::int64_t columns = codes.columns;
    const std::int64_t band = band_rows(codes.rows, columns, 1);
    const int per_byte = 8 / codes.bits;
    const unsigned mask = (1U << codes.bits) - 1;
    for_each_band((codes.rows + band - 1) / band, codes.rows * columns, [&](std::int64_t index) {
        std::vector<std::uint8_t> bytes(static_cast<std::size_t>(columns));
        std::vector<float> floats(static_cast<std::size_t>(columns));
        for (std::int64_t row = index * band; row < std::min(codes.rows, (index + 1) * band); ++row) {
            const std::uint8_t* packed = codes.data + row * codes.row_bytes();
            for (std::int64_t i = 0; i < columns; ++i)
                bytes[static_cast<std::size_t>(i)] =
                    static_cast<std::uint8_t>(packed[i / per_byte] >> (i % per_byte * codes.bits) & mask);
            float* out = type == ValueType::f32 ? static_cast<float*>(values) + row * columns : floats.data();
            dequantize_row(points, bytes.data(), layout, row, columns, scale, zero, out);
            if (type == ValueType::f32) continue;
            auto* halves = static_cast<std::uint16_t*>(values) + row * columns;
            std::transform(out, out + columns, halves, type == ValueType::bf16 ? float_to_bf16 : float_to_f16);
        }
    });
}

} // namespace graticule::cpu
