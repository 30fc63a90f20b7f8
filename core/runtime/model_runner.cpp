#include "core/runtime/model_runner.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <numeric>
#include <utility>

#include "core/runtime/model_runner_impl.h"
#include "core/runtime/transfers.h"

namespace graticule {

namespace {

SideWeights side_of(const std::shared_ptr<const QuantizedModel>& quantized) {
    return quantized ? SideWeights{quantized_weights(quantized), summary_line(quantized->recipe)}
                     : SideWeights{stored_weights()};
}

/// By side, (sides, rows): see SideStates::state_errors. Token by token, because the first ones of a text may have
/// states a thousand times as long as all others.
at::Tensor state_errors(const std::vector<at::Tensor>& sides) {
    const at::Tensor& first = sides.front(); // (rows, tokens, hidden)
    const at::Tensor squares = first.square().sum(-1, false, at::kDouble).clamp_min_(1e-300);
    std::vector<at::Tensor> errors;
    for (const at::Tensor& side : sides)
        errors.push_back(((side - first).square_().sum(-1, false, at::kDouble) / squares).mean(-1));
    return at::stack(errors);
}

} // namespace

std::vector<ModelRunner::Impl::PartStates> ModelRunner::Impl::through_blocks(std::span<const Part> parts, bool keep,
                                                                             bool more, JobContext& ctx,
                                                                             bool watch_errors) {
    std::vector<PartStates> hidden;
    for (const Part& part : parts) {
        PartStates& states = hidden.emplace_back();
        for (std::size_t side = 0; side < sides.size(); ++side)
            states.sides.push_back(goes_on(side) ? sides[side]->decoder.embed(part) : at::Tensor());
    }
    for (const Block& block : decoder.model().blocks()) {
        const auto loaded = next_block(block.id, keep, more);
        for (PartStates& states : hidden) {
            for (std::size_t side = 0; side < sides.size(); ++side) {
                at::Tensor& state = states.sides[side];
                state = goes_on(side) ? sides[side]->decoder.forward(block.id, loaded->at(side), state) : at::Tensor();
                ctx.check_cancelled();
            }
            if (watch_errors) states.errors.push_back(state_errors(states.sides));
        }
    }
    return hidden;
}

void ModelRunner::Impl::refuse_overflow(std::size_t of, Window window, const std::string& what) {
    const Side& side = *sides.at(of);
    loader.reset();
    side.decoder.verify_parameters();
    std::string place = "behind the last block";
    at::Tensor hidden = side.decoder.embed(std::span(&window, 1));
    for (const Block& block : decoder.model().blocks()) {
        hidden = side.decoder.forward(block.id, next_block(block.id, false)->at(of), hidden);
        if (all_finite(hidden)) continue;
        place = "in block " + std::to_string(index_of(block.id));
        break;
    }
    const bool quantized = !side.recipe.empty();
    throw Error(ErrorKind::bad_input, decoder.model().parts().path.string() + ": " + what + " not finite" +
                                          (quantized && sides.size() > 1 ? " under " + side.recipe : "") +
                                          ": every parameter is, but " + place + " a value leaves the range of " +
                                          std::string(to_text(execution.compute)) +
                                          "; the weights are not those of a working model" +
                                          (quantized ? ", or its inputs are quantized too coarsely" : ""));
}

ModelRunner::ModelRunner(std::shared_ptr<const Model> model, std::shared_ptr<const QuantizedModel> quantized,
                         Device device, RunnerOptions options)
    : ModelRunner(std::move(model), std::span(&quantized, 1), std::move(device), options) {}

ModelRunner::ModelRunner(std::shared_ptr<const Model> model,
                         std::span<const std::shared_ptr<const QuantizedModel>> sides, Device device,
                         RunnerOptions options) {
    std::vector<SideWeights> weights;
    for (const auto& side : sides) weights.push_back(side_of(side));
    impl_ = std::make_unique<Impl>(model, std::move(weights), std::move(device), options);
}

ModelRunner::ModelRunner(std::shared_ptr<const Model> model, std::shared_ptr<const WeightSource> weights, Device device,
                         RunnerOptions options)
    : impl_(std::make_unique<Impl>(model, std::vector{SideWeights{std::move(weights)}}, std::move(device), options)) {}

ModelRunner::~ModelRunner() = default;

const Execution& ModelRunner::execution() const { return impl_->execution; }

bool ModelRunner::out_of_range(std::size_t side) const { return impl_->sides.at(side)->out_of_range; }

std::int64_t ModelRunner::smaller_products() const { return impl_->ran_out ? impl_->options.product_tokens : 0; }

std::vector<KernelUse> ModelRunner::kernels(std::size_t side) const { return impl_->sides.at(side)->kernels.list(); }

HostTensor ModelRunner::logits(std::span<const Window> rows, JobContext& ctx) {
    GRATICULE_ASSERT(!rows.empty(), "no rows");
    impl_->check_one_side();
    impl_->check_all_stay();
    return translate_torch_errors("computing logits on " + impl_->device.name(), [&] {
        const TorchScope scope(impl_->device);
        std::vector<at::Tensor> parts;
        std::size_t done = 0;
        for (const auto& hidden : impl_->through_blocks(impl_->parts_of(rows), false, false, ctx)) {
            const at::Tensor& part = parts.emplace_back(impl_->decoder.logits(hidden.sides.front()).cpu());
            for (std::int64_t i = 0; i < part.size(0); ++i, ++done)
                if (!all_finite(part[i]))
                    impl_->refuse_overflow(0, rows[done], "the logits of row " + std::to_string(done + 1) + " are");
        }
        impl_->decoder.verify_parameters();
        return to_host(at::cat(parts));
    });
}

/// Waves of rows pass block after block. On a card what is measured of one wave is waited for when the next has been
/// queued, so that the card never waits for the host.
void ModelRunner::Impl::measure_from(std::span<const Window> rows, std::size_t& done, JobContext& ctx,
                                     const Measure& measure, const Report& report, bool watch_errors) {
    budget_memory(rows);
    const std::vector<Part> all = parts_of(rows.subspan(done));
    std::deque<Arrival> arriving;
    const auto report_next = [&] {
        const at::Tensor& measured = arriving.front().wait();
        report(done, measured);
        arriving.pop_front();
        ++done;
        ctx.check_cancelled();
    };
    for (std::span<const Part> left(all); !left.empty();) {
        const std::span<const Part> wave = left.first(wave_of(left, ctx));
        // A card's memory is there to be filled: blocks that fit stay for the next call too. A CPU has them in its
        // files.
        const bool more = wave.size() < left.size(), keep = more || left.size() < all.size() || device.is_cuda();
        left = left.subspan(wave.size());
        const std::size_t earlier = arriving.size();
        std::vector<PartStates> hidden = through_blocks(wave, keep, more, ctx, watch_errors);
        for (std::size_t i = 0; i < wave.size(); ++i) {
            for (std::size_t row = 0; row < wave[i].size(); ++row) {
                std::vector<SideStates> states;
                at::Tensor errors; // (sides, blocks) of this row
                if (watch_errors) errors = at::stack(hidden[i].errors, 1).select(2, static_cast<std::int64_t>(row));
                for (std::size_t side = 0; side < sides.size(); ++side)
                    states.push_back({&sides[side]->decoder,
                                      hidden[i].sides[side].defined()
                                          ? hidden[i].sides[side].narrow(0, static_cast<std::int64_t>(row), 1)
                                          : at::Tensor(),
                                      watch_errors ? errors[static_cast<std::int64_t>(side)] : at::Tensor()});
                arriving.emplace_back(measure(states, done + arriving.size()));
                if (!device.is_cuda()) report_next();
            }
            hidden[i] = {};
        }
        for (std::size_t i = 0; i < earlier; ++i) report_next();
    }
    while (!arriving.empty()) report_next();
    decoder.verify_parameters(); // of all sides, which share what loads them
}

void ModelRunner::Impl::measure_rows(std::span<const Window> rows, const std::string& what, JobContext& ctx,
                                     const Measure& measure, const Report& report, bool watch_errors,
                                     std::size_t from) {
    std::size_t done = from;
    twice_if_needed(
        ctx,
        [&] {
            return "evaluating " + what + " " + std::to_string(done + 1) + " of " + std::to_string(rows.size()) +
                   " on " + device.name();
        },
        [&](bool) {
            if (done < rows.size()) measure_from(rows, done, ctx, measure, report, watch_errors);
        });
}

void ModelRunner::Impl::twice_if_needed(JobContext& ctx, const std::function<std::string()>& what,
                                        const std::function<void(bool smaller)>& pass) {
    const auto attempt = [&](bool smaller) {
        const TorchScope scope(device);
        try {
            pass(smaller);
        } catch (...) {
            rethrow_as_error(what());
        }
    };
    try {
        attempt(false);
    } catch (const Error& error) {
        if (error.info().kind != ErrorKind::out_of_memory) throw;
        halve_products();
        ran_out = true;
        ctx.log("out of memory on " + device.name() + "; once more with " + std::to_string(options.product_tokens) +
                " tokens per product, so the last digits of later results may differ");
        attempt(true);
    }
}

void ModelRunner::Impl::check_losses(std::span<const double> losses, std::size_t window, Window ids) {
    for (std::size_t side = 0; side < losses.size(); ++side)
        if (!std::isfinite(losses[side]) && !sides[side]->left)
            refuse_overflow(side, ids, "the loss of window " + std::to_string(window + 1) + " is");
}

void ModelRunner::window_losses(std::span<const Window> windows, std::int64_t first, JobContext& ctx,
                                const std::function<void(std::span<const double> losses)>& on_losses,
                                std::size_t from) {
    impl_->measure_rows(
        windows, "window", ctx,
        [&](std::span<const SideStates> sides, std::size_t window) {
            std::vector<at::Tensor> losses, squares;
            const Window targets = windows[window].subspan(static_cast<std::size_t>(first));
            const auto none = at::full({}, std::numeric_limits<double>::quiet_NaN(),
                                       at::TensorOptions(at::kDouble).device(torch_device(impl_->device)));
            for (const SideStates& side : sides) {
                const bool there = side.hidden.defined();
                losses.push_back(there ? mean_loss(side, first - 1, targets) : none);
                squares.push_back(there ? side.hidden.square().amax().to(at::kDouble) : none);
            }
            return at::stack({at::stack(losses), at::stack(squares)});
        },
        [&](std::size_t window, const at::Tensor& measured) {
            const std::size_t count = impl_->sides.size();
            const std::span<const double> losses(measured.const_data_ptr<double>(), count);
            for (std::size_t side = 0; side < count; ++side)
                if (std::isinf(losses.data()[count + side])) impl_->sides[side]->out_of_range = true;
            impl_->check_losses(losses, window, windows[window]);
            on_losses(losses);
        },
        false, from);
}

void ModelRunner::leave_out(std::function<bool(std::size_t side)> left) { impl_->left_out = std::move(left); }

namespace {

/// Of `predict`, on the host.
std::vector<TokenPredictions> predictions_of(const at::Tensor& measured, std::span<const std::int32_t> targets) {
    std::vector<TokenPredictions> sides(static_cast<std::size_t>(measured.size(0)));
    const auto* values = measured.const_data_ptr<double>();
    const std::size_t count = targets.size(), columns = static_cast<std::size_t>(measured.size(1));
    for (TokenPredictions& side : sides) {
        for (std::size_t i = 0; i < count; ++i)
            side.push_back({targets[i], static_cast<std::int32_t>(values[count + i]), static_cast<float>(values[i]),
                            static_cast<float>(values[2 * count + i])});
        values += columns * count;
    }
    return sides;
}

std::vector<std::vector<LikelyToken>> likely_of(const at::Tensor& measured) {
    const std::int64_t likely = (measured.size(1) - 3) / 2, tokens = measured.size(2);
    std::vector<std::vector<LikelyToken>> sides;
    for (std::int64_t side = 0; side < measured.size(0); ++side) {
        const auto* ids = measured[side].const_data_ptr<double>() + 3 * tokens;
        const auto* probabilities = ids + likely * tokens;
        auto& all = sides.emplace_back();
        for (std::int64_t i = 0; i < tokens; ++i)
            for (std::int64_t rank = 0; rank < likely; ++rank)
                all.push_back({static_cast<std::int32_t>(ids[rank * tokens + i]),
                               static_cast<float>(probabilities[rank * tokens + i])});
    }
    return sides;
}

} // namespace

void ModelRunner::window_predictions(std::span<const Window> windows, std::int64_t first, std::int64_t likely,
                                     JobContext& ctx, const std::function<void(WindowPredictions&&)>& on_window) {
    impl_->check_all_stay();
    const auto targets = [&](std::size_t window) { return windows[window].subspan(static_cast<std::size_t>(first)); };
    impl_->measure_rows(
        windows, "window", ctx,
        [&](std::span<const SideStates> sides, std::size_t window) {
            std::vector<at::Tensor> parts = {predict(sides, first - 1, targets(window), likely).flatten()};
            for (const SideStates& side : sides) parts.push_back(side.state_errors);
            return at::cat(parts); // what waits for a card is one tensor
        },
        [&](std::size_t window, const at::Tensor& all) {
            WindowPredictions result;
            const std::int64_t scored = std::ssize(targets(window)), sides = std::ssize(impl_->sides);
            const std::int64_t columns = 3 + 2 * likely;
            const at::Tensor measured = all.narrow(0, 0, sides * columns * scored).view({sides, columns, scored});
            const auto blocks = static_cast<std::int64_t>(impl_->block_count());
            const auto* errors = all.const_data_ptr<double>() + measured.numel();
            for (std::int64_t side = 0; side < sides; ++side, errors += blocks)
                result.state_errors.emplace_back(errors, errors + blocks);
            // Sums of numbers of 24 bits in 53: exact, in whatever order.
            for (std::int64_t side = 0; side < measured.size(0); ++side)
                result.losses.push_back(measured[side][0].mean().item<double>());
            impl_->check_losses(result.losses, window, windows[window]);
            result.sides = predictions_of(measured, targets(window));
            result.likely = likely_of(measured);
            on_window(std::move(result));
        },
        true);
}

void ModelRunner::score(
    std::span<const ScoreRequest> requests, JobContext& ctx,
    const std::function<void(std::size_t request, std::span<const TokenPredictions> sides)>& on_scores) {
    impl_->check_all_stay();
    for (const ScoreRequest& request : requests)
        if (request.first < 1 || std::cmp_greater_equal(request.first, request.tokens.size()))
            throw Error(ErrorKind::bad_input,
                        "a request of " + std::to_string(request.tokens.size()) +
                            " tokens cannot be scored from token " + std::to_string(request.first) +
                            " on: the first token follows nothing, and at least one must be left");
    // Nothing is predicted from a request's last token: those that differ there alone (the letters of a multiple
    // choice) are one row.
    const auto row_of = [&](std::size_t request) {
        return Window(requests[request].tokens).first(requests[request].tokens.size() - 1);
    };
    std::vector<std::size_t> order(requests.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    // Equal lengths side by side, the longest first: what does not fit is known at once.
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        const Window one = row_of(a), other = row_of(b);
        return one.size() != other.size() ? one.size() > other.size()
                                          : std::ranges::lexicographical_compare(one, other);
    });
    std::vector<Window> rows;
    std::vector<std::vector<std::size_t>> asked; // requests of each row
    for (const std::size_t request : order) {
        if (rows.empty() || !std::ranges::equal(rows.back(), row_of(request))) {
            rows.push_back(row_of(request));
            asked.emplace_back();
        }
        asked.back().push_back(request);
    }
    const auto targets_of = [&](std::size_t request) {
        return Window(requests[request].tokens).subspan(static_cast<std::size_t>(requests[request].first));
    };
    impl_->measure_rows(
        rows, "request", ctx,
        [&](std::span<const SideStates> sides, std::size_t row) {
            std::vector<at::Tensor> parts;
            for (const std::size_t request : asked[row])
                parts.push_back(predict(sides, requests[request].first - 1, targets_of(request)).flatten());
            return at::cat(parts);
        },
        [&](std::size_t row, const at::Tensor& all) {
            const std::int64_t sides = std::ssize(impl_->sides);
            std::int64_t begin = 0;
            for (const std::size_t request : asked[row]) {
                const std::int64_t scored = std::ssize(targets_of(request)), count = sides * 3 * scored;
                const at::Tensor measured = all.narrow(0, begin, count).view({sides, 3, scored});
                begin += count;
                for (std::int64_t side = 0; side < sides; ++side)
                    if (!all_finite(measured[side][0]))
                        impl_->refuse_overflow(static_cast<std::size_t>(side), rows[row],
                                               "the scores of request " + std::to_string(request + 1) + " are");
                on_scores(request, predictions_of(measured, targets_of(request)));
            }
        });
}

} // namespace graticule
