// Marks an inner loop to be compiled for several x86-64 levels; the loader picks the best the processor has. The loops
// are plain C++ and give the same bits at every level: no reassociation, no contraction (CMakeLists.txt sets
// -ffp-contract=off).
#pragma once

#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__GNUC__) && !defined(__clang__) &&                       \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define GRATICULE_VECTOR_CLONES __attribute__((target_clones("default", "avx2", "avx512f")))
#else // AddressSanitizer does not get along with the resolver functions, which run before it is set up
#define GRATICULE_VECTOR_CLONES
#endif

#if defined(__GNUC__)
#define GRATICULE_ALWAYS_INLINE [[gnu::always_inline]] inline
#else
#define GRATICULE_ALWAYS_INLINE inline
#endif

/// Lets a loop vectorize though input and output may be the same memory (in place, element by element).
#define GRATICULE_ELEMENTWISE _Pragma("GCC ivdep")
