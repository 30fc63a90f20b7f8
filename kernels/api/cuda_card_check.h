// What libgraticule_cuda.so exports beside its tables (cuda_module.h): a question about one card. Loading the module says
// nothing of cards, for a machine may have one that this build knows beside one that it does not.
#pragma once

#include <cstddef>

namespace graticule {

inline constexpr const char* cuda_card_check_entry = "graticule_cuda_card_check";

/// Whether kernels of this build run on the card that is current on this thread; else why not is in `why`. Never throws.
using CudaCardCheck = bool (*)(char* why, std::size_t why_bytes) noexcept;

} // namespace graticule
