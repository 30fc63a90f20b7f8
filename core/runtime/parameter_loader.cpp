#include "core/runtime/parameter_loader.h"

#include <ATen/Parallel.h>
#include <cmath>
#include <cstring>
#include <optional>

#include "core/base/error.h"
#include "core/runtime/parameters.h"

namespace graticule {

/// Pinned buffers that are filled in turn; each waits for its own last copy only.
class ParameterLoader::PinnedRing {
public:
    /// Enqueues the copy on the current stream of the device.
    void copy(std::span<const std::byte> bytes, at::Tensor& target, const Device& device) {
        const c10::Stream stream = current_torch_stream(device);
        at::Tensor flat = target.view({-1}).view(at::kByte);
        for (std::size_t first = 0; first < bytes.size(); first += buffer_bytes) {
            const auto count = static_cast<std::int64_t>(std::min(buffer_bytes, bytes.size() - first));
            Buffer& buffer = buffers_[next_++ % std::size(buffers_)];
            if (!buffer.pinned.defined()) {
                buffer.pinned = at::empty({static_cast<std::int64_t>(buffer_bytes)},
                                          at::TensorOptions().dtype(at::kByte).pinned_memory(true));
                buffer.copied.emplace(at::kCUDA);
            } else {
                buffer.copied->synchronize();
            }
            // One thread cannot read a mapped file as fast as the bus takes it.
            auto* to = static_cast<std::byte*>(buffer.pinned.data_ptr());
            at::parallel_for(0, count, std::int64_t{1} << 20, [&](std::int64_t begin, std::int64_t end) {
                std::memcpy(to + begin, bytes.data() + first + begin, static_cast<std::size_t>(end - begin));
            });
            flat.narrow(0, static_cast<std::int64_t>(first), count).copy_(buffer.pinned.narrow(0, 0, count), true);
            buffer.copied->record(stream);
        }
    }

private:
    static constexpr std::size_t buffer_bytes = std::size_t{32} << 20;
    struct Buffer {
        at::Tensor pinned;
        std::optional<c10::Event> copied;
    };
    Buffer buffers_[4];
    std::size_t next_ = 0;
};

ParameterLoader::ParameterLoader(std::shared_ptr<const Model> model, Device device)
    : model_(std::move(model))
    , device_(std::move(device))
    , ring_(device_.is_cuda() ? std::make_unique<PinnedRing>() : nullptr)
    , workspace_(std::make_shared<Workspace>(device_)) {}

ParameterLoader::~ParameterLoader() = default;

at::Tensor ParameterLoader::upload(std::span<const std::byte> bytes, at::IntArrayRef shape, at::ScalarType stored) {
    at::Tensor target = at::empty(shape, at::TensorOptions().dtype(stored).device(torch_device(device_)));
    GRATICULE_ASSERT(target.nbytes() == bytes.size(), "as many bytes as the shape says");
    if (bytes.empty()) return target;
    if (!ring_) {
        std::memcpy(target.data_ptr(), bytes.data(), bytes.size());
        return target;
    }
    const std::lock_guard lock(mutex_);
    ring_->copy(bytes, target, device_);
    return target;
}

at::Tensor ParameterLoader::find_loaded(const HostTensor& tensor, at::ScalarType type) {
    const std::lock_guard lock(mutex_);
    const auto found = loaded_.find({tensor.bytes.data(), type});
    if (found == loaded_.end() || found->second.bytes.expired()) return {};
    at::Tensor values(found->second.values.lock());
    return values.defined() && values.sizes() == at::IntArrayRef(tensor.shape) ? values : at::Tensor();
}

at::Tensor ParameterLoader::load(const std::string& name, const HostTensor& tensor, at::ScalarType type) {
    if (at::Tensor there = find_loaded(tensor, type); there.defined()) return there;
    at::Tensor values = load_afresh(name, tensor, type);
    const std::lock_guard lock(mutex_);
    std::erase_if(loaded_, [](const auto& entry) { return entry.second.bytes.expired(); });
    loaded_.insert_or_assign(std::pair(tensor.bytes.data(), type),
                             Loaded{tensor.owner, decltype(Loaded::values)(values.getIntrusivePtr())});
    return values;
}

at::Tensor ParameterLoader::load_afresh(const std::string& name, const HostTensor& tensor, at::ScalarType type) {
    if (!ring_) return load_parameter(*model_, name, tensor, device_, type);
    const std::optional<at::ScalarType> stored = stored_scalar_type(tensor.dtype);
    const HostTensor decoded = stored ? tensor : HostTensor::from_floats(to_floats(tensor), tensor.shape);
    const at::Tensor values = upload(decoded.bytes, decoded.shape, stored.value_or(at::kFloat)).to(type);
    const std::lock_guard lock(mutex_);
    std::weak_ptr<const void>& checked = checked_[{name, tensor.bytes.data()}];
    if (checked.expired()) {
        checked = tensor.owner;
        const auto [low, high] = at::aminmax(values);
        Extremes& extremes = extremes_.emplace_back(name, at::stack({low, high}).to(at::kFloat), c10::Event(at::kCUDA));
        extremes.there.record(current_torch_stream(device_));
    }
    return values;
}

void ParameterLoader::verify() {
    const std::lock_guard lock(mutex_);
    if (extremes_.empty()) return;
    std::vector<at::Tensor> rows;
    for (const Extremes& extremes : extremes_) {
        extremes.there.block(current_torch_stream(device_)); // loaded on another stream, perhaps just now
        rows.push_back(extremes.values);
    }
    const std::vector<float> values = to_vector(at::stack(rows));
    const auto loaded = std::exchange(extremes_, {});
    for (std::size_t i = 0; i < loaded.size(); ++i)
        if (!std::isfinite(values[2 * i]) || !std::isfinite(values[2 * i + 1]))
            refuse_parameter(*model_, loaded[i].name);
}

} // namespace graticule
