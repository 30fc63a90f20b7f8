#include "core/runtime/host_threads.h"

#include <cstdlib>
#include <unistd.h>

namespace graticule {

bool shorten_spinning() {
    if (std::getenv("GOMP_SPINCOUNT") != nullptr || std::getenv("OMP_WAIT_POLICY") != nullptr) return false;
    return ::setenv("GOMP_SPINCOUNT", "1000", 0) == 0;
}

void let_workers_sleep(char** argv) {
    if (shorten_spinning()) ::execv("/proc/self/exe", argv); // returns only where there is no such file: then they spin
}

} // namespace graticule
