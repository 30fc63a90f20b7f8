// The loop of wgmma_product.cuh for groups with float scales: s = fma(float(sum of a group), scale[group, n], s) in the
// order of the groups.
//
// Sums of a group must leave the tensor cores before the next group's begin. The two warpgroups take turns at them: one
// decodes, or adds sums to its floats, while the other's products run. Left to themselves they would do all of it at
// the same time: their products would share the tensor cores and end together.
//
// clang-format off
//     warpgroup 0    | products | sums to floats, codes of the next group | products | ...
//     warpgroup 1    |  codes   | products | sums to floats, codes ...    |
// clang-format on
#pragma once

#include "kernels/cuda/gemm/hopper.cuh"
#include "kernels/cuda/gemm/part_sums.cuh"

namespace graticule::cuda {

/// Where a thread finds its stages, and what of them is its.
struct StagePlace {
    std::uint32_t full, empty, stages; ///< barriers and memory, addresses in shared memory
    int half, thread;                  ///< of the tile's outputs; within the warpgroup
};

template <class Decoder, class Memory, int groups_in_block, int tile_tokens>
struct GroupLoop {
    static constexpr int sums = tile_tokens / 2;      ///< of a thread
    static constexpr int steps = 4 / groups_in_block; ///< of 32 inputs in a group
    const StagePlace& place;
    Decoder& decoder;
    float (&grouped)[sums];
    int d[sums];    ///< of the group under way
    uint4 codes[2]; ///< of the block that is loaded, as it lies
    std::uint32_t constants[groups_in_block];
    float loaded_scale[groups_in_block][2];
    std::uint32_t a[4][4]; ///< of the block that is multiplied: decoded codes, and scales of the thread's two rows
    float scale[groups_in_block][2];

    /// Once before the first part, and once behind the last.
    __device__ __forceinline__ static void begin_turns(int half) {
        if (half == 1) give_turn(half);
    }
    __device__ __forceinline__ static void end_turns(int half) {
        if (half == 0) wait_for_turn(half);
    }
    __device__ __forceinline__ void run(const Part& part, int& stage, std::uint32_t& phase) {
        load(stage, phase);
        for (int k = part.begin; k < part.end; ++k) {
            decode_loaded();
            const int multiplied = stage;
            const std::uint32_t inputs = place.stages + stage * Memory::bytes;
            if constexpr (groups_in_block == 2) {
                multiply(inputs, 0);
                add(0);
            }
            constexpr int last = groups_in_block - 1;
            multiply(inputs, last);
            if (++stage == Memory::count) {
                stage = 0;
                phase ^= 1;
            }
            if (k + 1 < part.end) load(stage, phase); // on its way while the products run
            add(last);
            if (place.thread % 32 == 0) barrier_arrive(place.empty + 8 * multiplied);
        }
    }

private:
    static constexpr int turns = 5; ///< named barriers, one for each warpgroup
    __device__ __forceinline__ static void wait_for_turn(int half) { named_barrier(turns + half, 256); }
    __device__ __forceinline__ static void give_turn(int half) { named_barrier_arrive(turns + 1 - half, 256); }

    /// What a stage holds for this thread.
    __device__ __forceinline__ void load(int stage, std::uint32_t phase) {
        barrier_wait(place.full + 8 * stage, phase);
        const int warp = place.thread / 32, row = place.thread % 32 / 4; // of the warp's first eight
        const std::uint32_t weights = place.stages + stage * Memory::bytes + Memory::input_bytes;
        const std::uint32_t block = weights + place.half * Memory::block_bytes;
        const std::uint32_t scales = weights + 2 * Memory::block_bytes + (place.half * 64 + warp * 16 + row) * 4;
        codes[0] = shared_16_bytes(block + place.thread * 16);
        codes[1] = shared_16_bytes(block + (128 + place.thread) * 16);
#pragma unroll
        for (int group = 0; group < groups_in_block; ++group) {
            constants[group] = shared_word(block + 4096 + group * 128 + (warp * 8 + row) * 4);
            loaded_scale[group][0] = __uint_as_float(shared_word(scales + group * 512));
            loaded_scale[group][1] = __uint_as_float(shared_word(scales + group * 512 + 32));
        }
    }
    __device__ __forceinline__ void decode_loaded() {
#pragma unroll
        for (int step = 0; step < 4; ++step) {
            if (step % steps == 0) decoder.for_group(constants[step / steps]);
            const uint4& from = codes[step / 2];
            decode(step % 2 == 0 ? from.x : from.z, step % 2 == 0 ? from.y : from.w, a[step]);
        }
#pragma unroll
        for (int group = 0; group < groups_in_block; ++group)
#pragma unroll
            for (int i = 0; i < 2; ++i) scale[group][i] = loaded_scale[group][i];
    }
    __device__ __forceinline__ void multiply(std::uint32_t inputs, int group) {
        wait_for_turn(place.half);
        wgmma_fence();
        const std::uint64_t rows = swizzled_rows(inputs) + 2 * steps * group;
        Wgmma<tile_tokens>::signed_registers_anew(d, a[group * steps], rows);
#pragma unroll
        for (int step = 1; step < steps; ++step)
            Wgmma<tile_tokens>::signed_registers(d, a[group * steps + step], rows + 2 * step);
        wgmma_commit();
        give_turn(place.half);
    }
    __device__ __forceinline__ void add(int group) {
        wgmma_wait<0>();
#pragma unroll
        for (int i = 0; i < sums; ++i)
            grouped[i] = __fmaf_rn(__int2float_rn(d[i]), scale[group][i % 4 / 2], grouped[i]);
    }
    __device__ __forceinline__ void decode(std::uint32_t upper, std::uint32_t lower, std::uint32_t (&bytes)[4]) const {
        decoder.template bytes<0>(upper, bytes[0], bytes[2]);
        decoder.template bytes<1>(lower, bytes[1], bytes[3]);
#pragma unroll
        for (std::uint32_t& four : bytes) four ^= 0x80808080U; // w + 128 to w
    }
};

} // namespace graticule::cuda
