#include "kernels/api/argument_checks.h"

#include <cmath>
#include <string>

#include "kernels/api/hadamard.h"
#include "kernels/api/kernel_error.h"

namespace graticule {
namespace {

[[noreturn]] void reject(const std::string& message) {
    throw KernelError(KernelError::Kind::invalid_argument, message);
}

std::string size_text(std::int64_t rows, std::int64_t columns) {
    return std::to_string(rows) + " x " + std::to_string(columns);
}

template <class T>
void check_view(const MatrixView<T>& view, const char* name) {
    if (view.rows < 0 || view.columns < 0 || view.row_stride < view.columns)
        reject(std::string(name) + ": a matrix of " + size_text(view.rows, view.columns) +
               " cannot have a row stride of " + std::to_string(view.row_stride) +
               "; it must be at least the number of columns");
    if (view.data == nullptr && view.rows > 0 && view.columns > 0)
        reject(std::string(name) + ": a matrix of " + size_text(view.rows, view.columns) +
               " needs memory, got a null pointer");
}

template <class A, class B>
void check_same_shape(const MatrixView<A>& input, const MatrixView<B>& output) {
    if (input.rows != output.rows || input.columns != output.columns)
        reject("the output is " + size_text(output.rows, output.columns) + ", the input " +
               size_text(input.rows, input.columns) + "; they must agree");
}

void check_present(const void* pointer, const char* name) {
    if (pointer == nullptr) reject(std::string(name) + " needs memory, got a null pointer");
}

void check_divides(std::int64_t size, std::int64_t block, const char* what) {
    if (block < 1 || size % block != 0)
        reject("blocks of " + std::to_string(block) + " do not divide " + std::to_string(size) + " " + what +
               "; choose a divisor or the whole of it");
}

void check_layout(std::int64_t rows, std::int64_t columns, BlockLayout layout) {
    if (rows == 0 || columns == 0) return; // nothing to tile: "per tensor" of an empty matrix is a block of 0 rows
    check_divides(rows, layout.rows_per_block, "rows");
    check_divides(columns, layout.columns_per_block, "columns");
}

void check_options(ScaleOptions options) {
    if (!(options.clip_ratio > 0.0F) || !(options.clip_ratio <= 2.0F))
        reject("clip ratio " + std::to_string(options.clip_ratio) + " is outside (0, 2]");
    if (!(options.epsilon >= 0.0F) || !std::isfinite(options.epsilon))
        reject("epsilon " + std::to_string(options.epsilon) + " must be finite and not negative");
}

} // namespace

void check_find_scales(MatrixView<const float> values, BlockLayout layout, ScaleOptions options, const float* scale,
                       const float* zero) {
    check_view(values, "values");
    check_layout(values.rows, values.columns, layout);
    check_options(options);
    check_present(scale, "scale");
    check_present(zero, "zero");
}

void check_quantize(MatrixView<const float> values, BlockLayout layout, const float* scale, const float* zero,
                    MatrixView<const std::uint8_t> codes) {
    check_view(values, "values");
    check_view(codes, "codes");
    check_same_shape(values, codes);
    check_layout(values.rows, values.columns, layout);
    check_present(scale, "scale");
    check_present(zero, "zero");
}

void check_dequantize(MatrixView<const std::uint8_t> codes, BlockLayout layout, const float* scale, const float* zero,
                      MatrixView<const float> values) {
    check_view(codes, "codes");
    check_view(values, "values");
    check_same_shape(codes, values);
    check_layout(codes.rows, codes.columns, layout);
    check_present(scale, "scale");
    check_present(zero, "zero");
}

void check_fake_quantize(MatrixView<const float> values, BlockLayout layout, const float* scale, const float* zero,
                         MatrixView<const float> out) {
    check_view(values, "values");
    check_view(out, "the output");
    check_same_shape(values, out);
    check_layout(values.rows, values.columns, layout);
    check_present(scale, "scale");
    check_present(zero, "zero");
}

void check_fake_quantize_dynamic(MatrixView<const float> values, BlockLayout layout, ScaleOptions options,
                                 MatrixView<const float> out) {
    check_view(values, "values");
    check_view(out, "the output");
    check_same_shape(values, out);
    check_layout(values.rows, values.columns, layout);
    check_options(options);
}

void check_statistics(const ActivationBatch& batch, SegmentEnds ends, std::span<const std::int64_t> rows_before) {
    const auto text = [](std::int64_t number) { return std::to_string(number); };
    if (batch.type != ValueType::f32 && batch.type != ValueType::bf16 && batch.type != ValueType::f16)
        reject("statistics are of float32, bfloat16 or float16 values");
    if (batch.samples < 1 || batch.length < 1 || batch.columns < 0)
        reject("statistics need at least one sample of one row, got " + text(batch.samples) + " samples of " +
               text(batch.length) + " x " + text(batch.columns));
    if (batch.row_stride < batch.columns)
        reject("a row stride of " + text(batch.row_stride) + " is shorter than a row of " + text(batch.columns));
    if (batch.columns > 0) check_present(batch.values, "values");
    if (ends.empty() || ends.size() > most_statistics_segments)
        reject(text(static_cast<std::int64_t>(ends.size())) + " segments; between 1 and " +
               text(static_cast<std::int64_t>(most_statistics_segments)) + " are taken");
    std::int64_t begin = 0;
    for (const std::int64_t end : ends) {
        if (end <= begin) reject("a segment ends at " + text(end) + ", where or before it begins: " + text(begin));
        begin = end;
    }
    if (begin != batch.length) reject("the segments end at " + text(begin) + ", the samples at " + text(batch.length));
    if (!rows_before.empty() && rows_before.size() != ends.size())
        reject("rows before of " + std::to_string(rows_before.size()) + " segments, but there are " +
               std::to_string(ends.size()));
    for (const std::int64_t rows : rows_before)
        if (rows < 0) reject("a segment with " + text(rows) + " rows before");
}

void check_gptq_walk(const GptqWalk& walk) {
    check_view(walk.weight, "the weight");
    check_view(walk.scale, "scale");
    check_view(walk.zero, "zero");
    check_view(walk.factor, "the factor");
    check_view(walk.codes, "codes");
    check_view(walk.values, "values");
    check_view(walk.error, "error");
    for (const auto& view :
         {walk.scale, walk.zero, MatrixView<const float>(walk.values), MatrixView<const float>(walk.error)})
        check_same_shape(walk.weight, view);
    check_same_shape(walk.weight, walk.codes);
    if (walk.factor.rows != walk.weight.columns || walk.factor.columns != walk.weight.columns)
        reject("the factor is " + size_text(walk.factor.rows, walk.factor.columns) + ", but a block of " +
               std::to_string(walk.weight.columns) + " columns needs a square of that size");
}

void check_hadamard(MatrixView<const float> values, std::int64_t block, MatrixView<const float> out) {
    check_view(values, "values");
    check_view(out, "out");
    check_same_shape(values, out);
    if (block < 1 || block > largest_hadamard || (block & (block - 1)) != 0)
        reject("a Hadamard block of " + std::to_string(block) + " is not a power of two from 1 to " +
               std::to_string(largest_hadamard));
    if (values.columns > 0) check_divides(values.columns, block, "columns");
}

} // namespace graticule
