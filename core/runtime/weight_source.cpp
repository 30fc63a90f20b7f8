#include "core/runtime/weight_source.h"

#include <utility>

#include "core/result/quantized_model.h"

namespace graticule {

namespace {

class QuantizedWeights final : public WeightSource {
public:
    explicit QuantizedWeights(std::shared_ptr<const QuantizedModel> model)
        : model_(std::move(model)) {}

    [[nodiscard]] const QuantizedLinear* quantized(const Linear& linear) const override {
        const auto& quantized = model_->linears.at(index_of(linear.id));
        return quantized ? &*quantized : nullptr;
    }
    [[nodiscard]] HostTensor weight(const Linear& linear) const override {
        return tensor(linear.name + ".weight", linear.weight);
    }
    [[nodiscard]] std::optional<HostTensor> bias(const Linear& linear) const override {
        const auto found = model_->replaced.find(linear.name + ".bias");
        return found == model_->replaced.end() ? linear.bias : found->second;
    }
    [[nodiscard]] HostTensor tensor(const std::string& name, const HostTensor& stored) const override {
        const auto found = model_->replaced.find(name);
        return found == model_->replaced.end() ? stored : found->second;
    }

private:
    std::shared_ptr<const QuantizedModel> model_;
};

} // namespace

std::shared_ptr<const WeightSource> stored_weights() { return std::make_shared<WeightSource>(); }

std::shared_ptr<const WeightSource> quantized_weights(std::shared_ptr<const QuantizedModel> model) {
    return std::make_shared<QuantizedWeights>(std::move(model));
}

} // namespace graticule
