#include "core/method/solvers/gptq.h"

#include <algorithm>
#include <limits>

#include "core/base/cancel_point.h"
#include "core/base/error.h"
#include "core/method/solvers/fixed_sums.h"
#include "core/method/solvers/gptq_block.h"

namespace graticule::solvers {
namespace {

/// Weight and Hessian in the order the columns are rounded in.
struct Problem {
    at::Tensor weight;  ///< (out, in) working copy
    at::Tensor hessian; ///< (in, in) working copy, dead columns repaired
    at::Tensor order;   ///< (in) original index of every column; undefined: as they are
    at::Tensor inverse; ///< (in) place of every original column in the order
    std::int64_t dead = 0;
};

/// Makes the diagonal of columns that never fired 1. Returns which those were.
at::Tensor repair_dead(at::Tensor& hessian) {
    at::Tensor dead = hessian.diagonal().eq(0);
    hessian.diagonal().masked_fill_(dead, 1.0);
    return dead;
}

void damp(at::Tensor& hessian, double damping) { hessian.diagonal().add_(hessian.diagonal().mean(), damping); }

Problem prepare(const at::Tensor& weight, const at::Tensor& hessian, bool act_order) {
    Problem problem{weight.clone(), hessian.clone(), {}, {}};
    const at::Tensor dead = repair_dead(problem.hessian);
    problem.dead = dead.sum().item<std::int64_t>();
    problem.weight.masked_fill_(dead.unsqueeze(0), 0.0);
    if (!act_order) return problem;
    problem.order = problem.hessian.diagonal().argsort(/*stable=*/true, /*dim=*/0, /*descending=*/true);
    problem.inverse = problem.order.argsort();
    problem.weight = problem.weight.index_select(1, problem.order);
    problem.hessian = problem.hessian.index_select(0, problem.order).index_select(1, problem.order);
    return problem;
}

/// Row q of U over U_qq is row q of (H_F^-1) over its diagonal, F being q and all later columns.
UpdateRatio update_ratio_of(const at::Tensor& upper) {
    if (upper.size(0) < 2) return {};
    const at::Tensor ratio = (upper.triu(1).abs().amax(1) / upper.diagonal()).to(at::kDouble);
    return {ratio.max().item<double>(), total(ratio) / static_cast<double>(ratio.numel())};
}

/// Scales as they become known while the columns are walked.
class Scales {
public:
    Scales(const at::Tensor& original, const Problem& problem, const TensorQuantizer& quantizer,
           const GptqOptions& options, const Device& device)
        : quantizer_(with_fixed_coarse(quantizer, original, device))
        , options_(options)
        , device_(device)
        , order_(problem.order)
        , layout_(quantizer.layout(original))
        , grouped_(layout_.columns_per_block < original.size(1)) {
        if (!grouped_) {
            params_ = find_params(original, quantizer_, device); // before dead columns are cleared, as the reference
        } else if (options.static_groups) {
            const at::Tensor plain =
                order_.defined() ? problem.weight.index_select(1, problem.inverse) : problem.weight;
            params_ = find_params(plain, quantizer_, device);
        } else {
            // Their coarse level, where there is one, and the shape; the rest is overwritten as groups are met.
            params_ = find_params(original, quantizer_, device);
        }
        rows_ = original.size(0);
    }

    /// Scale and zero point of every element of the columns [first, last). Groups that begin there are measured now on
    /// `current`, which later blocks have updated but this block has not: the reference's stale groups.
    void of_columns(const at::Tensor& current, std::int64_t first, std::int64_t last, GptqBlock& block) {
        const std::int64_t group = layout_.columns_per_block;
        if (grouped_ && !options_.static_groups)
            for (std::int64_t start = (first + group - 1) / group * group; start < last; start += group)
                measure(current.slice(1, start, start + group), start / group);
        const at::Tensor column = order_.defined() ? order_.slice(0, first, last)
                                                   : at::arange(first, last, current.options().dtype(at::kLong));
        const at::Tensor index = at::floor_divide(column, group);
        block.scale = spread(params_.scale, index);
        block.zero = spread(params_.zero, index);
    }

    [[nodiscard]] const BlockParams& params() const { return params_; }

private:
    void measure(const at::Tensor& values, std::int64_t group) {
        const TensorQuantizer whole_group =
            quantizer_of_columns(quantizer_, group * layout_.columns_per_block, layout_.columns_per_block);
        const BlockParams found = find_params(values, whole_group, device_);
        params_.scale.select(1, group).copy_(found.scale.squeeze(1));
        params_.zero.select(1, group).copy_(found.zero.squeeze(1));
    }
    [[nodiscard]] at::Tensor spread(const at::Tensor& per_block, const at::Tensor& index) const {
        return per_block.index_select(1, index).expand({rows_, index.size(0)}).contiguous();
    }

    TensorQuantizer quantizer_; ///< a coarse level is that of the weight before anything is rounded
    const GptqOptions& options_;
    const Device& device_;
    at::Tensor order_;
    BlockLayout layout_;
    bool grouped_;
    BlockParams params_;
    std::int64_t rows_ = 0;
};

struct Walked {
    at::Tensor codes, values;
    double loss = 0;
};

Walked walk(Problem& problem, const at::Tensor& upper, Scales& scales, const CodeGrid& grid, const GptqOptions& options,
            const Device& device) {
    const std::int64_t columns = problem.weight.size(1);
    const bool by_rows = options.loop != GptqLoop::by_columns;
    Walked walked{at::empty(problem.weight.sizes(), problem.weight.options().dtype(at::kByte)),
                  at::empty_like(problem.weight)};
    at::Tensor squares = at::zeros({}, problem.weight.options().dtype(at::kDouble)); // on the card until the end
    for (std::int64_t first = 0; first < columns; first += options.block) {
        cancel_point();
        const std::int64_t last = std::min(first + options.block, columns);
        GptqBlock block;
        block.weight = problem.weight.slice(1, first, last).contiguous();
        block.factor = upper.slice(0, first, last).slice(1, first, last).contiguous();
        scales.of_columns(problem.weight, first, last, block);
        const GptqBlockResult done =
            by_rows ? gptq_block_by_rows(block, grid, device) : gptq_block_by_columns(block, grid, device);
        walked.codes.slice(1, first, last).copy_(done.codes);
        walked.values.slice(1, first, last).copy_(done.values);
        squares.add_(sum_of(done.error.square()));
        if (last < columns)
            subtract_product(problem.weight.slice(1, last), done.error, upper.slice(0, first, last).slice(1, last));
    }
    walked.loss = squares.item<double>() / 2;
    return walked;
}

/// tr(dW H dW^T) / 2
double output_loss(const at::Tensor& difference, const at::Tensor& hessian) {
    return total(product(difference, hessian).mul_(difference)) / 2;
}

void check(const at::Tensor& weight, const at::Tensor& hessian, const TensorQuantizer& quantizer,
           const GptqOptions& options) {
    GRATICULE_ASSERT(weight.dim() == 2 && hessian.dim() == 2 && hessian.size(0) == weight.size(1) &&
                         hessian.size(1) == weight.size(1),
                     "the Hessian belongs to the weight's inputs");
    GRATICULE_ASSERT(options.block > 0, "a block has columns");
    const bool grouped = quantizer.layout(weight).columns_per_block < weight.size(1);
    if (grouped && options.act_order && !options.static_groups)
        throw Error(ErrorKind::unsupported,
                    "GPTQ's act-order scatters the columns of a group unless its scales are fixed beforehand; add "
                    "static groups, or use one scale per channel");
}

} // namespace

at::Tensor hessian_of(const at::Tensor& gram, std::int64_t sequences) {
    GRATICULE_ASSERT(sequences > 0, "a Hessian needs at least one sequence");
    return gram * (2.0 / static_cast<double>(sequences));
}

std::optional<UpdateRatio> update_ratio(const at::Tensor& hessian, double damping) {
    at::Tensor repaired = hessian.clone();
    (void)repair_dead(repaired);
    damp(repaired, damping);
    const at::Tensor upper = inverse_factor(repaired);
    return upper.defined() ? std::optional(update_ratio_of(upper)) : std::nullopt;
}

GptqResult gptq(const at::Tensor& weight, const at::Tensor& hessian, const TensorQuantizer& quantizer,
                const GptqOptions& options, const Device& device) {
    check(weight, hessian, quantizer, options);
    Problem problem = prepare(weight, hessian, options.act_order);
    GptqResult result;
    result.dead_columns = problem.dead;
    damp(problem.hessian, options.damping); // after the order was taken, as the reference
    const at::Tensor upper = inverse_factor(problem.hessian);
    Scales scales(weight, problem, quantizer, options, device);
    const at::Tensor original = problem.weight.clone();
    const auto unordered = [&](const at::Tensor& columns) {
        return problem.order.defined() ? columns.index_select(1, problem.inverse) : columns;
    };
    const QuantizedTensor nearest = quantize_to_nearest(unordered(original), quantizer, device);
    const at::Tensor plain_hessian =
        problem.order.defined() ? problem.hessian.index_select(0, problem.inverse).index_select(1, problem.inverse)
                                : problem.hessian;
    result.loss_nearest = output_loss(nearest.dequantized - unordered(original), plain_hessian);
    if (!upper.defined()) {
        result.cholesky_failed = true;
        result.failure = "the Hessian is not positive definite with damping " + std::to_string(options.damping) +
                         "; rounded to nearest instead: use more damping or more calibration tokens";
        result.rounded = nearest;
        result.loss = result.loss_nearest;
        return result;
    }
    result.update_ratio = update_ratio_of(upper);
    const Walked walked = walk(problem, upper, scales, quantizer.grid, options, device);
    result.rounded = {scales.params(), unordered(walked.codes).contiguous(), unordered(walked.values).contiguous()};
    result.loss = walked.loss;
    return result;
}

} // namespace graticule::solvers
