// Inputs of an integer product: a row at a time to float32, through its front (input_fronts.h) and its Hadamard
// transform, then the scale and the codes of find_scales and quantize, while the row is in the first-level cache.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "kernels/api/half.h"
#include "kernels/api/input_fronts.h"
#include "kernels/cpu/gemm/rows.h"
#include "kernels/cpu/ops.h"
#include "kernels/cpu/parallel.h"
#include "kernels/cpu/quantize_run.h"
#include "kernels/cpu/vector_clones.h"

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

GRATICULE_VECTOR_CLONES
void round_row(float* row, std::int64_t columns, ValueType type) {
    if (type == ValueType::bf16)
        for (std::int64_t i = 0; i < columns; ++i) row[i] = bf16_to_float(float_to_bf16(row[i]));
    else if (type == ValueType::f16)
        for (std::int64_t i = 0; i < columns; ++i) row[i] = f16_to_float(float_to_f16(row[i]));
}

/// The sum over a row of part_of(x) in the order of input_fronts.h.
template <class Part>
float sum_of_row(const float* x, std::int64_t columns, const Part& part_of) {
    const std::int32_t lanes = sum_lanes(columns);
    float lane[1024] = {};
    for (std::int64_t first = 0; first < columns; first += 8) {
        float eight[8] = {};
        for (std::int64_t i = 0; i < std::min<std::int64_t>(8, columns - first); ++i) eight[i] = part_of(x[first + i]);
        lane[first / 8 % lanes] += sum_of_eight(eight);
    }
    float sum = 0;
    for (std::int32_t warp = 0; warp < lanes; warp += 32) {
        for (std::int32_t apart = 16; apart > 0; apart /= 2)
            for (std::int32_t i = warp; i < warp + apart; ++i) lane[i] += lane[i + apart];
        sum = warp == 0 ? lane[0] : sum + lane[warp];
    }
    return sum;
}

GRATICULE_VECTOR_CLONES
void multiply_silu(float* row, const float* up, std::int64_t columns, ValueType type) {
    for (std::int64_t i = 0; i < columns; ++i) row[i] = silu_of(row[i]);
    round_row(row, columns, type);
    for (std::int64_t i = 0; i < columns; ++i) row[i] *= up[i];
}

/// The source's row of values, in `row`, to what is quantized.
void make_row(const InputSource& source, std::int64_t token, float* row, float* other) {
    const std::int64_t columns = source.values.columns;
    const auto n = static_cast<float>(columns);
    switch (source.front) {
    case InputFront::none:
        break;
    case InputFront::rms_norm: {
        const float squares = sum_of_row(row, columns, [](float x) { return x * x; });
        const float r = 1.0F / std::sqrt(squares / n + source.epsilon);
        for (std::int64_t i = 0; i < columns; ++i) row[i] = (row[i] * r) * source.weight[i];
        break;
    }
    case InputFront::layer_norm: {
        const float mean = sum_of_row(row, columns, [](float x) { return x; }) / n;
        const float squares = sum_of_row(row, columns, [mean](float x) { return (x - mean) * (x - mean); });
        const float r = 1.0F / std::sqrt(squares / n + source.epsilon);
        for (std::int64_t i = 0; i < columns; ++i) {
            row[i] = ((row[i] - mean) * r) * source.weight[i];
            if (source.bias != nullptr) row[i] += source.bias[i];
        }
        break;
    }
    case InputFront::silu_product:
        multiply_silu(row, row_as_float(source.up, token, other), columns, source.values.type);
        break;
    }
    if (source.front != InputFront::none) round_row(row, columns, source.through);
    if (source.hadamard == 1) return;
    hadamard({row, 1, columns}, source.hadamard, {row, 1, columns});
    round_row(row, columns, source.through);
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

void quantize_input(const InputSource& source, const InputRounding& rounding, InputLayout layout,
                    const QuantizedInput& out, Stream) {
    check_quantize_input(source, rounding, out);
    const ValueMatrix& values = source.values;
    const GridPoints points = prepare_grid(int8_grid());
    const std::int64_t columns = values.columns;
    const std::int64_t band = band_rows(values.rows, columns, 1);
    if (values.rows == 0) return;
    for_each_band((values.rows + band - 1) / band, values.rows * columns, [&](std::int64_t index) {
        std::vector<float> buffer(static_cast<std::size_t>(columns)), other(buffer.size());
        std::vector<std::uint8_t> codes(static_cast<std::size_t>(columns));
        std::vector<std::int8_t> row(static_cast<std::size_t>(columns));
        for (std::int64_t token = index * band; token < std::min(values.rows, (index + 1) * band); ++token) {
            const float* x = row_as_float(values, token, buffer.data());
            if (!source.is_plain()) {
                if (x != buffer.data()) std::copy(x, x + columns, buffer.begin());
                make_row(source, token, buffer.data(), other.data());
                x = buffer.data();
            }
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
