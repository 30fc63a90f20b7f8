// Scratch memory that the integer products of one stream share.
#pragma once

#include "core/runtime/torch_bridge.h"

namespace graticule {

class Workspace {
public:
    explicit Workspace(const Device& device)
        : device_(device) {}
    /// At least `bytes`, aligned; what a kernel left at its beginning is still there (gemm.h: counters stay zero).
    [[nodiscard]] void* at_least(std::size_t bytes);
    void forget() { memory_ = at::Tensor(); } ///< nothing on the device may still use it but in the order of its stream

private:
    Device device_;
    at::Tensor memory_;
};

/// Bytes at the alignment that integer products ask for; a view of a little more.
[[nodiscard]] at::Tensor aligned_bytes(std::size_t bytes, const Device& device);

} // namespace graticule
