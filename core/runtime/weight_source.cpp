#include "core/runtime/weight_source.h"

#include <utility>

#include "core/result/quantized_model.h"

namespace graticule {

namespace {

class QuantizedWeights final : public WeightSource {
public:
    explicit QuantizedWeights(std::shared_ptr<const QuantizedModel> model)
        : model_(std::move(model)) {}

    [[nodiscard]] HostTensor weight(const Linear& linear) const override {
        const auto& quantized = model_->linears.at(index_of(linear.id));
        // Not quantized and not folded: the stored bytes will do, whatever their type.
        if (!quantized && !model_->replaced.contains(linear.name + ".weight")) return linear.weight;
        if (!quantized) return model_->replaced.at(linear.name + ".weight");
        return HostTensor::from_floats(effective_weight(*model_, linear.id), linear.weight.shape);
    }

    [[nodiscard]] std::optional<HostTensor> bias(const Linear& linear) const override {
        std::optional<std::vector<float>> values = effective_bias(*model_, linear.id);
        if (!values) return std::nullopt;
        return HostTensor::from_floats(std::move(*values), {linear.out_features()});
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
