// Small tensors between the host and a device without waiting for what the device is doing.
#pragma once

#include <optional>

#include "core/runtime/torch_bridge.h"

namespace graticule {

/// `host` (a tensor in host memory) on the device; on a CPU the same tensor.
[[nodiscard]] at::Tensor send(const at::Tensor& host, const Device& device);

/// Values of the device on their way to the host.
class Arrival {
public:
    explicit Arrival(const at::Tensor& values);
    /// Waits for them, not for what was queued afterwards.
    [[nodiscard]] const at::Tensor& wait();

private:
    at::Tensor host_;
    std::optional<c10::Event> arrived_; ///< of a card
};

} // namespace graticule
