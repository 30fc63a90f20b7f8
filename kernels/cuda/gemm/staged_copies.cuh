// What a thread block copies ahead of its products, for every card from compute capability 8.0 on: cp.async, 16 bytes a
// thread, counted in groups.
#pragma once

#include <cstdint>

#include "kernels/cuda/gemm/product_frame.cuh"

namespace graticule::cuda {

__device__ __forceinline__ void copy_16(std::uint32_t to, const void* from) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(to), "l"(from) : "memory");
}
/// Zeros where `there` is not; nothing is read then, but `from` must be an address of global memory.
__device__ __forceinline__ void copy_16_or_zeros(std::uint32_t to, const void* from, bool there) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(there ? 16 : 0) : "memory");
}
__device__ __forceinline__ void copies_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int pending>
__device__ __forceinline__ void copies_wait() {
    asm volatile("cp.async.wait_group %0;" ::"n"(pending) : "memory");
}

/// Blocks of 128 inputs one after the other, over all parts of the thread block.
struct BlockWalk {
    PartWalk parts;
    Part part{};
    std::int32_t block = 0;
    bool there;
    __device__ explicit BlockWalk(const Schedule& schedule)
        : parts(schedule) {
        there = parts.next(part);
        block = part.begin;
    }
    __device__ void next() {
        if (!there || ++block < part.end) return;
        there = parts.next(part);
        block = part.begin;
    }
};

} // namespace graticule::cuda
