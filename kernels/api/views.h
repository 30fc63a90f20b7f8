// Plain views of memory that kernels take. Nothing here owns anything.
#pragma once

#include <cstdint>

namespace graticule {

/// Row-major matrix. `row_stride` counts elements from one row to the next, at least `columns`.
template <class T>
struct MatrixView {
    T* data = nullptr;
    std::int64_t rows = 0;
    std::int64_t columns = 0;
    std::int64_t row_stride = 0;

    MatrixView() = default;
    MatrixView(T* data_, std::int64_t rows_, std::int64_t columns_)
        : MatrixView(data_, rows_, columns_, columns_) {}
    MatrixView(T* data_, std::int64_t rows_, std::int64_t columns_, std::int64_t row_stride_)
        : data(data_)
        , rows(rows_)
        , columns(columns_)
        , row_stride(row_stride_) {}
    operator MatrixView<const T>() const { return {data, rows, columns, row_stride}; }
};

/// Who shares one scale: rectangles of rows_per_block x columns_per_block tile the matrix. Parameters are stored
/// row-major over the rectangles: index = (row / rows_per_block) * blocks_across + column / columns_per_block. per
/// tensor {rows, columns}; per output channel or token {1, columns}; groups of g {1, g}; per column {rows, 1}. Both
/// must divide the matrix.
struct BlockLayout {
    std::int64_t rows_per_block = 1;
    std::int64_t columns_per_block = 1;

    [[nodiscard]] std::int64_t blocks_down(std::int64_t rows) const { return rows / rows_per_block; }
    [[nodiscard]] std::int64_t blocks_across(std::int64_t columns) const { return columns / columns_per_block; }
    [[nodiscard]] std::int64_t count(std::int64_t rows, std::int64_t columns) const {
        return blocks_down(rows) * blocks_across(columns);
    }
    bool operator==(const BlockLayout&) const = default;
};

/// Queue the work of one call is ordered on; null is the default queue. CPU back ends ignore it, CUDA's is a
/// cudaStream_t.
struct Stream {
    void* handle = nullptr;
};

} // namespace graticule
