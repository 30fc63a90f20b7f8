#include "core/runtime/linear/workspace.h"

#include "kernels/api/gemm.h"

namespace graticule {

at::Tensor aligned_bytes(std::size_t bytes, const Device& device) {
    const auto size = static_cast<std::int64_t>(bytes);
    const auto alignment = static_cast<std::int64_t>(gemm_alignment);
    const at::Tensor memory =
        at::empty({size + alignment}, at::TensorOptions().dtype(at::kByte).device(torch_device(device)));
    const auto address = reinterpret_cast<std::uintptr_t>(memory.data_ptr());
    const auto beyond = static_cast<std::int64_t>(address % gemm_alignment);
    return memory.narrow(0, beyond == 0 ? 0 : alignment - beyond, size);
}

void* Workspace::at_least(std::size_t bytes) {
    if (bytes == 0) return nullptr;
    if (!memory_.defined() || memory_.nbytes() < bytes) {
        memory_ = aligned_bytes(bytes, device_);
        memory_.narrow(0, 0, std::min<std::int64_t>(memory_.numel(), gemm_counter_bytes)).zero_();
    }
    return memory_.data_ptr();
}

} // namespace graticule
