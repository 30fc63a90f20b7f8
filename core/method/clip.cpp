#include "core/method/clip.h"

#include <algorithm>
#include <cstdio>

#include "core/method/rtn.h"
#include "core/method/tensor_quantizer.h"

namespace graticule {

namespace {

std::string percent_text(double share) {
    char text[16];
    std::snprintf(text, sizeof text, "%.1f %%", 100 * share);
    return text;
}

std::int64_t group_columns(const TensorScheme& scheme, std::int64_t columns) {
    const auto kind = scheme.granularity.kind;
    const bool grouped = kind == Granularity::Kind::group || kind == Granularity::Kind::dual_grain;
    return grouped ? scheme.granularity.group_size : columns;
}

/// (tokens, in) to (groups, tokens, group).
at::Tensor by_group(const at::Tensor& x, std::int64_t group) {
    return x.view({x.size(0), -1, group}).transpose(0, 1).contiguous();
}

/// The weight scheme with one scale a row, or a group of it: the dual grain is searched in its fine grain.
TensorScheme plain_scheme(const TensorScheme& scheme, std::int64_t group) {
    TensorScheme plain = scheme;
    if (scheme.granularity.kind == Granularity::Kind::dual_grain) plain.granularity = {Granularity::Kind::group, group};
    return plain;
}

} // namespace

bool OutputClip::applies(Role role, const ParamMap& params) const {
    const bool query_or_key = role == Role::q || role == Role::k;
    return !(query_or_key && param<bool>(params, "skip_qk"));
}

at::Tensor OutputClip::clip(const WeightRequest& request, std::string& note) const {
    const std::int64_t rows = request.weight.size(0), columns = request.weight.size(1);
    const std::int64_t group = group_columns(*request.scheme.weight, columns);
    const TensorScheme scheme = plain_scheme(*request.scheme.weight, group);
    const std::int64_t stride =
        std::max<std::int64_t>(1, request.inputs.size(0) / param<std::int64_t>(request.params, "tokens"));
    const at::Tensor sampled = request.inputs.slice(0, 0, request.inputs.size(0), stride).contiguous();
    at::Tensor seen = sampled;
    const auto& input = request.scheme.input;
    if (input && input->dynamic && param<bool>(request.params, "quantize_inputs"))
        seen = fake_quantize_input(request.device, sampled, *input);
    const at::Tensor exact = by_group(sampled, group), quantized = by_group(seen, group);

    const std::int64_t points = param<std::int64_t>(request.params, "grid");
    const auto steps = std::int64_t(param<double>(request.params, "shrink") * double(points));
    // (groups, tokens, rows) is the largest intermediate; rows are taken in parts to bound it.
    constexpr std::int64_t largest = 16 << 20;
    const std::int64_t part = std::clamp<std::int64_t>(largest / (exact.size(0) * exact.size(1)), 1, rows);
    std::vector<at::Tensor> clipped_parts;
    std::int64_t narrowed = 0;
    for (std::int64_t first = 0; first < rows; first += part) {
        const at::Tensor weight = request.weight.slice(0, first, std::min(first + part, rows));
        const at::Tensor grouped = weight.reshape({weight.size(0), -1, group});
        const at::Tensor absmax = grouped.abs().amax(2, true); // (rows, groups, 1)
        const auto output = [](const at::Tensor& x, const at::Tensor& w) {
            return at::bmm(x, w.permute({1, 2, 0})); // (groups, tokens, rows)
        };
        const at::Tensor expected = output(exact, grouped);
        at::Tensor best_error, best = absmax;
        for (std::int64_t i = 0; i < std::max<std::int64_t>(1, steps); ++i) {
            const at::Tensor limit = absmax * (1 - double(i) / double(points));
            const at::Tensor tried = at::min(at::max(grouped, -limit), limit).reshape(weight.sizes());
            const at::Tensor rounded = fake_quantize_weight(request.device, tried, scheme).reshape(grouped.sizes());
            const at::Tensor error = (output(quantized, rounded) - expected).square().mean(1).t().unsqueeze(2);
            if (!best_error.defined()) {
                best_error = error;
                continue;
            }
            const at::Tensor better = error < best_error;
            best = at::where(better, limit, best);
            best_error = at::where(better, error, best_error);
        }
        narrowed += (best < absmax).sum().item<std::int64_t>();
        clipped_parts.push_back(at::min(at::max(grouped, -best), best).reshape(weight.sizes()));
    }
    note += (note.empty() ? "" : "; ") + std::string("range narrowed in ") +
            percent_text(double(narrowed) / double(rows * (columns / group))) + " of the groups";
    return at::cat(clipped_parts);
}

at::Tensor MseClip::clip(const WeightRequest& request, std::string& note) const {
    const std::int64_t rows = request.weight.size(0), columns = request.weight.size(1);
    const TensorScheme scheme = plain_scheme(*request.scheme.weight, group_columns(*request.scheme.weight, columns));
    const double norm = param<double>(request.params, "norm");
    const std::int64_t points = param<std::int64_t>(request.params, "grid");
    const auto steps = std::int64_t(param<double>(request.params, "shrink") * double(points));
    ScaleOptions options = scale_options(scheme, false);
    const BlockLayout layout = layout_of(scheme.granularity, rows, columns);
    const auto blocks = [&](const at::Tensor& x) { // (down, across, values)
        return x
            .view({layout.blocks_down(rows), layout.rows_per_block, layout.blocks_across(columns),
                   layout.columns_per_block})
            .permute({0, 2, 1, 3})
            .reshape({layout.blocks_down(rows), layout.blocks_across(columns), -1});
    };
    at::Tensor best_error, best_ratio;
    for (std::int64_t i = 0; i < std::max<std::int64_t>(1, steps); ++i) {
        const double ratio = 1 - double(i) / double(points);
        options.clip_ratio = float(ratio);
        const DeviceParams params = find_params(request.device, request.weight, scheme, options);
        const at::Tensor rounded = fake_quantize_tensor(request.device, request.weight, scheme.format->grid, params);
        const at::Tensor error = blocks((rounded - request.weight).abs().pow(norm)).sum(2);
        if (!best_error.defined()) {
            best_error = error;
            best_ratio = at::ones_like(error);
            continue;
        }
        const at::Tensor better = error < best_error;
        best_ratio = at::where(better, at::full_like(best_ratio, ratio), best_ratio);
        best_error = at::where(better, error, best_error);
    }
    const at::Tensor grouped = blocks(request.weight);
    at::Tensor high = grouped.amax(2).clamp_min(0), low = grouped.amin(2).clamp_max(0);
    if (scheme.symmetric) {
        high = at::max(high, -low);
        low = -high;
    }
    high = spread((high * best_ratio).flatten(), layout, rows, columns);
    low = spread((low * best_ratio).flatten(), layout, rows, columns);
    note += (note.empty() ? "" : "; ") + std::string("range narrowed in ") +
            percent_text((best_ratio < 1).to(at::kFloat).mean().item<double>()) + " of the blocks";
    return at::min(at::max(request.weight, low), high);
}

} // namespace graticule
