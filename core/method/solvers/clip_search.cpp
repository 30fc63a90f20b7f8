#include "core/method/solvers/clip_search.h"

#include <algorithm>
#include <limits>

#include "core/base/cancel_point.h"
#include "core/base/error.h"
#include "core/method/solvers/fixed_sums.h"

namespace graticule::solvers {
namespace {

/// Sum over each block of `values` (rows, columns) -> (blocks down, blocks across).
at::Tensor sum_over_blocks(const at::Tensor& values, BlockLayout layout) {
    return in_blocks(values, layout).sum({1, 3});
}

at::Tensor absmax_of_blocks(const at::Tensor& values, BlockLayout layout) {
    return in_blocks(values.abs(), layout).amax({1, 3});
}

/// What the partial outputs of all blocks cost, from products of inputs alone. With X' = Q(X) (or X) and dX = X' - X
/// the error of block g is X'_g dw_g + dX_g w_g, whose mean square is
///     dw G dw + 2 dw C w + w D w,   G = X'^T X' / n, C = X'^T dX / n, D = dX^T dX / n,   each (groups, group, group).
/// No difference of nearly equal numbers is taken, so float32 is enough.
struct BlockGrams {
    at::Tensor rounded, cross, change; ///< G, C, D; the last two undefined where the inputs are not rounded
};

/// (tokens, in) -> (groups, tokens, group)
at::Tensor by_groups(const at::Tensor& inputs, std::int64_t group) {
    return inputs.reshape({inputs.size(0), -1, group}).permute({1, 0, 2});
}

at::Tensor gram_of(const at::Tensor& a, const at::Tensor& b, std::int64_t group) {
    return products(by_groups(a, group).transpose(1, 2), by_groups(b, group)).div_(static_cast<double>(a.size(0)));
}

BlockGrams block_grams(const at::Tensor& inputs, const at::Tensor& samples, const std::optional<TensorQuantizer>& input,
                       std::int64_t group, const Device& device) {
    if (!input) return {gram_of(inputs, inputs, group), {}, {}};
    const at::Tensor rounded = round_inputs(inputs, samples, *input, device);
    const at::Tensor change = rounded - inputs;
    return {gram_of(rounded, rounded, group), gram_of(rounded, change, group), gram_of(change, change, group)};
}

/// u_g^T M_g v_g of every row and group: (groups, rows).
at::Tensor quadratic_form(const at::Tensor& u, const at::Tensor& gram, const at::Tensor& v) {
    return products(u, gram).mul_(v).sum(2);
}

/// (rows, in) -> (groups, rows, group)
at::Tensor weight_groups(const at::Tensor& weight, std::int64_t group) {
    return weight.reshape({weight.size(0), -1, group}).transpose(0, 1);
}

class PartialOutputLoss {
public:
    PartialOutputLoss(const at::Tensor& weight, BlockGrams grams, BlockLayout layout)
        : weight_(weight_groups(weight, layout.columns_per_block))
        , grams_(std::move(grams))
        , layout_(layout) {
        if (grams_.change.defined()) constant_ = quadratic_form(weight_, grams_.change, weight_);
    }

    /// Mean over tokens of the squared error of each block's partial output, (blocks down, blocks across).
    [[nodiscard]] at::Tensor of(const at::Tensor& rounded) const {
        const at::Tensor difference = weight_groups(rounded, layout_.columns_per_block) - weight_;
        at::Tensor loss = quadratic_form(difference, grams_.rounded, difference);
        if (constant_.defined()) loss = loss + 2 * quadratic_form(difference, grams_.cross, weight_) + constant_;
        return sum_over_blocks(loss.transpose(0, 1).contiguous(), {layout_.rows_per_block, 1});
    }

private:
    at::Tensor weight_;
    BlockGrams grams_;
    BlockLayout layout_;
    at::Tensor constant_; ///< error of the rounded inputs alone, (groups, rows)
};

at::Tensor strided_tokens(const at::Tensor& values, std::int64_t wanted) {
    if (!values.defined()) return values;
    const std::int64_t stride = std::max<std::int64_t>(1, values.size(0) / wanted);
    return values.slice(0, 0, values.size(0), stride).contiguous();
}

} // namespace

BlockParams mse_clip(const at::Tensor& values, const TensorQuantizer& quantizer, const MseClipOptions& options,
                     const Device& device) {
    const at::Tensor dense = values.contiguous();
    BlockParams best;
    at::Tensor least;
    const int steps = static_cast<int>(options.max_shrink * options.grid);
    for (int i = 0; i < std::max(1, steps); ++i) {
        cancel_point();
        TensorQuantizer shrunk = quantizer;
        shrunk.scale.clip_ratio = 1.0F - static_cast<float>(i) / static_cast<float>(options.grid);
        const BlockParams params = find_params(dense, shrunk, device);
        const at::Tensor rounded =
            dequantize(quantize(dense, quantizer.grid, params, device), quantizer.grid, params, device);
        const at::Tensor error = sum_over_blocks((rounded - dense).abs_().pow_(options.norm), params.layout);
        if (i == 0) {
            best = params;
            least = error;
            continue;
        }
        const at::Tensor better = error < least;
        least = at::where(better, error, least);
        best.scale = at::where(better, params.scale, best.scale);
        best.zero = at::where(better, params.zero, best.zero);
    }
    return best;
}

ClipResult output_clip(const at::Tensor& weight, const at::Tensor& inputs, const TensorQuantizer& quantizer,
                       const std::optional<TensorQuantizer>& input, const OutputClipOptions& options,
                       const Device& device, const at::Tensor& samples) {
    GRATICULE_ASSERT(inputs.dim() == 2 && inputs.size(1) == weight.size(1), "inputs (tokens, in) belong to the weight");
    const BlockLayout layout = quantizer.layout(weight);
    const TensorQuantizer candidate = with_fixed_coarse(quantizer, weight, device);
    const at::Tensor seen = strided_tokens(inputs, options.tokens), of = strided_tokens(samples, options.tokens);
    const PartialOutputLoss loss_of(weight, block_grams(seen, of, input, layout.columns_per_block, device), layout);
    const at::Tensor absmax = absmax_of_blocks(weight, layout);
    const int steps = std::max(1, static_cast<int>(options.max_shrink * options.grid));
    ClipResult result;
    at::Tensor least;
    for (int i = 0; i < steps; ++i) {
        cancel_point();
        const double ratio = 1.0 - static_cast<double>(i) / options.grid;
        const at::Tensor threshold = absmax * ratio;
        const at::Tensor limit = spread_over_blocks(threshold, layout);
        const at::Tensor limited = at::minimum(at::maximum(weight, -limit), limit);
        const at::Tensor loss = loss_of.of(round_to_nearest(limited, candidate, device));
        if (i == 0) {
            result.threshold = threshold;
            result.ratio = at::ones_like(threshold);
            result.loss_before = total(loss);
            least = loss;
            continue;
        }
        const at::Tensor better = loss < least;
        least = at::where(better, loss, least);
        result.threshold = at::where(better, threshold, result.threshold);
        result.ratio = result.ratio.masked_fill(better, ratio);
    }
    const at::Tensor limit = spread_over_blocks(result.threshold, layout);
    result.clipped = at::minimum(at::maximum(weight, -limit), limit);
    result.loss = total(least);
    return result;
}

} // namespace graticule::solvers
