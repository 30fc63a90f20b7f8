#include "core/method/dual_grain.h"

namespace graticule {

namespace {
constexpr double int8_max = 127;
constexpr double highest_code = 15;
} // namespace

DualCodes dual_codes(const at::Tensor& grouped_weight, const at::Tensor& fine_scale, const at::Tensor& zero,
                     const at::Tensor& s1, const at::Tensor& limit) {
    const at::Tensor group_scale = (fine_scale / s1.unsqueeze(1)).round().clamp(1, int8_max); // (out, groups)
    const at::Tensor reach = (int8_max / group_scale).floor();                                // L
    const at::Tensor low = (zero - reach).clamp_min(0).unsqueeze(2);
    const at::Tensor high = (zero + reach).clamp_max(highest_code).unsqueeze(2);
    const at::Tensor bound = limit.view({-1, 1, 1});
    const at::Tensor clamped = at::min(at::max(grouped_weight, -bound), bound);
    const at::Tensor step = (group_scale * s1.unsqueeze(1)).unsqueeze(2);
    const at::Tensor codes = at::min(at::max((clamped / step).round() + zero.unsqueeze(2), low), high);
    return {group_scale, codes};
}

at::Tensor dual_values(const DualCodes& codes, const at::Tensor& zero, const at::Tensor& s1) {
    return (codes.codes - zero.unsqueeze(2)) * codes.group_scale.unsqueeze(2) * s1.view({-1, 1, 1});
}

Rounded pack_dual(const DualCodes& codes, const at::Tensor& zero, const at::Tensor& s1, std::int64_t group) {
    Rounded rounded;
    rounded.codes = codes.codes.reshape({codes.codes.size(0), -1}).to(at::kByte);
    const at::Tensor int8 = ((codes.codes - zero.unsqueeze(2)) * codes.group_scale.unsqueeze(2)).abs().max();
    GRATICULE_ASSERT(int8.item<float>() <= int8_max, "the dual grain fits eight bits");
    rounded.params.layout = {1, group};
    rounded.params.scale = to_vector((codes.group_scale * s1.unsqueeze(1)).flatten());
    rounded.params.zero = to_vector(zero.flatten());
    rounded.params.channel_scale = to_vector(s1);
    for (const float scale : to_vector(codes.group_scale.flatten()))
        rounded.params.group_scale.push_back(std::int8_t(scale));
    return rounded;
}

Rounded round_dual_grain(const Device&, const at::Tensor& weight, const DeviceParams& fine) {
    const std::int64_t rows = weight.size(0), group = fine.layout.columns_per_block;
    const at::Tensor grouped = weight.reshape({rows, -1, group});
    const at::Tensor zero = fine.zero.view({rows, -1});
    const at::Tensor absmax = weight.abs().amax(1).clamp_min(1e-12);
    const at::Tensor s1 = absmax / int8_max;
    return pack_dual(dual_codes(grouped, fine.scale.view({rows, -1}), zero, s1, absmax), zero, s1, group);
}

} // namespace graticule
