#include "core/method/solvers/tensor_quantizer.h"

#include "core/base/error.h"
#include "core/recipe/scale_options.h"
#include "core/runtime/dynamic_rounding.h"

namespace graticule::solvers {
namespace {

MatrixView<std::uint8_t> code_view(const at::Tensor& codes) {
    return {codes.data_ptr<std::uint8_t>(), codes.size(0), codes.size(1)};
}

/// Scales of the coarse level, found or fixed, with their layout.
struct CoarseFound {
    at::Tensor scale;
    BlockLayout layout;
};

CoarseFound find_coarse(const at::Tensor& dense, const TensorQuantizer& quantizer, const Device& device) {
    if (!quantizer.coarse) return {};
    const CoarseLevel& level = *quantizer.coarse;
    CoarseFound found{level.fixed, layout_of(level.granularity, dense.size(0), dense.size(1))};
    if (!found.scale.defined())
        found.scale = find_coarse_scales(view_of(dense), found.layout, quantizer.grid, level.scale, device);
    return found;
}

/// The quantizer's options of the blocks' level; `coarse` outlives them.
ScaleOptions options_under(const TensorQuantizer& quantizer, const CoarseFound& coarse) {
    ScaleOptions options = quantizer.scale;
    if (coarse.scale.defined()) options.coarse = {coarse.scale.data_ptr<float>(), coarse.layout};
    return options;
}

TensorQuantizer quantizer_of(const TensorScheme& scheme, float epsilon) {
    GRATICULE_ASSERT(scheme.format != nullptr, "a resolved scheme has a format");
    TensorQuantizer quantizer{scheme.format->grid, scheme.grain(), fine_scale_options(scheme, epsilon)};
    if (is_dual_grain(scheme.levels))
        quantizer.scale.coding = float32_coding;
    else if (scheme.levels.size() > 1)
        quantizer.coarse = CoarseLevel{scheme.levels[1].grain, coarse_scale_options(scheme, epsilon)};
    return quantizer;
}

} // namespace

BlockLayout TensorQuantizer::layout(const at::Tensor& values) const {
    GRATICULE_ASSERT(values.dim() == 2, "quantizers work on matrices");
    return layout_of(granularity, values.size(0), values.size(1));
}

TensorQuantizer weight_quantizer(const TensorScheme& scheme, bool full_range) {
    TensorQuantizer quantizer = quantizer_of(scheme, 0);
    if (!full_range || !scheme.symmetric) return quantizer;
    quantizer.scale.rule = ScaleRule::symmetric_full_range;
    if (quantizer.coarse) quantizer.coarse->scale.rule = ScaleRule::symmetric_full_range;
    return quantizer;
}

TensorQuantizer input_quantizer(const TensorScheme& scheme) { return quantizer_of(scheme, least_activation_range); }

TensorQuantizer with_fixed_coarse(const TensorQuantizer& quantizer, const at::Tensor& values, const Device& device) {
    TensorQuantizer fixed = quantizer;
    if (fixed.coarse) fixed.coarse->fixed = find_coarse(values.contiguous(), quantizer, device).scale;
    return fixed;
}

TensorQuantizer quantizer_of_columns(const TensorQuantizer& quantizer, std::int64_t first, std::int64_t columns) {
    TensorQuantizer part = quantizer;
    part.granularity = {Granularity::Kind::channel, 0};
    if (!part.coarse) return part;
    CoarseLevel& coarse = *part.coarse;
    GRATICULE_ASSERT(coarse.fixed.defined(), "parts of a matrix share the scales of the whole");
    if (coarse.granularity.kind != Granularity::Kind::group) return part; // the same for all columns
    GRATICULE_ASSERT(first % coarse.granularity.group_size + columns <= coarse.granularity.group_size,
                     "the columns are of one coarse group");
    coarse.fixed = coarse.fixed.slice(1, first / coarse.granularity.group_size).slice(1, 0, 1).contiguous();
    coarse.granularity = {Granularity::Kind::channel, 0};
    return part;
}

BlockParams find_params(const at::Tensor& values, const TensorQuantizer& quantizer, const Device& device) {
    const at::Tensor dense = values.contiguous();
    const CoarseFound coarse = find_coarse(dense, quantizer, device);
    BlockParams params;
    params.layout = quantizer.layout(dense);
    params.coding = quantizer.scale.coding;
    params.coarse = coarse.scale;
    params.coarse_layout = coarse.layout;
    const std::int64_t down = params.layout.blocks_down(dense.size(0));
    const std::int64_t across = params.layout.blocks_across(dense.size(1));
    params.scale = at::empty({down, across}, dense.options());
    params.zero = at::empty({down, across}, dense.options());
    device.kernels().find_scales(view_of(dense), params.layout, quantizer.grid, options_under(quantizer, coarse),
                                 params.scale.data_ptr<float>(), params.zero.data_ptr<float>(), current_stream(device));
    return params;
}

at::Tensor quantize(const at::Tensor& values, const CodeGrid& grid, const BlockParams& params, const Device& device) {
    const at::Tensor dense = values.contiguous();
    const at::Tensor scale = params.scale.contiguous(), zero = params.zero.contiguous();
    at::Tensor codes = at::empty(dense.sizes(), dense.options().dtype(at::kByte));
    device.kernels().quantize(view_of(dense), params.layout, grid, scale.data_ptr<float>(), zero.data_ptr<float>(),
                              code_view(codes), nullptr, current_stream(device));
    return codes;
}

at::Tensor dequantize(const at::Tensor& codes, const CodeGrid& grid, const BlockParams& params, const Device& device) {
    const at::Tensor dense = codes.contiguous();
    const at::Tensor scale = params.scale.contiguous(), zero = params.zero.contiguous();
    at::Tensor values = at::empty(dense.sizes(), dense.options().dtype(at::kFloat));
    device.kernels().dequantize(code_view(dense), params.layout, grid, scale.data_ptr<float>(), zero.data_ptr<float>(),
                                writable_view_of(values), current_stream(device));
    return values;
}

QuantizedTensor quantize_to_nearest(const at::Tensor& values, const TensorQuantizer& quantizer, const Device& device) {
    const at::Tensor dense = values.contiguous();
    QuantizedTensor result;
    result.params = find_params(dense, quantizer, device);
    result.codes = quantize(dense, quantizer.grid, result.params, device);
    result.dequantized = dequantize(result.codes, quantizer.grid, result.params, device);
    return result;
}

at::Tensor round_to_nearest(const at::Tensor& values, const TensorQuantizer& quantizer, const Device& device) {
    const at::Tensor dense = values.contiguous();
    const CoarseFound coarse = find_coarse(dense, quantizer, device);
    at::Tensor rounded = at::empty_like(dense);
    round_by_own_scales(view_of(dense), quantizer.layout(dense), quantizer.grid, options_under(quantizer, coarse),
                        writable_view_of(rounded), device);
    return rounded;
}

bool rows_share_scales(const TensorQuantizer& quantizer) {
    const auto shared = [](const Granularity& grain) { return grain.kind == Granularity::Kind::tensor; };
    return shared(quantizer.granularity) || (quantizer.coarse && shared(quantizer.coarse->granularity));
}

std::vector<at::Tensor> by_samples(const at::Tensor& rows, const at::Tensor& samples) {
    GRATICULE_ASSERT(samples.size(0) == rows.size(0), "a sample for every row");
    const at::Tensor counts = std::get<2>(at::unique_consecutive(samples, false, true));
    const auto* sizes = counts.const_data_ptr<std::int64_t>();
    return rows.split_with_sizes(at::IntArrayRef(sizes, static_cast<std::size_t>(counts.numel())));
}

at::Tensor round_inputs(const at::Tensor& rows, const at::Tensor& samples, const TensorQuantizer& quantizer,
                        const Device& device) {
    if (!samples.defined() || !rows_share_scales(quantizer)) return round_to_nearest(rows, quantizer, device);
    std::vector<at::Tensor> rounded;
    for (const at::Tensor& part : by_samples(rows, samples))
        rounded.push_back(round_to_nearest(part, quantizer, device));
    return at::cat(rounded);
}

RoundedColumn quantize_column(const at::Tensor& column, const CodeGrid& grid, const at::Tensor& scale,
                              const at::Tensor& zero, const Device& device) {
    const BlockParams params{{1, 1}, scale.unsqueeze(1), zero.unsqueeze(1)};
    const at::Tensor codes = quantize(column.unsqueeze(1), grid, params, device);
    return {codes.squeeze(1), dequantize(codes, grid, params, device).squeeze(1)};
}

at::Tensor spread_over_blocks(const at::Tensor& per_block, BlockLayout layout) {
    return per_block.repeat_interleave(layout.rows_per_block, 0).repeat_interleave(layout.columns_per_block, 1);
}

at::Tensor in_blocks(const at::Tensor& matrix, BlockLayout layout) {
    return matrix.reshape({matrix.size(0) / layout.rows_per_block, layout.rows_per_block,
                           matrix.size(1) / layout.columns_per_block, layout.columns_per_block});
}

at::Tensor beside_blocks(const at::Tensor& per_block) { return per_block.unsqueeze(1).unsqueeze(3); }

} // namespace graticule::solvers
