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

struct QuantizedModel;

/// The defaults give what the checkpoint holds. Any element type will do (float64 too); the decoder converts.
class WeightSource {
public:
    virtual ~WeightSource() = default;
    [[nodiscard]] virtual HostTensor weight(const Linear& linear) const { return linear.weight; }
    [[nodiscard]] virtual std::optional<HostTensor> bias(const Linear& linear) const { return linear.bias; }
    /// Norms: `name` is Norm::name with ".weight" or ".bias".
    [[nodiscard]] virtual HostTensor tensor(const std::string& name, const HostTensor& stored) const {
        (void)name;
        return stored;
    }
};

[[nodiscard]] std::shared_ptr<const WeightSource> stored_weights();
/// Effective weights and replaced tensors of `model`.
[[nodiscard]] std::shared_ptr<const WeightSource> quantized_weights(std::shared_ptr<const QuantizedModel> model);

} // namespace graticule
