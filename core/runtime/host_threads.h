// How LibTorch's threads wait for work.
#pragma once

namespace graticule {

/// First call of main(). GNU OpenMP, which LibTorch's CPU code runs on, lets a worker that is done spin for 3 ms before
/// it sleeps. The statistics, the what-ifs and the window run on threads of their own, and other programs want the
/// processors too: on two busy cores that spinning turns 2 seconds of calibration into 50. The length is read from the
/// environment before main(), so this starts the program once more with GOMP_SPINCOUNT set to about 10 microseconds
/// (0.2 s). Does nothing where GOMP_SPINCOUNT or OMP_WAIT_POLICY is set.
void let_workers_sleep(char** argv);

} // namespace graticule
