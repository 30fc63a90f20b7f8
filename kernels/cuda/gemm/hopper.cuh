// The PTX of Hopper that C++ has no words for: mbarriers, bulk copies, warpgroup products. Each function is one
// instruction; PTX ISA 8.0 and later describe them (sections 9.7.13 to 9.7.15). sm_90a only.
#pragma once

#include <cstdint>

namespace graticule::cuda {

// -- mbarriers: a phase ends when all arrivals and all announced bytes have come

__device__ __forceinline__ void barrier_init(std::uint32_t barrier, int arrivals) {
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(arrivals));
}
/// Makes initialized barriers known to the copy engine.
__device__ __forceinline__ void barrier_init_done() {
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}
__device__ __forceinline__ void barrier_expect(std::uint32_t barrier, int bytes) {
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes) : "memory");
}
__device__ __forceinline__ void barrier_arrive(std::uint32_t barrier) {
    asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(barrier) : "memory");
}
__device__ __forceinline__ void barrier_wait(std::uint32_t barrier, std::uint32_t parity) {
    asm volatile("{\n"
                 ".reg .pred done;\n"
                 "again: mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n"
                 "@!done bra again;\n"
                 "}" ::"r"(barrier),
                 "r"(parity)
                 : "memory");
}

// -- bulk copies, global to shared; addresses and sizes are multiples of 16

/// What is read once by the whole card, what all of it reads again, and what a few neighbours share.
enum class Reuse { none, everywhere, nearby };
__device__ __forceinline__ std::uint64_t cache_policy(Reuse reuse) {
    std::uint64_t policy;
    if (reuse == Reuse::none)
        asm("createpolicy.fractional.L2::evict_first.b64 %0, 1.0;" : "=l"(policy));
    else if (reuse == Reuse::everywhere)
        asm("createpolicy.fractional.L2::evict_last.b64 %0, 1.0;" : "=l"(policy));
    else
        asm("createpolicy.fractional.L2::evict_normal.b64 %0, 1.0;" : "=l"(policy));
    return policy;
}
__device__ __forceinline__ void bulk_copy(std::uint32_t to, const void* from, int bytes, std::uint32_t barrier,
                                          std::uint64_t policy) {
    asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::"
                 "bytes.L2::cache_hint [%0], [%1], %2, [%3], %4;" ::"r"(to),
                 "l"(from), "r"(bytes), "r"(barrier), "l"(policy)
                 : "memory");
}

// -- loads from shared memory by address

__device__ __forceinline__ uint4 shared_16_bytes(std::uint32_t from) {
    uint4 bytes;
    asm volatile("ld.shared.v4.u32 {%0, %1, %2, %3}, [%4];"
                 : "=r"(bytes.x), "=r"(bytes.y), "=r"(bytes.z), "=r"(bytes.w)
                 : "r"(from));
    return bytes;
}
__device__ __forceinline__ std::uint32_t shared_word(std::uint32_t from) {
    std::uint32_t word;
    asm volatile("ld.shared.u32 %0, [%1];" : "=r"(word) : "r"(from));
    return word;
}
/// An address that stays in its register: the compiler would make it anew, from a special register that takes tens of
/// clocks to read, wherever it is used.
__device__ __forceinline__ std::uint32_t kept(std::uint32_t address) {
    asm volatile("" : "+r"(address));
    return address;
}

// -- programmatic dependent launch: the next kernel may start; wait for the one before

__device__ __forceinline__ void launch_dependents() { asm volatile("griddepcontrol.launch_dependents;"); }
__device__ __forceinline__ void wait_for_predecessor() { asm volatile("griddepcontrol.wait;" ::: "memory"); }

template <int registers>
__device__ __forceinline__ void take_registers() {
    asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(registers));
}
template <int registers>
__device__ __forceinline__ void give_registers() {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(registers));
}

// -- warpgroup products: d (64 rows x `tokens`) += a (64 x 32) b (32 x tokens)

__device__ __forceinline__ void wgmma_fence() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
__device__ __forceinline__ void wgmma_commit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }
template <int pending>
__device__ __forceinline__ void wgmma_wait() {
    asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(pending) : "memory");
}

/// A matrix of rows of 128 bytes in shared memory, 16-byte pieces permuted by row mod 8 ("128B swizzle"): eight rows
/// make 1,024 bytes, to which the address is aligned. Adding 2 moves 32 bytes along the rows.
__device__ __forceinline__ std::uint64_t swizzled_rows(std::uint32_t address) {
    constexpr std::uint64_t eight_rows = 1024 >> 4, swizzle_128 = 1;
    return static_cast<std::uint64_t>((address & 0x3FFFF) >> 4) | (std::uint64_t{1} << 16) | (eight_rows << 32) |
           (swizzle_128 << 62);
}

/// `d`: tokens / 2 registers; register 4 j + e of lane l is row l / 4 (e < 2) or l / 4 + 8 of the warp's 16, token 8 j
/// + 2 (l mod 4) + e mod 2. `a` from registers is u8, or s8, by name; b is s8 from shared memory. `_anew`: d = a b.
template <int tokens>
struct Wgmma;

#define GRATICULE_R4 "%0, %1, %2, %3"
#define GRATICULE_R8                                                                                                   \
    GRATICULE_R4                                                                                                       \
    ", %4, %5, %6, %7"
#define GRATICULE_R16                                                                                                  \
    GRATICULE_R8                                                                                                       \
    ", %8, %9, %10, %11, %12, %13, %14, %15"
#define GRATICULE_R32                                                                                                  \
    GRATICULE_R16                                                                                                      \
    ", %16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, "                                         \
    "%30, %31"
#define GRATICULE_R64                                                                                                  \
    GRATICULE_R32                                                                                                      \
    ", %32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, "                                         \
    "%46, %47"                                                                                                         \
    ", %48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, "                                         \
    "%62, %63"
#define GRATICULE_R128                                                                                                 \
    GRATICULE_R64                                                                                                      \
    ", %64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, "                                         \
    "%78, %79"                                                                                                         \
    ", %80, %81, %82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, "                                         \
    "%94, %95"                                                                                                         \
    ", %96, %97, %98, %99, %100, %101, %102, %103, %104, %105, %106, %107, "                                           \
    "%108, %109, %110, %111"                                                                                           \
    ", %112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, %123, "                                       \
    "%124, %125, %126, %127"
#define GRATICULE_D4(i) "+r"(d[i]), "+r"(d[(i) + 1]), "+r"(d[(i) + 2]), "+r"(d[(i) + 3])
#define GRATICULE_D8(i) GRATICULE_D4(i), GRATICULE_D4((i) + 4)
#define GRATICULE_D16(i) GRATICULE_D8(i), GRATICULE_D8((i) + 8)
#define GRATICULE_D32(i) GRATICULE_D16(i), GRATICULE_D16((i) + 16)
#define GRATICULE_D64(i) GRATICULE_D32(i), GRATICULE_D32((i) + 32)
#define GRATICULE_D128(i) GRATICULE_D64(i), GRATICULE_D64((i) + 64)

// The numbers of the operands behind the accumulators differ with their count.
#define GRATICULE_WGMMA_FROM_REGISTERS(name, type, tokens, count, adds, a0, a1, a2, a3, b)                             \
    static __device__ __forceinline__ void name(int(&d)[count], const std::uint32_t(&a)[4], std::uint64_t rows) {      \
        asm volatile("wgmma.mma_async.sync.aligned.m64n" #tokens "k32.s32." type ".s8 {" GRATICULE_R##count            \
                     "}, {%" #a0 ", %" #a1 ", %" #a2 ", %" #a3 "}, %" #b ", " adds ";"                                 \
                     : GRATICULE_D##count(0)                                                                           \
                     : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(rows));                                         \
    }
#define GRATICULE_WGMMA(tokens, count, n0, n1, n2, n3, n4)                                                             \
    template <>                                                                                                        \
    struct Wgmma<tokens> {                                                                                             \
        GRATICULE_WGMMA_FROM_REGISTERS(unsigned_registers, "u8", tokens, count, "1", n0, n1, n2, n3, n4)               \
        GRATICULE_WGMMA_FROM_REGISTERS(signed_registers, "s8", tokens, count, "1", n0, n1, n2, n3, n4)                 \
        GRATICULE_WGMMA_FROM_REGISTERS(signed_registers_anew, "s8", tokens, count, "0", n0, n1, n2, n3, n4)            \
        static __device__ __forceinline__ void signed_shared(int (&d)[count], std::uint64_t a, std::uint64_t rows) {   \
            asm volatile("wgmma.mma_async.sync.aligned.m64n" #tokens "k32.s32.s8.s8 {" GRATICULE_R##count              \
                         "}, %" #n0 ", %" #n1 ", 1;"                                                                   \
                         : GRATICULE_D##count(0)                                                                       \
                         : "l"(a), "l"(rows));                                                                         \
        }                                                                                                              \
    };
GRATICULE_WGMMA(8, 4, 4, 5, 6, 7, 8)
GRATICULE_WGMMA(16, 8, 8, 9, 10, 11, 12)
GRATICULE_WGMMA(32, 16, 16, 17, 18, 19, 20)
GRATICULE_WGMMA(64, 32, 32, 33, 34, 35, 36)
GRATICULE_WGMMA(128, 64, 64, 65, 66, 67, 68)
GRATICULE_WGMMA(256, 128, 128, 129, 130, 131, 132)

#undef GRATICULE_R4
#undef GRATICULE_R8
#undef GRATICULE_R16
#undef GRATICULE_R32
#undef GRATICULE_R64
#undef GRATICULE_R128
#undef GRATICULE_D4
#undef GRATICULE_D8
#undef GRATICULE_D16
#undef GRATICULE_D32
#undef GRATICULE_D64
#undef GRATICULE_D128
#undef GRATICULE_WGMMA
#undef GRATICULE_WGMMA_FROM_REGISTERS

} // namespace graticule::cuda
