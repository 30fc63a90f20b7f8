#include "core/runtime/torch_bridge.h"

#include <c10/core/impl/VirtualGuardImpl.h>
#include <cstring>
#include <mutex>
#include <optional>
#include <utility>

#include "core/base/error.h"
#include "core/runtime/gradients.h"

namespace graticule {

std::optional<at::ScalarType> stored_scalar_type(DType dtype) {
    if (dtype == DType::f32) return at::kFloat;
    if (dtype == DType::f64) return at::kDouble;
    if (dtype == DType::f16) return at::kHalf;
    if (dtype == DType::bf16) return at::kBFloat16;
    return std::nullopt;
}

at::Device torch_device(const Device& device) {
    return device.is_cuda() ? at::Device(at::kCUDA, static_cast<c10::DeviceIndex>(device.index()))
                            : at::Device(at::kCPU);
}

at::ScalarType scalar_type(Compute compute) {
    switch (compute) {
    case Compute::float64:
        return at::kDouble;
    case Compute::bfloat16:
        return at::kBFloat16;
    case Compute::float16:
        return at::kHalf;
    case Compute::float32:
        return at::kFloat;
    case Compute::automatic:
        break;
    }
    throw Error(ErrorKind::internal, "a compute type that nobody has decided");
}

at::Tensor to_torch(const HostTensor& tensor, const Device& device, at::ScalarType type) {
    const std::optional<at::ScalarType> stored = stored_scalar_type(tensor.dtype);
    const bool aligned =
        stored && reinterpret_cast<std::uintptr_t>(tensor.bytes.data()) % c10::elementSize(*stored) == 0;
    if (!aligned) // a block format, or a safetensors file that does not pad
        return to_torch(HostTensor::from_floats(to_floats(tensor), tensor.shape), device, type);
    // The deleter holds the mapping (or vector) for as long as Torch holds the view.
    auto* bytes = const_cast<std::byte*>(tensor.bytes.data()); // Torch has no read-only tensors
    const at::Tensor view = at::from_blob(
        bytes, tensor.shape, [owner = tensor.owner](void*) {}, at::TensorOptions().dtype(*stored));
    // Small types travel to the card as they are and grow there.
    return view.to(torch_device(device)).to(type);
}

at::Tensor to_torch(const std::vector<float>& values, at::IntArrayRef shape, const Device& device) {
    at::Tensor tensor = at::empty(shape, at::kFloat);
    GRATICULE_ASSERT(std::cmp_equal(tensor.numel(), values.size()), "as many values as the shape says");
    std::memcpy(tensor.data_ptr<float>(), values.data(), values.size() * sizeof(float));
    return tensor.to(torch_device(device));
}

namespace {

HostTensor owning(at::Tensor tensor, DType dtype) {
    auto host = std::make_shared<at::Tensor>(std::move(tensor));
    const std::span<const std::byte> bytes(static_cast<const std::byte*>(host->data_ptr()), host->nbytes());
    return {dtype, host->sizes().vec(), std::move(host), bytes};
}

} // namespace

HostTensor to_host(const at::Tensor& tensor) {
    const bool wide = tensor.scalar_type() == at::kDouble;
    return owning(tensor.to(at::kCPU).to(wide ? at::kDouble : at::kFloat).contiguous(), wide ? DType::f64 : DType::f32);
}

HostTensor to_host_as_it_is(const at::Tensor& tensor) {
    at::Tensor copy = at::empty(tensor.sizes(), at::TensorOptions().dtype(tensor.scalar_type()));
    copy.copy_(tensor);
    for (const DType dtype : {DType::f64, DType::f32, DType::f16, DType::bf16})
        if (stored_scalar_type(dtype) == copy.scalar_type()) return owning(std::move(copy), dtype);
    throw Error(ErrorKind::internal, "no stored type is a tensor's own");
}

std::vector<float> to_vector(const at::Tensor& tensor) {
    const at::Tensor host = tensor.to(at::kCPU).to(at::kFloat).contiguous();
    const auto* values = host.data_ptr<float>();
    return {values, values + host.numel()};
}

namespace {

void check_viewable(const at::Tensor& tensor) {
    GRATICULE_ASSERT(tensor.scalar_type() == at::kFloat && tensor.is_contiguous() && tensor.dim() >= 1,
                     "kernels work on contiguous float32");
}

} // namespace

MatrixView<const float> view_of(const at::Tensor& tensor) {
    check_viewable(tensor);
    const std::int64_t columns = tensor.size(-1);
    return {tensor.data_ptr<float>(), columns == 0 ? 0 : tensor.numel() / columns, columns};
}

MatrixView<float> writable_view_of(at::Tensor& tensor) {
    check_viewable(tensor);
    const std::int64_t columns = tensor.size(-1);
    return {tensor.data_ptr<float>(), columns == 0 ? 0 : tensor.numel() / columns, columns};
}

Stream current_stream(const Device& device) {
    if (!device.is_cuda()) return {};
    return {current_torch_stream(device).native_handle()};
}

at::Tensor dynamic_workspace(std::int64_t rows, std::int64_t columns, BlockLayout layout, const Device& device) {
    const auto bytes = static_cast<std::int64_t>(device.kernels().dynamic_workspace_bytes(rows, columns, layout));
    return at::empty({bytes}, at::TensorOptions().dtype(at::kByte).device(torch_device(device)));
}

c10::Stream current_torch_stream(const Device& device) {
    return c10::impl::VirtualGuardImpl(at::kCUDA).getStream(torch_device(device));
}

namespace {
thread_local int scopes = 0; ///< of this thread, one inside the other
thread_local std::optional<at::NoTF32Guard> without_tf32;
std::mutex tf32_mutex;
int tf32_users = 0;
} // namespace

TorchScope::TorchScope(const Device& device)
    : inference_(!differentiating())
    , device_(device.is_cuda() ? c10::optional<at::Device>(torch_device(device)) : std::nullopt) {
    if (scopes++ == 0) without_tf32.emplace();
}

TorchScope::~TorchScope() {
    if (--scopes == 0) without_tf32.reset();
}

Tf32::Tf32() {
    const std::lock_guard lock(tf32_mutex);
    if (tf32_users++ == 0) at::globalContext().setAllowTF32CuBLAS(true);
    without_tf32.reset();
}

Tf32::~Tf32() {
    const std::lock_guard lock(tf32_mutex);
    if (scopes > 0) without_tf32.emplace();
    if (--tf32_users == 0) at::globalContext().setAllowTF32CuBLAS(false);
}

void choose_exact_products() {
    static const bool once = [] {
        // Ten bits of mantissa would hide what is measured here.
        at::globalContext().setAllowTF32CuBLAS(false);
        at::globalContext().setAllowTF32CuDNN(false);
        // Nor do partial sums of 16-bit products lose bits: integers that are exact in 16 bits have exact sums.
        at::globalContext().setAllowBF16ReductionCuBLAS(false);
        at::globalContext().setAllowFP16ReductionCuBLAS(false);
        return true;
    }();
    (void)once;
}

} // namespace graticule
