#include "core/method/solvers/dgq.h"

#include "core/base/cancel_point.h"
#include "core/base/error.h"
#include "core/method/solvers/dgq_codes.h"
#include "core/method/solvers/fixed_sums.h"

namespace graticule::solvers {
namespace {

at::Tensor grouped(const at::Tensor& weight, std::int64_t group) {
    return weight.reshape({weight.size(0), -1, group}); // (out, groups, group)
}

/// The diagonal blocks of a Gram matrix: (groups, group, group).
at::Tensor diagonal_blocks(const at::Tensor& gram, std::int64_t group) {
    const std::int64_t groups = gram.size(0) / group;
    return gram.reshape({groups, group, groups, group}).diagonal(0, 0, 2).permute({2, 0, 1}).contiguous();
}

void check(const at::Tensor& weight, const at::Tensor& gram, std::int64_t group) {
    GRATICULE_ASSERT(weight.dim() == 2 && group > 0 && weight.size(1) % group == 0, "groups divide the inputs");
    GRATICULE_ASSERT(gram.dim() == 2 && gram.size(0) == weight.size(1),
                     "the Gram matrix belongs to the weight's inputs");
}

} // namespace

BlockParams DualGrain::params() const {
    const at::Tensor channel = channel_scale.unsqueeze(1);
    return {{1, group}, group_scale * channel, zero, row_of(Coding::i8).numbers, {1, codes.size(1)}, channel};
}

at::Tensor row_losses(const at::Tensor& difference, const at::Tensor& gram) {
    return product(difference, gram).mul_(difference).sum(1);
}

DgqGroups dgq_phase1(const at::Tensor& weight, const at::Tensor& gram, std::int64_t group, const DgqOptions& options) {
    check(weight, gram, group);
    const double top = options.levels - 1;
    const at::Tensor plain = grouped(weight, group);
    const at::Tensor by_group = plain.transpose(0, 1); // (groups, out, group)
    const at::Tensor blocks = diagonal_blocks(gram, group);
    at::Tensor low = plain.amin(2).clamp_max(0), high = plain.amax(2).clamp_min(0); // (out, groups)
    const at::Tensor empty = low.eq(high);
    low = low.masked_fill(empty, -1);
    high = high.masked_fill(empty, 1);
    const at::Tensor zero = (-low / ((high - low) / top)).round().clamp(0, top);
    DgqGroups best{group, {}, zero, {}};
    at::Tensor least;
    for (int i = 0; i < options.phase1_steps; ++i) {
        cancel_point();
        const double ratio = dgq_ratio(i, options.phase1_steps, options.phase1_span);
        const at::Tensor scale = (high - low) * ratio / top;
        const at::Tensor limited =
            at::minimum(at::maximum(plain, (low * ratio).unsqueeze(2)), (high * ratio).unsqueeze(2));
        const at::Tensor codes = (limited / scale.unsqueeze(2)).round().add_(zero.unsqueeze(2)).clamp_(0, top);
        const at::Tensor difference =
            (codes.sub_(zero.unsqueeze(2)).mul_(scale.unsqueeze(2)) - plain).transpose(0, 1).contiguous();
        const at::Tensor loss = products(difference, blocks).mul_(difference).sum(2).t(); // (out, groups)
        if (i == 0) {
            least = loss;
            best.scale = scale;
            continue;
        }
        const at::Tensor better = loss < least;
        least = at::where(better, loss, least);
        best.scale = at::where(better, scale, best.scale);
    }
    best.loss = least.sum(1);
    return best;
}

DualCodes dual_codes(const at::Tensor& grouped_weight, const DgqGroups& groups, const at::Tensor& s1,
                     const at::Tensor& limit, int levels) {
    const at::Tensor group_scale = (groups.scale / s1.unsqueeze(1)).round().clamp(1, int8_limit);
    const at::Tensor reach = at::floor(int8_limit / group_scale); // of q - z
    const at::Tensor high = at::minimum((levels - 1) - groups.zero, reach).unsqueeze(2);
    const at::Tensor low = at::maximum(-groups.zero, -reach).unsqueeze(2);
    const at::Tensor bound = limit.view({-1, 1, 1});
    const at::Tensor limited = at::minimum(at::maximum(grouped_weight, -bound), bound);
    const at::Tensor step = (group_scale * s1.unsqueeze(1)).unsqueeze(2);
    return {group_scale, at::minimum(at::maximum((limited / step).round(), low), high)};
}

DualGrain make_dual_grain(const DualCodes& codes, const DgqGroups& groups, const at::Tensor& s1) {
    const at::Tensor expanded = codes.centred * codes.group_scale.unsqueeze(2); // the INT8 operand
    GRATICULE_ASSERT(expanded.abs().max().item<float>() <= int8_limit, "the dual grain fits eight bits");
    DualGrain result;
    result.group = groups.group;
    result.codes = (codes.centred + groups.zero.unsqueeze(2)).reshape({s1.size(0), -1}).to(at::kByte);
    result.zero = groups.zero.to(at::kFloat);
    result.group_scale = codes.group_scale.to(at::kFloat);
    result.channel_scale = s1.to(at::kFloat);
    result.dequantized = (expanded * s1.view({-1, 1, 1})).reshape({s1.size(0), -1}).to(at::kFloat);
    return result;
}

DualGrain with_coded_channels(DualGrain found, const ScaleCoding& coding) {
    if (coding == float32_coding) return found;
    at::Tensor coded = found.channel_scale.cpu().contiguous().clone();
    float* scale = coded.data_ptr<float>();
    for (std::int64_t row = 0; row < coded.numel(); ++row) scale[row] = round_to_coding(scale[row], coding);
    found.channel_scale = coded.to(found.channel_scale.device());
    const at::Tensor centred = grouped(found.codes.to(at::kFloat), found.group) - found.zero.unsqueeze(2);
    const at::Tensor step = (found.group_scale * found.channel_scale.unsqueeze(1)).unsqueeze(2);
    found.dequantized = (centred * step).reshape(found.codes.sizes());
    return found;
}

DualGrain search_channel_scale(const at::Tensor& weight, const DgqGroups& groups, const DgqOptions& options,
                               const RowLosses& losses) {
    const at::Tensor plain = grouped(weight, groups.group);
    const at::Tensor absmax = weight.abs().amax(1);
    const at::Tensor reach = absmax.masked_fill(absmax.eq(0), 1); // a row of zeros: any scale will do
    at::Tensor best_scale, least;
    for (int i = 0; i < options.phase2_steps; ++i) {
        cancel_point();
        const at::Tensor limit = reach * dgq_ratio(i, options.phase2_steps, options.phase2_span);
        const at::Tensor s1 = limit / int8_limit;
        const DualCodes codes = dual_codes(plain, groups, s1, limit, options.levels);
        const at::Tensor step = (codes.group_scale * s1.unsqueeze(1)).unsqueeze(2);
        const at::Tensor loss = losses((codes.centred * step).reshape(weight.sizes()));
        if (i == 0) {
            least = loss;
            best_scale = s1;
            continue;
        }
        const at::Tensor better = loss < least;
        least = at::where(better, loss, least);
        best_scale = at::where(better, s1, best_scale);
    }
    const DualCodes codes = dual_codes(plain, groups, best_scale, best_scale * int8_limit, options.levels);
    return make_dual_grain(codes, groups, best_scale);
}

DualGrain dgq_phase2(const at::Tensor& weight, const at::Tensor& gram, const DgqGroups& groups,
                     const DgqOptions& options) {
    check(weight, gram, groups.group);
    DualGrain result = search_channel_scale(
        weight, groups, options, [&](const at::Tensor& rounded) { return row_losses(rounded - weight, gram); });
    result.loss = row_losses(result.dequantized - weight, gram);
    return result;
}

DualGrain round_to_dual_grain(const at::Tensor& weight, const BlockParams& params, const at::Tensor& gram,
                              const DgqOptions& options) {
    const DgqGroups groups{params.layout.columns_per_block, params.scale, params.zero, {}};
    const at::Tensor absmax = weight.abs().amax(1);
    const at::Tensor limit = absmax.masked_fill(absmax.eq(0), 1);
    const at::Tensor s1 = limit / int8_limit;
    DualGrain result =
        make_dual_grain(dual_codes(grouped(weight, groups.group), groups, s1, limit, options.levels), groups, s1);
    if (gram.defined()) result.loss = row_losses(result.dequantized - weight, gram);
    return result;
}

} // namespace graticule::solvers
