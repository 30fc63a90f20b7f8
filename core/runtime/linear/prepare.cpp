// From what a weight source says of a linear to the operation that computes it.
#include "core/base/error.h"
#include "core/runtime/linear/linear_op.h"
#include "core/runtime/parameter_loader.h"
#include "core/runtime/weight_source.h"

namespace graticule {

namespace {

SumParts sum_parts(const QuantizedLinear& quantized, const Device& device, at::ScalarType type) {
    SumParts parts;
    if (!quantized.kept_channels.empty()) {
        const std::vector<std::int64_t> channels(quantized.kept_channels.begin(), quantized.kept_channels.end());
        parts.kept_columns = to_torch(quantized.kept_columns, device, type);
        parts.kept_channels = at::tensor(channels, at::kLong).to(torch_device(device));
    }
    if (quantized.low_rank) {
        parts.low_rank_out = to_torch(quantized.low_rank->a, device, type);
        parts.low_rank_in = to_torch(quantized.low_rank->b, device, type);
    }
    return parts;
}

} // namespace

std::int64_t tokens_of(const SiteInput& x) { return c10::multiply_integers(x.sizes()) / x.sizes().back(); }

PreparedLinear prepare_linear(ParameterLoader& loader, const Linear& linear, const WeightSource& weights,
                              const Execution& execution) {
    const Device& device = loader.device();
    const at::ScalarType type = scalar_type(execution.compute);
    at::Tensor bias;
    if (const auto stored = weights.bias(linear)) bias = loader.load(linear.name + ".bias", *stored, type);
    const QuantizedLinear* quantized = weights.quantized(linear);
    PreparedLinear prepared;
    if (quantized != nullptr) prepared.input = {quantized->input_map.online(), input_rounding(*quantized)};
    if (prepared.input.rounding) check_calibrated(*prepared.input.rounding, linear);
    if (quantized == nullptr || quantized->codes.empty()) {
        const bool rounded = prepared.input.rounding.has_value();
        prepared.operation =
            dense_op(loader.load(linear.name + ".weight", weights.weight(linear), type), bias, rounded);
        if (rounded && execution.arithmetic == Arithmetic::integer)
            prepared.no_integers = "weights without codes: 16 bits, or read from a file that was quantized before; a "
                                   "recipe that names their scheme too (w=...) gives them some";
        return prepared;
    }
    if (execution.arithmetic == Arithmetic::integer) {
        const auto kernel_op = prepared.input.rounding ? integer_op : weight_only_op;
        prepared.operation = kernel_op(*quantized, linear, bias, type, loader, prepared.no_integers);
    }
    if (!prepared.operation) prepared.operation = simulated_op(*quantized, linear, bias, loader);
    if (!quantized->kept_channels.empty() || quantized->low_rank)
        prepared.operation = sum_op(prepared.operation, sum_parts(*quantized, device, type));
    return prepared;
}

} // namespace graticule
