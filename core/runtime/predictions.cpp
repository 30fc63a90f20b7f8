#include "core/runtime/predictions.h"

#include <algorithm>
#include <tuple>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/runtime/transfers.h"

namespace graticule {

namespace {

/// Calls use(logits (rows, vocabulary) of every side, targets (rows, 1)) for one run of rows after another.
template <class Use>
void for_each_logits(std::span<const SideStates> sides, std::int64_t first, std::span<const std::int32_t> targets,
                     Use use) {
    const Decoder& decoder = *sides.front().decoder;
    const auto count = static_cast<std::int64_t>(targets.size());
    std::vector<at::Tensor> inputs;
    for (const SideStates& side : sides) {
        GRATICULE_ASSERT(side.hidden.size(1) >= first + count, "a position for every target");
        inputs.push_back(side.decoder->head_input(side.hidden));
    }
    at::Tensor ids = at::empty({count, 1}, at::kLong);
    std::copy(targets.begin(), targets.end(), ids.data_ptr<std::int64_t>());
    ids = send(ids, decoder.device());
    for (std::int64_t done = 0; done < count;) {
        const std::int64_t rows = std::min(decoder.logit_rows(), count - done);
        std::vector<at::Tensor> logits;
        for (std::size_t i = 0; i < sides.size(); ++i)
            logits.push_back(sides[i].decoder->head_output(inputs[i].narrow(0, first + done, rows)));
        use(std::span<const at::Tensor>(logits), ids.narrow(0, done, rows));
        done += rows;
    }
}

/// Logits of all sides that are read in one step: on a CPU they stay in its caches.
constexpr std::int64_t cpu_step_values = 1 << 18, card_step_values = 1 << 26;

/// Calls use(first row, rows) for one part of `rows` rows of logits after another.
template <class Use>
void for_each_step(const Device& device, std::int64_t rows, std::int64_t vocabulary, Use use) {
    const std::int64_t step =
        std::max<std::int64_t>(1, (device.is_cuda() ? card_step_values : cpu_step_values) / vocabulary);
    for (std::int64_t done = 0; done < rows; done += step) use(done, std::min(step, rows - done));
}

/// Of rows of logits, each with the id that came: negative log-probabilities in nats, and sums of powers.
struct RowLosses {
    at::Tensor losses, sums; ///< (rows, 1)
};
/// `scores` are less their row's `highest` afterwards, so that no power overflows and differences of two sides are small
/// numbers; `powers` of them may be `scores` itself, which are used up then.
RowLosses row_losses(const at::Tensor& scores, const at::Tensor& highest, const at::Tensor& ids, at::Tensor powers) {
    const at::Tensor target = scores.gather(1, ids);
    scores.sub_(highest);
    at::exp_out(powers, scores);
    const at::Tensor sums = powers.sum(-1, true);
    return {sums.log().add_(highest) - target, sums};
}

} // namespace

at::Tensor mean_loss(const SideStates& side, std::int64_t first, std::span<const std::int32_t> targets) {
    const Device& device = side.decoder->device();
    const TorchScope scope(device);
    at::Tensor sum = at::zeros({}, side.hidden.options().dtype(at::kDouble));
    for_each_logits(
        std::span(&side, 1), first, targets, [&](std::span<const at::Tensor> logits, const at::Tensor& ids) {
            std::vector<at::Tensor> losses;
            for_each_step(device, ids.size(0), logits.front().size(1), [&](std::int64_t row, std::int64_t count) {
                const at::Tensor scores = logits.front().narrow(0, row, count);
                losses.push_back(row_losses(scores, scores.amax(-1, true), ids.narrow(0, row, count), scores).losses);
            });
            sum.add_(at::cat(losses).sum(at::kDouble));
        });
    return sum.div_(static_cast<double>(targets.size()));
}

namespace {

/// See predict: of these rows of logits, which are used up.
at::Tensor predict_rows(std::span<const at::Tensor> logits, const at::Tensor& ids, std::int64_t likely) {
    at::Tensor first_scores, first_powers, first_total; // of the first side: log-probabilities but for a constant
    std::vector<at::Tensor> sides;
    for (const at::Tensor& scores : logits) {
        const auto [highest, choice] = scores.max(-1, true);
        const at::Tensor powers = at::empty_like(scores);
        const auto [loss, sum] = row_losses(scores, highest, ids, powers);
        const at::Tensor total = sum.to(at::kDouble);
        at::Tensor divergence = at::zeros_like(total);
        if (!first_scores.defined()) {
            std::tie(first_scores, first_powers, first_total) = std::tie(scores, powers, total);
        } else {
            const at::Tensor mean = at::sub(first_scores, scores).mul_(first_powers).sum(-1, true).to(at::kDouble);
            // Rounding leaves two equal distributions a hair below zero.
            divergence = (mean / first_total - (first_total / total).log_()).clamp_min_(0);
        }
        std::vector<at::Tensor> columns = {loss.to(at::kDouble), choice.to(at::kDouble), divergence};
        if (likely > 0) {
            const auto [highest_scores, tokens] = scores.topk(likely, -1);
            columns.push_back(tokens.to(at::kDouble));
            columns.push_back((highest_scores.exp() / sum).to(at::kDouble));
        }
        sides.push_back(at::cat(columns, 1).t());
    }
    return at::stack(sides);
}

} // namespace

at::Tensor predict(std::span<const SideStates> sides, std::int64_t first, std::span<const std::int32_t> targets,
                   std::int64_t likely) {
    const Device& device = sides.front().decoder->device();
    const TorchScope scope(device);
    std::vector<at::Tensor> parts;
    for_each_logits(sides, first, targets, [&](std::span<const at::Tensor> logits, const at::Tensor& ids) {
        for_each_step(device, ids.size(0), logits.front().size(1), [&](std::int64_t first_row, std::int64_t count) {
            std::vector<at::Tensor> some;
            for (const at::Tensor& all : logits) some.push_back(all.narrow(0, first_row, count));
            parts.push_back(predict_rows(some, ids.narrow(0, first_row, count), likely));
        });
    });
    return at::cat(parts, 2);
}

} // namespace graticule
