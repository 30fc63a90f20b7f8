#include "core/runtime/card_memory.h"

#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>

#include <exception>

#include "core/base/device_name.h"

namespace graticule {

namespace {

/// Absent where the card was not opened: its allocator comes with LibTorch's CUDA library.
std::optional<c10::DeviceIndex> opened_card(const std::string& device) {
    const std::optional<int> index = cuda_index(device);
    if (!index || !c10::impl::hasDeviceGuardImpl(c10::kCUDA)) return std::nullopt;
    try {
        if (!c10::getDeviceAllocator(c10::kCUDA)->initialized()) return std::nullopt;
    } catch (const std::exception&) { // half loaded: another thread opens it just now
        return std::nullopt;
    }
    return static_cast<c10::DeviceIndex>(*index);
}

} // namespace

std::optional<CardMemory> card_memory(const std::string& device) {
    const auto card = opened_card(device);
    if (!card) return std::nullopt;
    const auto bytes = c10::getDeviceAllocator(c10::kCUDA)->getDeviceStats(*card).allocated_bytes[0]; // of all pools
    return CardMemory{bytes.current, bytes.peak};
}

void start_card_peak(const std::string& device) {
    if (const auto card = opened_card(device)) c10::getDeviceAllocator(c10::kCUDA)->resetPeakStats(*card);
}

} // namespace graticule
