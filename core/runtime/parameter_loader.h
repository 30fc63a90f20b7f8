// Parameters on their way from the mapped file to a device, in their stored type: through a small ring of pinned
// buffers to a card, where they are converted and checked; nothing becomes float32 on the host but what no card can
// decode. One NaN among them makes every result NaN and says nothing about where it came from, so each is checked once.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "core/model/model.h"
#include "core/runtime/linear/workspace.h"
#include "core/runtime/torch_bridge.h"

namespace graticule {

/// May be used from two threads (a block is prepared while another is computed); work goes to each one's own stream.
/// Decoders of one model share it when they run side by side: a tensor that one of them holds is not loaded again.
class ParameterLoader {
public:
    ParameterLoader(std::shared_ptr<const Model> model, Device device);
    ~ParameterLoader();
    ParameterLoader(const ParameterLoader&) = delete;
    ParameterLoader& operator=(const ParameterLoader&) = delete;

    [[nodiscard]] const Device& device() const { return device_; }
    /// What the model calls `name`, as `type`. On a CPU a value that is not finite throws here, on a card verify()
    /// does.
    [[nodiscard]] at::Tensor load(const std::string& name, const HostTensor& tensor, at::ScalarType type);
    /// Bytes as they are: codes.
    [[nodiscard]] at::Tensor upload(std::span<const std::byte> bytes, at::IntArrayRef shape, at::ScalarType stored);
    /// What the integer products of this model share.
    [[nodiscard]] const std::shared_ptr<Workspace>& workspace() const { return workspace_; }
    /// Throws Error{bad_input} naming the file and the first loaded tensor with a value that is not finite. Waits for
    /// the device where something was loaded since the last call.
    void verify();

private:
    [[nodiscard]] at::Tensor load_afresh(const std::string& name, const HostTensor& tensor, at::ScalarType type);
    [[nodiscard]] at::Tensor find_loaded(const HostTensor& tensor, at::ScalarType type); ///< undefined: it is not there
    class PinnedRing;
    std::shared_ptr<const Model> model_;
    Device device_;
    std::unique_ptr<PinnedRing> ring_; ///< null on a CPU
    std::shared_ptr<Workspace> workspace_;
    std::mutex mutex_; ///< guards the ring and what follows
    /// Neither bytes nor values are kept alive by being here: bytes that are gone may have made room for others at the
    /// same place.
    std::map<std::pair<std::string, const std::byte*>, std::weak_ptr<const void>> checked_; ///< sides share names
    struct Loaded {
        std::weak_ptr<const void> bytes;
        c10::weak_intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl> values;
    };
    std::map<std::pair<const std::byte*, at::ScalarType>, Loaded> loaded_;
    struct Extremes {
        std::string name;
        at::Tensor values; ///< (2) float32, least and greatest
        c10::Event there;
    };
    std::vector<Extremes> extremes_; ///< not looked at yet
};

} // namespace graticule
