// Where a forward pass takes its parameters from: the stored model, a quantized one, or a caller's own values.
//
//     struct Doubled final : WeightSource { HostTensor weight(const Linear& linear) const override { ... } };
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/model/model.h"
#include "core/tensor/host_tensor.h"

namespace graticule {

struct QuantizedLinear;
struct QuantizedModel;

/// The defaults give what the checkpoint holds. Any element type will do (float64 too); the decoder converts.
class WeightSource {
public:
    virtual ~WeightSource() = default;
    /// How the linear was quantized; null: it was not. Where it has codes, they are used and `weight` is not asked for.
    [[nodiscard]] virtual const QuantizedLinear* quantized(const Linear& linear) const {
        (void)linear;
        return nullptr;
    }
    [[nodiscard]] virtual HostTensor weight(const Linear& linear) const { return linear.weight; }
    [[nodiscard]] virtual std::optional<HostTensor> bias(const Linear& linear) const { return linear.bias; }
    /// Everything else, by its name in the checkpoint: norms, embedding, head. A tied head is asked for by the name it
    /// would have, with the embedding as what is stored.
    [[nodiscard]] virtual HostTensor tensor(const std::string& name, const HostTensor& stored) const {
        (void)name;
        return stored;
    }
};

[[nodiscard]] std::shared_ptr<const WeightSource> stored_weights();
/// Codes and replaced tensors of `model`.
[[nodiscard]] std::shared_ptr<const WeightSource> quantized_weights(std::shared_ptr<const QuantizedModel> model);

} // namespace graticule
