// How LibTorch's threads wait for work.
#pragma once

namespace graticule {

/// GNU OpenMP, which LibTorch's CPU code runs on, lets a worker that is done spin for 3 ms before it sleeps. The
/// statistics, the what-ifs and the window run on threads of their own, and other programs want the processors too: on
/// two busy cores that spinning turns 2 seconds of calibration into 50. This sets the length to about 10 microseconds
/// (GOMP_SPINCOUNT) in the environment of programs that are started from here on. False, and nothing done, where
/// GOMP_SPINCOUNT or OMP_WAIT_POLICY is set.
bool shorten_spinning();

/// First call of main(). The length is read before it, so this starts the program once more (0.2 s) where
/// shorten_spinning() has changed it.
void let_workers_sleep(char** argv);

} // namespace graticule
