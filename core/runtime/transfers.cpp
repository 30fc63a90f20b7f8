#include "core/runtime/transfers.h"

#include <c10/core/impl/VirtualGuardImpl.h>

namespace graticule {

at::Tensor send(const at::Tensor& host, const Device& device) {
    if (!device.is_cuda()) return host;
    return host.pin_memory().to(torch_device(device), /*non_blocking=*/true);
}

Arrival::Arrival(const at::Tensor& values)
    : host_(values) {
    if (!values.is_cuda()) return;
    host_ = at::empty(values.sizes(), at::TensorOptions().dtype(values.scalar_type()).pinned_memory(true));
    host_.copy_(values, /*non_blocking=*/true);
    const c10::impl::VirtualGuardImpl guard(at::kCUDA);
    arrived_.emplace(at::kCUDA);
    arrived_->record(guard.getStream(values.device()));
}

const at::Tensor& Arrival::wait() {
    if (arrived_) arrived_->synchronize();
    arrived_.reset();
    return host_;
}

} // namespace graticule
