// Inputs of an integer product: a row at a time to float32, then the scale and the codes of find_scales and quantize,
// while the row is in the first-level cache.
#include <algorithm>
#include <cstring>
#include <vector>

#include "kernels/api/half.h"
#include "kernels/cpu/gemm/rows.h"
#include "kernels/cpu/ops.h"
#include "kernels/cpu/parallel.h"
#include "kernels/cpu/quantize_run.h"

namespace graticule::cpu {
namespace {

constexpr float middle_code = 128.0F; ///< stored values are codes less this

CodeGrid int8_grid() {
    CodeGrid grid;
    grid.levels = 256;
    return grid;
}

/// Row `row` as float32: in place where it is float32 already, else in `buffer`.
const float* row_as_float(const ValueMatrix& values, std::int64_t row, float* buffer) {
    if (values.type == ValueType::f32) return static_cast<const float*>(values.data) + row * values.row_stride;
    const std::uint16_t* halves = static_cast<const std::uint16_t*>(values.data) + row * values.row_stride;
    if (values.type == ValueType::bf16)
        for (std::int64_t i = 0; i < values.columns; ++i) buffer[i] = bf16_to_float(halves[i]);
    else
        for (std::int64_t i = 0; i < values.columns; ++i) buffer[i] = f16_to_float(halves[i]);
    return buffer;
}

/// One row of int8 to its place in the tiles of 128 inputs.
void store_tiles(const std::int8_t* row, std::int64_t tokens, std::int64_t inputs, std::int64_t token,
                 std::int8_t* values) {
    for (std::int64_t first = 0; first < (inputs + 127) / 128 * 128; first += 16) {
        std::int8_t* to = values + place_in_layout(InputLayout::tiles, tokens, inputs, token, first);
        const std::int64_t there = std::clamp<std::int64_t>(inputs - first, 0, 16);
        std::memset(to, 0, 16);
        std::memcpy(to, row + std::min(first, inputs), static_cast<std::size_t>(there));
    }
}

} // namespace

void quantize_input(const ValueMatrix& values, const InputRounding& rounding, InputLayout layout,
                    const QuantizedInput& out, Stream) {
    check_quantize_input(values, rounding, out);
    const GridPoints points = prepare_grid(int8_grid());
    const std::int64_t columns = values.columns;
    const std::int64_t band = band_rows(values.rows, columns, 1);
    if (values.rows == 0) return;
    for_each_band((values.rows + band - 1) / band, values.rows * columns, [&](std::int64_t index) {
        std::vector<float> buffer(static_cast<std::size_t>(columns));
        std::vector<std::uint8_t> codes(static_cast<std::size_t>(columns));
        std::vector<std::int8_t> row(static_cast<std::size_t>(columns));
        for (std::int64_t token = index * band; token < std::min(values.rows, (index + 1) * band); ++token) {
            const float* x = row_as_float(values, token, buffer.data());
            float scale = 0, zero = middle_code;
            if (rounding.fixed_scale == nullptr) {
                find_scales_of_rows({x, 1, columns}, {1, columns}, points, rounding.options, 0, 1, &scale, &zero);
            } else {
                scale = *rounding.fixed_scale;
                if (rounding.fixed_zero != nullptr) zero = *rounding.fixed_zero;
            }
            quantize_run(points, {x, columns, &scale, &zero, true, nullptr, codes.data()});
            std::int32_t sum = 0;
            for (std::size_t i = 0; i < row.size(); ++i) {
                const std::int32_t value = std::int32_t{codes[i]} - 128;
                row[i] = static_cast<std::int8_t>(value);
                sum += value;
            }
            if (layout == InputLayout::plain)
                std::memcpy(out.values + token * columns, row.data(), row.size());
            else
                store_tiles(row.data(), values.rows, columns, token, out.values);
            out.scale[token] = scale;
            if (out.zero != nullptr) out.zero[token] = zero - middle_code;
            out.row_sum[token] = sum;
        }
    });
}

} // namespace graticule::cpu
