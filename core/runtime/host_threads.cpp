#include "core/runtime/host_threads.h"

#include <cstdlib>
#include <unistd.h>

namespace graticule {

void let_workers_sleep(char** argv) {
    if (std::getenv("GOMP_SPINCOUNT") != nullptr || std::getenv("OMP_WAIT_POLICY") != nullptr) return;
    if (::setenv("GOMP_SPINCOUNT", "1000", 0) != 0) return;
    ::execv("/proc/self/exe", argv); // returns only where there is no such file: then they spin
}

} // namespace graticule
