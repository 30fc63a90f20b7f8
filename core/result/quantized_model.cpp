#include "core/result/quantized_model.h"

#include <algorithm>

#include "core/base/error.h"
#include "kernels/api/backends.h"

namespace graticule {

namespace {

void put_kept_columns(std::span<const std::int32_t> channels, const HostTensor& columns, std::size_t width,
                      std::span<float> weight) {
    const std::vector<float> kept = to_floats(columns);
    for (std::size_t row = 0; row < weight.size() / width; ++row)
        for (std::size_t i = 0; i < channels.size(); ++i)
            weight[row * width + std::size_t(channels[i])] = kept[row * channels.size() + i];
}

void add_low_rank(const LowRank& low_rank, std::size_t width, std::span<float> weight) {
    const std::vector<float> a = to_floats(low_rank.a), b = to_floats(low_rank.b);
    const std::size_t rank = std::size_t(low_rank.a.columns());
    for (std::size_t row = 0; row < weight.size() / width; ++row)
        for (std::size_t r = 0; r < rank; ++r) {
            const float factor = a[row * rank + r];
            for (std::size_t column = 0; column < width; ++column)
                weight[row * width + column] += factor * b[r * width + column];
        }
}

} // namespace

StoredParts stored_parts(const QuantizedLinear& quantized) {
    return {std::ssize(quantized.kept_channels), quantized.low_rank ? quantized.low_rank->a.columns() : 0};
}

ModelSize QuantizedModel::size() const {
    const auto form_of = [this](const Linear& linear) -> LinearForm {
        const auto& quantized = linears.at(index_of(linear.id));
        if (!quantized) return {};
        return {quantized->choice.scheme.weight, stored_parts(*quantized)};
    };
    return size_of(*base, form_of, head_untied);
}

std::int64_t QuantizedModel::bytes_before() const { return stored_bytes(*base); }

std::int64_t packed_bytes(const QuantizedLinear& quantized, const Linear& linear) {
    return weight_bytes(linear, quantized.choice.scheme.weight, stored_parts(quantized));
}

void put_beside(std::span<const std::int32_t> kept_channels, const HostTensor& kept_columns,
                const std::optional<LowRank>& low_rank, std::int64_t columns, std::span<float> weight) {
    if (!kept_channels.empty()) put_kept_columns(kept_channels, kept_columns, std::size_t(columns), weight);
    if (low_rank) add_low_rank(*low_rank, std::size_t(columns), weight);
}

std::vector<float> effective_weight(const QuantizedLinear& quantized, const Linear& shape) {
    const std::int64_t rows = shape.out_features(), columns = shape.in_features();
    GRATICULE_ASSERT(quantized.codes.rows() == rows && quantized.codes.columns() == columns, "one code per weight");
    const std::vector<std::uint8_t> codes = quantized.codes.unpack();
    std::vector<float> weight(codes.size());
    const QParams& params = quantized.params;
    cpu_backend().dequantize({codes.data(), rows, columns}, params.layout, quantized.choice.scheme.weight->format->grid,
                             params.scale.data(), params.zero.data(), {weight.data(), rows, columns}, {});
    put_beside(quantized.kept_channels, quantized.kept_columns, quantized.low_rank, columns, weight);
    return weight;
}

std::vector<float> effective_weight(const QuantizedModel& model, LayerId layer) {
    const Linear& linear = model.base->linear(layer);
    const auto& quantized = model.linears.at(index_of(layer));
    if (quantized && !quantized->codes.empty()) return effective_weight(*quantized, linear);
    const auto replaced = model.replaced.find(linear.name + ".weight");
    return to_floats(replaced == model.replaced.end() ? linear.weight : replaced->second);
}

std::vector<float> plain_weight(const QuantizedModel& model, LayerId layer) {
    std::vector<float> weight = effective_weight(model, layer);
    const auto& quantized = model.linears.at(index_of(layer));
    if (!quantized) return weight;
    const auto block = quantized->input_map.online();
    if (!block) return weight;
    const Linear& linear = model.base->linear(layer);
    const MatrixView<float> rows(weight.data(), linear.out_features(), linear.in_features());
    cpu_backend().hadamard(rows, *block, rows, {}); // its own inverse
    return weight;
}

std::optional<std::vector<float>> effective_bias(const QuantizedModel& model, LayerId layer) {
    const Linear& linear = model.base->linear(layer);
    if (const auto replaced = model.replaced.find(linear.name + ".bias"); replaced != model.replaced.end())
        return to_floats(replaced->second);
    if (!linear.bias) return std::nullopt;
    return to_floats(*linear.bias);
}

std::vector<const LayerReport*> layers_of(const QuantizedModel& model) {
    std::vector<const LayerReport*> reports;
    for (const auto& linear : model.linears)
        if (linear) reports.push_back(&linear->report);
    return reports;
}

std::vector<const LayerReport*> worst_first(std::vector<const LayerReport*> reports) {
    std::ranges::stable_sort(reports, {}, [](const LayerReport* report) { return sqnr_for_order(*report); });
    return reports;
}

} // namespace graticule
