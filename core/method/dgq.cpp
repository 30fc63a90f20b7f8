#include "core/method/dgq.h"

#include "core/method/dual_grain.h"

namespace graticule {

namespace {

constexpr double highest_code = 15;
constexpr double int8_max = 127;

struct FineGrain {
    at::Tensor scale, zero; ///< (out, groups)
    double loss = 0;        ///< sum over groups and channels of the groups' own output errors
};

/// Mean over tokens of (X e)^2 from X^T X / tokens.
at::Tensor group_losses(const at::Tensor& error, const at::Tensor& grams) {
    const at::Tensor by_group = error.transpose(0, 1);       // (groups, out, group)
    return (at::bmm(by_group, grams) * by_group).sum(2).t(); // (out, groups)
}

/// DGQ 141eef7: 20 ratios from 1.009 to 0.80; strictly smaller wins, so ties keep the wider range. `force_zero`: ranges
/// contain 0, so that zero points lie in the code range.
FineGrain search_groups(const at::Tensor& grouped, const at::Tensor& grams, bool force_zero) {
    constexpr int points = 20;
    at::Tensor low = grouped.amin(2), high = grouped.amax(2);
    if (force_zero) {
        low = low.clamp_max(0);
        high = high.clamp_min(0);
    }
    const at::Tensor empty = high <= low;
    low = low.masked_fill(empty, -1);
    high = high.masked_fill(empty, 1);
    FineGrain best;
    at::Tensor best_loss;
    for (int i = 0; i < points; ++i) {
        const double ratio = 1.02 - double(i + 1) / points * 0.22;
        const at::Tensor clamped = at::min(at::max(grouped, (low * ratio).unsqueeze(2)), (high * ratio).unsqueeze(2));
        const at::Tensor scale = (high - low) * ratio / highest_code;
        const at::Tensor zero = (-low * ratio / scale).round();
        const at::Tensor codes = ((clamped / scale.unsqueeze(2)).round() + zero.unsqueeze(2)).clamp(0, highest_code);
        const at::Tensor rounded = (codes - zero.unsqueeze(2)) * scale.unsqueeze(2);
        const at::Tensor loss = group_losses(rounded - grouped, grams);
        if (!best_loss.defined()) {
            best_loss = loss;
            best.scale = scale;
            best.zero = zero;
            continue;
        }
        const at::Tensor better = loss < best_loss;
        best_loss = at::where(better, loss, best_loss);
        best.scale = at::where(better, scale, best.scale);
        best.zero = at::where(better, zero, best.zero);
    }
    best.loss = best_loss.sum(at::kDouble).item<double>();
    return best;
}

/// Mean over tokens of the squared output error, one a channel.
at::Tensor channel_losses(const at::Tensor& error, const at::Tensor& gram) {
    const at::Tensor flat = error.reshape({error.size(0), -1});
    return (at::matmul(flat, gram) * flat).sum(1);
}

/// DGQ 141eef7: 80 ratios of the row's absolute maximum from 1.00975 to 0.20.
at::Tensor search_channels(const at::Tensor& grouped, const FineGrain& fine, const at::Tensor& gram) {
    constexpr int points = 80;
    const at::Tensor absmax = grouped.abs().amax({1, 2}).clamp_min(1e-12);
    at::Tensor best_loss, best_scale;
    for (int i = 0; i < points; ++i) {
        const double ratio = 1.02 - double(i + 1) / points * 0.82;
        const at::Tensor limit = absmax * ratio;
        const at::Tensor scale = limit / int8_max;
        const DualCodes codes = dual_codes(grouped, fine.scale, fine.zero, scale, limit);
        const at::Tensor loss = channel_losses(dual_values(codes, fine.zero, scale) - grouped, gram);
        if (!best_loss.defined()) {
            best_loss = loss;
            best_scale = scale;
            continue;
        }
        const at::Tensor better = loss < best_loss;
        best_loss = at::where(better, loss, best_loss);
        best_scale = at::where(better, scale, best_scale);
    }
    return best_scale;
}

Rounded round_groups(const at::Tensor& grouped, const FineGrain& fine, std::int64_t group) {
    Rounded rounded;
    const at::Tensor codes =
        ((grouped / fine.scale.unsqueeze(2)).round() + fine.zero.unsqueeze(2)).clamp(0, highest_code);
    rounded.codes = codes.reshape({grouped.size(0), -1}).to(at::kByte);
    rounded.params.layout = {1, group};
    rounded.params.scale = to_vector(fine.scale.flatten());
    rounded.params.zero = to_vector(fine.zero.flatten());
    return rounded;
}

} // namespace

Rounded Dgq::round(const WeightRequest& request) const {
    const Granularity granularity = request.scheme.weight->granularity;
    const std::int64_t rows = request.weight.size(0), columns = request.weight.size(1);
    const std::int64_t group = granularity.kind == Granularity::Kind::channel ? columns : granularity.group_size;
    const bool reference = param<std::string>(request.params, "mode") == "reference";
    at::Tensor gram;
    if (reference) { // the published program overwrites its captured input, so the last sample alone is searched on
        const std::int64_t tokens = request.inputs.size(0) / std::max<std::int64_t>(1, request.sequences);
        const at::Tensor last = request.inputs.slice(0, request.inputs.size(0) - tokens);
        gram = at::matmul(last.t(), last) / double(tokens);
    } else {
        gram = request.gram() / double(request.inputs.size(0));
    }
    if (request.keep.defined()) gram = gram.masked_fill(request.keep, 0).masked_fill(request.keep.unsqueeze(1), 0);
    const std::int64_t groups = columns / group;
    const at::Tensor grams =
        gram.view({groups, group, groups, group}).diagonal(0, 0, 2).permute({2, 0, 1}).contiguous();
    const at::Tensor grouped = request.weight.reshape({rows, groups, group});

    const FineGrain fine = search_groups(grouped, grams, !reference);
    const auto whole_loss = [&](const at::Tensor& values) {
        return channel_losses(values - grouped, gram).sum(at::kDouble).item<double>();
    };
    if (granularity.kind != Granularity::Kind::dual_grain) {
        Rounded rounded = round_groups(grouped, fine, group);
        const DeviceParams params = to_device(rounded.params, request.device);
        const at::Tensor values =
            dequantize_tensor(request.device, rounded.codes, request.scheme.weight->format->grid, params);
        rounded.loss = whole_loss(values.view(grouped.sizes()));
        rounded.note = "own loss of the groups " + to_text(fine.loss);
        return rounded;
    }
    const at::Tensor s1 = search_channels(grouped, fine, gram);
    const DualCodes codes = dual_codes(grouped, fine.scale, fine.zero, s1, s1 * int8_max);
    Rounded rounded = pack_dual(codes, fine.zero, s1, group);
    rounded.loss = whole_loss(dual_values(codes, fine.zero, s1));

    TensorScheme plain = *request.scheme.weight;
    plain.granularity = {Granularity::Kind::group, group};
    const Rounded nearest =
        round_dual_grain(request.device, request.weight,
                         find_params(request.device, request.weight, plain, scale_options(plain, false)));
    const at::Tensor before = dequantize_tensor(request.device, nearest.codes, request.scheme.weight->format->grid,
                                                to_device(nearest.params, request.device));
    rounded.loss_before = whole_loss(before.view(grouped.sizes()));
    return rounded;
}

} // namespace graticule
