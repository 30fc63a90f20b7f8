// DGQ as its authors published it, first half: one kernel writes the INT8 weight that the INT4 codes, group scales and
// group zeros stand for, and a vendor's int8 product then reads it. For bench_gemm.py, which checks every weight.
//
//     value[o][k] = (code[o][k] - zero[o][k / group]) * scale[o][k / group]        in -128 ... 127
//
// A thread has 32 codes of a row in 16 bytes. Of each four bytes the low halves are codes 0 ... 3 and the high halves 4
// ... 7, so that both leave in order. Two codes are multiplied at a time in the halves of a register; 4096 is 0 in the
// byte that is kept and makes both halves positive, so that none borrows from the other.
#include <cuda_runtime.h>

#include <cstdint>

namespace {

__device__ std::uint32_t four_values(std::uint32_t codes, std::uint32_t scale, std::uint32_t offset) {
    const std::uint32_t even = (codes & 0x000f000fU) * scale + offset;
    const std::uint32_t odd = ((codes >> 8) & 0x000f000fU) * scale + offset;
    return __byte_perm(even, odd, 0x6240);
}

__global__ void __launch_bounds__(256) expand(const uint4* __restrict__ codes, const std::int8_t* __restrict__ scales,
                                              const std::int8_t* __restrict__ zeros, uint4* __restrict__ values,
                                              std::int64_t chunks, int chunks_of_group) {
    const std::int64_t chunk = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
    if (chunk >= chunks) return;
    const std::int64_t group = chunk / chunks_of_group; // rows are whole groups
    const auto scale = static_cast<std::uint32_t>(scales[group]);
    const std::uint32_t offset = (4096U - static_cast<std::uint32_t>(zeros[group]) * scale) * 0x00010001U;
    const uint4 in = codes[chunk];
    values[2 * chunk] = {four_values(in.x, scale, offset), four_values(in.x >> 4, scale, offset),
                         four_values(in.y, scale, offset), four_values(in.y >> 4, scale, offset)};
    values[2 * chunk + 1] = {four_values(in.z, scale, offset), four_values(in.z >> 4, scale, offset),
                             four_values(in.w, scale, offset), four_values(in.w >> 4, scale, offset)};
}

} // namespace

extern "C" {

/// codes (weights / 2 bytes), scales and zeros (weights / group, both not negative) -> values (weights); `group`: a
/// multiple of 32. Returns a CUDA error, 0 for none.
int expand_int4(std::int64_t weights, std::int64_t group, const void* codes, const void* scales, const void* zeros,
                void* values, void* stream) {
    const std::int64_t chunks = weights / 32;
    expand<<<static_cast<unsigned>((chunks + 255) / 256), 256, 0, static_cast<cudaStream_t>(stream)>>>(
        static_cast<const uint4*>(codes), static_cast<const std::int8_t*>(scales),
        static_cast<const std::int8_t*>(zeros), static_cast<uint4*>(values), chunks, static_cast<int>(group / 32));
    return static_cast<int>(cudaGetLastError());
}

} // extern "C"
