// 1 or 4 neighbouring values of a row moved as one load or store.
#pragma once

#include <cstdint>

#include "kernels/api/views.h"

namespace graticule::cuda {

template <int width>
struct alignas(4 * width) FloatPack {
    float at[width];
};
template <int width>
struct alignas(width) CodePack {
    std::uint8_t at[width];
};

template <int width>
__device__ __forceinline__ FloatPack<width> load_floats(const float* address) {
    return *reinterpret_cast<const FloatPack<width>*>(address);
}

template <int width>
__device__ __forceinline__ void store_floats(float* address, const FloatPack<width>& pack) {
    *reinterpret_cast<FloatPack<width>*>(address) = pack;
}

template <int width>
__device__ __forceinline__ void store_codes(std::uint8_t* address, const CodePack<width>& pack) {
    *reinterpret_cast<CodePack<width>*>(address) = pack;
}

/// Whether every row of a view starts and ends on a boundary of `width` elements.
template <class T>
bool packs_of(const MatrixView<T>& view, int width) {
    return view.data == nullptr ||
           (reinterpret_cast<std::uintptr_t>(view.data) % (static_cast<std::size_t>(width) * sizeof(T)) == 0 &&
            view.row_stride % width == 0 && view.columns % width == 0);
}

} // namespace graticule::cuda
