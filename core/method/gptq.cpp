#include "core/method/gptq.h"

#include <array>

#include "core/method/rtn.h"
#include "core/method/tensor_quantizer.h"

namespace graticule {

namespace {

/// Upper Cholesky factor of the inverse of `hessian`; undefined when it is not positive definite.
at::Tensor inverse_factor(const at::Tensor& hessian, double damping) {
    const at::Tensor diagonal = hessian.diagonal();
    const at::Tensor damped = hessian + at::diag(at::full_like(diagonal, damping * diagonal.mean().item<double>()));
    const auto [lower, failed] = at::linalg_cholesky_ex(damped);
    if (failed.item<int>() != 0) return {};
    const auto [upper, failed_again] = at::linalg_cholesky_ex(at::cholesky_inverse(lower), /*upper=*/true);
    if (failed_again.item<int>() != 0 || !at::isfinite(upper).all().item<bool>()) return {};
    return upper;
}

struct Columns {       ///< the weight while it is worked on: one row an input column, so that a column is contiguous
    at::Tensor weight; ///< (in, out)
    at::Tensor order;  ///< (in) original index of each row; undefined: as they are
};

/// Scale and zero point of every original column's group, for all rows.
struct GroupParams {
    std::int64_t group = 0; ///< columns that share parameters
    at::Tensor scale, zero; ///< (groups, out)
};

class Solver {
public:
    Solver(const WeightRequest& request, const at::Tensor& upper, Columns columns)
        : request_(request)
        , scheme_(*request.scheme.weight)
        , options_(weight_scale_options(scheme_, request.params))
        , upper_(upper)
        , columns_(std::move(columns))
        , in_(request.weight.size(1))
        , out_(request.weight.size(0)) {
        const bool grouped = scheme_.granularity.kind == Granularity::Kind::group;
        groups_.group = grouped ? scheme_.granularity.group_size : in_;
        static_ = !grouped || param<bool>(request.params, "static_groups") || columns_.order.defined();
    }

    Rounded solve(const at::Tensor& for_parameters) {
        const std::int64_t count = in_ / groups_.group;
        groups_.scale = at::empty({count, out_}, request_.weight.options());
        groups_.zero = at::empty({count, out_}, request_.weight.options());
        if (static_) find_static(for_parameters);
        codes_ = at::empty({in_, out_}, request_.weight.options().dtype(at::kByte));
        const std::int64_t block = param<std::int64_t>(request_.params, "block");
        for (std::int64_t first = 0; first < in_; first += block) run_block(first, std::min(first + block, in_));
        return finish();
    }

private:
    void find_static(const at::Tensor& weight) {
        const DeviceParams params = find_params(request_.device, weight, scheme_, options_);
        const at::Tensor scale = spread(params.scale, params.layout, out_, in_);
        const at::Tensor zero = spread(params.zero, params.layout, out_, in_);
        groups_.scale = scale.slice(1, 0, in_, groups_.group).t().contiguous();
        groups_.zero = zero.slice(1, 0, in_, groups_.group).t().contiguous();
    }

    /// As gptq 2d65066: from the weights outside the block's working copy, so a group that starts inside a block does
    /// not see the updates of that block.
    void find_dynamic(std::int64_t column) {
        const at::Tensor part = columns_.weight.slice(0, column, column + groups_.group).t().contiguous();
        const DeviceParams params = find_params(request_.device, part, scheme_, options_);
        groups_.scale.select(0, column / groups_.group).copy_(params.scale);
        groups_.zero.select(0, column / groups_.group).copy_(params.zero);
    }

    void run_block(std::int64_t first, std::int64_t last) {
        at::Tensor work = columns_.weight.slice(0, first, last).clone(); // (block, out)
        at::Tensor errors = at::empty_like(work);
        const CodeGrid& grid = scheme_.format->grid;
        for (std::int64_t column = first; column < last; ++column) {
            const std::int64_t i = column - first;
            if (!static_ && column % groups_.group == 0) find_dynamic(column);
            const std::int64_t original = order_.empty() ? column : order_[std::size_t(column)];
            const std::int64_t group = original / groups_.group;
            const DeviceParams params{{1, 1}, groups_.scale.select(0, group), groups_.zero.select(0, group)};
            const at::Tensor values = work.select(0, i).unsqueeze(1); // (out, 1)
            const at::Tensor codes = quantize_tensor(request_.device, values, grid, params);
            const at::Tensor rounded = dequantize_tensor(request_.device, codes, grid, params);
            codes_.select(0, column).copy_(codes.squeeze(1));
            const at::Tensor factors = upper_.select(0, column); // (in)
            const at::Tensor error = (values - rounded).squeeze(1) / factors.select(0, column);
            loss_ += error.square().sum(at::kDouble).item<double>() / 2;
            work.slice(0, i).addr_(factors.slice(0, column, last), error, 1, -1);
            errors.select(0, i).copy_(error);
        }
        if (last < in_)
            columns_.weight.slice(0, last).addmm_(upper_.slice(0, first, last).slice(1, last).t(), errors, 1, -1);
    }

    Rounded finish() {
        Rounded rounded;
        at::Tensor codes = codes_;
        if (columns_.order.defined()) codes = codes.index_select(0, at::argsort(columns_.order));
        rounded.codes = codes.t().contiguous();
        rounded.params.layout = layout_of(scheme_.granularity, out_, in_);
        const bool one = scheme_.granularity.kind == Granularity::Kind::tensor;
        rounded.params.scale = to_vector((one ? groups_.scale.slice(1, 0, 1) : groups_.scale).t().contiguous());
        rounded.params.zero = to_vector((one ? groups_.zero.slice(1, 0, 1) : groups_.zero).t().contiguous());
        rounded.loss = loss_;
        return rounded;
    }

public:
    std::vector<std::int64_t> order_; ///< `columns.order` on the host

private:
    const WeightRequest& request_;
    const TensorScheme& scheme_;
    ScaleOptions options_;
    at::Tensor upper_;
    Columns columns_;
    std::int64_t in_, out_;
    GroupParams groups_;
    at::Tensor codes_; ///< (in, out)
    bool static_ = true;
    double loss_ = 0;
};

/// 1/2 tr(E H E^T) with the damped Hessian, GPTQ's objective, of rounding to nearest.
double nearest_loss(const WeightRequest& request, const at::Tensor& hessian, double damping) {
    const DeviceParams params = find_params(request.device, request.weight, *request.scheme.weight,
                                            weight_scale_options(*request.scheme.weight, request.params));
    const at::Tensor error =
        fake_quantize_tensor(request.device, request.weight, request.scheme.weight->format->grid, params) -
        request.weight;
    const double undamped = (at::matmul(error, hessian) * error).sum(at::kDouble).item<double>();
    const double added = damping * hessian.diagonal().mean().item<double>();
    return (undamped + added * error.square().sum(at::kDouble).item<double>()) / 2;
}

} // namespace

bool Gptq::quantized_inputs(const ParamMap& params) const { return param<bool>(params, "quantized_inputs"); }

Rounded Gptq::round(const WeightRequest& request) const {
    at::Tensor hessian = request.gram() * (2.0 / double(std::max<std::int64_t>(1, request.sequences)));
    if (request.keep.defined()) { // kept columns are not rounded and must not take part
        const at::Tensor body = request.keep.logical_not().to(hessian.scalar_type());
        hessian = hessian * body.unsqueeze(0) * body.unsqueeze(1);
    }
    std::string note;
    const double damping = param<double>(request.params, "damp");
    const double loss_before = nearest_loss(request, hessian, damping);
    at::Tensor weight = request.weight;
    const at::Tensor dead = hessian.diagonal() == 0;
    if (const auto count = dead.sum().item<std::int64_t>(); count > 0 && !request.keep.defined()) {
        note = std::to_string(count) + " input channels never fired";
        // The published program zeroes their weights, which harms a text where they do fire; rounded to nearest by
        // default.
        if (param<std::string>(request.params, "mode") == "paper") {
            weight = weight.masked_fill(dead, 0);
            note += ", their weights set to zero";
        }
    }
    hessian = hessian + at::diag(dead.to(hessian.scalar_type()));

    Columns columns;
    if (param<bool>(request.params, "act_order")) {
        columns.order = at::argsort(hessian.diagonal(), 0, /*descending=*/true);
        hessian = hessian.index_select(0, columns.order).index_select(1, columns.order);
    }
    at::Tensor upper;
    constexpr std::array more{1.0, 10.0, 100.0};
    for (const double factor : more) {
        upper = inverse_factor(hessian, damping * factor);
        if (!upper.defined()) continue;
        if (factor > 1)
            note += (note.empty() ? "" : "; ") + std::string("damping raised to ") + to_text(damping * factor);
        break;
    }
    if (!upper.defined()) {
        Rounded nearest = RoundToNearest().round(request);
        nearest.note = request.linear.short_name +
                       ": the Hessian is not positive definite even with more damping, rounded to nearest; calibrate "
                       "on more samples";
        nearest.loss = nearest.loss_before = loss_before;
        return nearest;
    }
    columns.weight =
        (columns.order.defined() ? weight.index_select(1, columns.order) : weight).t().contiguous().clone();
    Solver solver(request, upper, columns);
    if (columns.order.defined()) {
        const at::Tensor order = columns.order.cpu().contiguous();
        solver.order_.assign(order.data_ptr<std::int64_t>(), order.data_ptr<std::int64_t>() + order.numel());
    }
    // Parameters that are fixed beforehand come from the weight before dead columns are zeroed when one scale covers
    // the row, and after it when there are groups, as in the published program.
    const bool grouped = request.scheme.weight->granularity.kind == Granularity::Kind::group;
    Rounded rounded = solver.solve(grouped ? weight : request.weight);
    rounded.loss_before = loss_before;
    rounded.note = note;
    return rounded;
}

} // namespace graticule
