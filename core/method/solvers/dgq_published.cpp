#include "core/method/solvers/dgq_published.h"

#include "core/base/cancel_point.h"
#include "core/base/error.h"
#include "core/method/solvers/dgq_codes.h"
#include "core/method/solvers/fixed_sums.h"

namespace graticule::solvers {
namespace {

at::ScalarType type_of(DgqArithmetic arithmetic) {
    return arithmetic == DgqArithmetic::bfloat16 ? at::kBFloat16 : at::kFloat;
}

/// X W^T with sums in float32 and the result rounded to the operands' type: what a bfloat16 product is on every device,
/// without depending on how fast a CPU is at it.
at::Tensor outputs_of(const at::Tensor& inputs, const at::Tensor& weight) {
    return product(inputs.to(at::kFloat), weight.to(at::kFloat).t()).to(inputs.scalar_type());
}

/// Mean over tokens of the squared difference of two outputs, (out).
at::Tensor mean_square(const at::Tensor& a, const at::Tensor& b) { return (a - b).square().mean(0); }

struct Group {
    at::Tensor scale, zero, loss; ///< (out)
};

Group search_group(const at::Tensor& weight, const at::Tensor& inputs, const DgqOptions& options) {
    const double top = options.levels - 1;
    at::Tensor low = weight.amin(1).clamp_max(0), high = weight.amax(1).clamp_min(0);
    const at::Tensor empty = low.eq(high);
    low = low.masked_fill(empty, -1);
    high = high.masked_fill(empty, 1);
    const at::Tensor exact = outputs_of(inputs, weight);
    at::Tensor limited = weight;
    Group best;
    for (int i = 0; i < options.phase1_steps; ++i) {
        const double ratio = dgq_ratio(i, options.phase1_steps, options.phase1_span);
        const at::Tensor narrow_low = low * ratio, narrow_high = high * ratio;
        limited = at::minimum(at::maximum(limited, narrow_low.unsqueeze(1)), narrow_high.unsqueeze(1));
        const at::Tensor scale = (narrow_high - narrow_low) / top;
        const at::Tensor zero = (-narrow_low / scale).round().clamp(0, top);
        const at::Tensor codes = ((limited / scale.unsqueeze(1)).round() + zero.unsqueeze(1)).clamp(0, top);
        const at::Tensor rounded = (codes - zero.unsqueeze(1)) * scale.unsqueeze(1);
        const at::Tensor loss = mean_square(exact, outputs_of(inputs, rounded));
        if (i == 0) {
            best = {scale, zero, loss};
            continue;
        }
        const at::Tensor better = loss < best.loss;
        best.loss = at::where(better, loss, best.loss);
        best.scale = at::where(better, scale, best.scale);
        best.zero = at::where(better, zero, best.zero);
    }
    return best;
}

/// Phase 1 in the type of the operands.
DgqGroups phase1(const at::Tensor& weight, const at::Tensor& inputs, std::int64_t group, const DgqOptions& options) {
    std::vector<at::Tensor> scales, zeros, losses;
    for (std::int64_t start = 0; start < weight.size(1); start += group) {
        cancel_point();
        const Group found = search_group(weight.slice(1, start, start + group).contiguous(),
                                         inputs.slice(1, start, start + group).contiguous(), options);
        scales.push_back(found.scale);
        zeros.push_back(found.zero);
        losses.push_back(found.loss);
    }
    return {group, at::stack(scales, 1), at::stack(zeros, 1), at::stack(losses, 1).to(at::kFloat).sum(1)};
}

} // namespace

DgqGroups dgq_published_phase1(const at::Tensor& weight, const at::Tensor& last_sample, std::int64_t group,
                               const DgqOptions& options, DgqArithmetic arithmetic) {
    const at::ScalarType type = type_of(arithmetic);
    DgqGroups groups = phase1(weight.to(type), last_sample.to(type), group, options);
    groups.scale = groups.scale.to(at::kFloat);
    groups.zero = groups.zero.to(at::kFloat);
    return groups;
}

DualGrain dgq_published(const at::Tensor& weight, const at::Tensor& last_sample, std::int64_t group,
                        const DgqOptions& options, DgqArithmetic arithmetic) {
    GRATICULE_ASSERT(last_sample.dim() == 2 && last_sample.size(1) == weight.size(1), "inputs belong to the weight");
    const at::ScalarType type = type_of(arithmetic);
    const at::Tensor typed = weight.to(type), inputs = last_sample.to(type);
    const DgqGroups groups = phase1(typed, inputs, group, options);
    const at::Tensor exact = outputs_of(inputs, typed);
    DualGrain result = search_channel_scale(typed, groups, options, [&](const at::Tensor& rounded) {
        return mean_square(exact, outputs_of(inputs, rounded));
    });
    result.loss = row_losses(result.dequantized - weight, mean_gram(last_sample));
    return result;
}

} // namespace graticule::solvers
