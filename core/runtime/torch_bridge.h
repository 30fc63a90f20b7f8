// The one door to LibTorch: files of core/runtime and core/method include this header, and the headers among them are
// seen by no other folder but tests (a file that sees Torch costs seconds; these share one precompiled header).
#pragma once

#include <ATen/ATen.h>
#include <c10/core/Event.h>
#include <optional>

#include "core/base/execution.h"
#include "core/runtime/device.h"
#include "core/tensor/host_tensor.h"
#include "kernels/api/views.h"

namespace graticule {

[[nodiscard]] at::Device torch_device(const Device& device);
[[nodiscard]] at::ScalarType scalar_type(Compute compute); ///< of a settled one (settle_execution.h)

/// Torch's name for a stored element type; absent: Torch cannot decode it (the block formats of GGUF).
[[nodiscard]] std::optional<at::ScalarType> stored_scalar_type(DType dtype);
/// `tensor` on `device` as `type`. A float32 host tensor wanted as float32 on the CPU is a
/// view of the same bytes, so never write to the result in place.
[[nodiscard]] at::Tensor to_torch(const HostTensor& tensor, const Device& device, at::ScalarType type = at::kFloat);
[[nodiscard]] at::Tensor to_torch(const std::vector<float>& values, at::IntArrayRef shape, const Device& device);
/// Copies to host memory: float32, or float64 when the tensor is float64.
[[nodiscard]] HostTensor to_host(const at::Tensor& tensor);
/// The same in its own type, which is a stored one; always a copy.
[[nodiscard]] HostTensor to_host_as_it_is(const at::Tensor& tensor);
[[nodiscard]] std::vector<float> to_vector(const at::Tensor& tensor);

/// Views for kernels: all leading dimensions become rows. The tensor must be float32 and contiguous, else
/// Error{internal}.
[[nodiscard]] MatrixView<const float> view_of(const at::Tensor& tensor);
[[nodiscard]] MatrixView<float> writable_view_of(at::Tensor& tensor);
/// Torch's current stream on the device; null on the CPU.
[[nodiscard]] Stream current_stream(const Device& device);
/// The same as Torch's own type, of a card.
[[nodiscard]] c10::Stream current_torch_stream(const Device& device);
/// Memory for Backend::fake_quantize_dynamic on a matrix of this shape.
[[nodiscard]] at::Tensor dynamic_workspace(std::int64_t rows, std::int64_t columns, BlockLayout layout,
                                           const Device& device);

/// No gradients, and this thread's products in full float32: put one at the top of every function that runs Torch code
/// on behalf of a verb.
class TorchScope {
public:
    explicit TorchScope(const Device& device);
    ~TorchScope();
    TorchScope(const TorchScope&) = delete;
    TorchScope& operator=(const TorchScope&) = delete;

private:
    c10::InferenceMode inference_;
    c10::OptionalDeviceGuard device_;
};

/// While it lives, this thread's float32 products on a card round factors to ten bits (TF32). Products of other threads
/// stay as they are: LibTorch's switch is one for all, so each TorchScope holds LibTorch's own guard against it.
class Tf32 {
public:
    Tf32();
    ~Tf32();
    Tf32(const Tf32&) = delete;
    Tf32& operator=(const Tf32&) = delete;
};

/// LibTorch's switches of products on cards, once for the program.
void choose_exact_products();

} // namespace graticule
