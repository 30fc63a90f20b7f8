// Every integer product of the GPU against the CPU's reference, bit for bit, in a program of its own so that
// compute-sanitizer can watch it:  gemm_check [quick] [cpu]
#include <cstdio>
#include <cstring>

extern "C" {
const char* gemm_error();
int gemm_conformance(int cuda, int quick);
}

int main(int count, char** arguments) {
    bool quick = false, cuda = true;
    for (int i = 1; i < count; ++i) {
        quick = quick || std::strcmp(arguments[i], "quick") == 0;
        cuda = cuda && std::strcmp(arguments[i], "cpu") != 0;
    }
    const int failures = gemm_conformance(cuda ? 1 : 0, quick ? 1 : 0);
    if (failures < 0) std::fprintf(stderr, "%s\n", gemm_error());
    return failures == 0 ? 0 : 1;
}
