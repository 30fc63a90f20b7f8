// Which back ends are here.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kernels/api/backend.h"
#include "kernels/api/device_memory.h"

namespace graticule {

/// The reference; always there.
[[nodiscard]] const Backend& cpu_backend();

/// Loads the CUDA module (libgraticule_cuda.so beside the program) on first use. Null when it is not there or finds no
/// GPU; `why` then says what is missing and the way out. Whether a card has kernels in it: cuda_card_problem(). LibTorch's CUDA library must be loaded first when both are
/// used.
[[nodiscard]] const Backend* cuda_backend(std::string& why);

/// Why the kernels of this build do not run on the CUDA card that is current on this thread; empty: they do. Asked anew
/// every time: cards of one machine differ.
[[nodiscard]] std::string cuda_card_problem();

/// Memory for the back ends above where no Torch is at hand. `cuda_memory` may only be called where cuda_backend() gave
/// one.
[[nodiscard]] DeviceMemory& host_memory();
[[nodiscard]] DeviceMemory& cuda_memory();

} // namespace graticule
