#include "core/runtime/predicted_damage.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/runtime/decoder.h"
#include "core/runtime/gradients.h"
#include "core/runtime/torch_error.h"
#include "core/runtime/transfers.h"

namespace graticule {

namespace {

using Window = std::span<const std::int32_t>;

/// What a linear read and wrote on the way forward.
struct Trace {
    at::Tensor input, output;
};

/// Keeps both; what comes after gets a copy of the output to write into.
class TracedOp final : public LinearOp {
public:
    TracedOp(std::shared_ptr<const LinearOp> operation, std::vector<Trace>& traces)
        : operation_(std::move(operation))
        , traces_(traces) {}

    [[nodiscard]] at::Tensor run(const SiteInput& x) const override {
        const at::Tensor output = operation_->run(x);
        output.retain_grad();
        traces_.push_back({x.values().detach(), output});
        return output.clone();
    }
    [[nodiscard]] std::int64_t device_bytes() const override { return operation_->device_bytes(); }
    [[nodiscard]] std::string_view kernel() const override { return operation_->kernel(); }

private:
    std::shared_ptr<const LinearOp> operation_;
    std::vector<Trace>& traces_;
};

/// Labels (draws, rows) from the distributions whose logarithms are `scores` (rows, vocabulary), as `numbers` in 0 .. 1
/// say: the same on every device but for rounding.
at::Tensor drawn_labels(const at::Tensor& scores, std::int64_t draws, std::mt19937_64& numbers) {
    const std::int64_t rows = scores.size(0);
    at::Tensor places = at::empty({rows, draws}, at::kDouble);
    std::generate_n(places.data_ptr<double>(), rows * draws, [&] { return double(numbers() >> 11) * 0x1p-53; });
    const at::Tensor sums = scores.detach().exp().cumsum(-1, at::kDouble);
    places = places.to(scores.device()).mul_(sums.narrow(1, sums.size(1) - 1, 1));
    return at::searchsorted(sums, places).clamp_max_(sums.size(1) - 1).t().contiguous();
}

/// For each draw the gradient of a window's summed losses, of labels that the model itself draws, in its hidden states
/// behind the last block.
std::vector<at::Tensor> gradients_at_the_end(const Decoder& decoder, const at::Tensor& states, std::int64_t targets,
                                             std::int64_t draws, std::mt19937_64& numbers, JobContext& ctx) {
    const at::Tensor hidden = states.detach().requires_grad_();
    const at::Tensor input = decoder.head_input(hidden);
    std::vector<at::Tensor> input_gradients;
    for (std::int64_t draw = 0; draw < draws; ++draw) input_gradients.push_back(at::zeros_like(input));
    for (std::int64_t first = 0; first < targets; first += decoder.logit_rows()) {
        const std::int64_t rows = std::min(decoder.logit_rows(), targets - first);
        at::Tensor some = input.detach().narrow(0, first, rows).requires_grad_();
        const at::Tensor scores = at::log_softmax(decoder.head_output(some), -1);
        const at::Tensor labels = drawn_labels(scores, draws, numbers);
        for (std::int64_t draw = 0; draw < draws; ++draw) {
            at::nll_loss(scores, labels[draw], {}, at::Reduction::Sum).backward({}, draw + 1 < draws);
            input_gradients[std::size_t(draw)].narrow(0, first, rows).copy_(some.grad());
            some.mutable_grad() = at::Tensor();
            ctx.check_cancelled();
        }
    }
    std::vector<at::Tensor> gradients;
    for (std::int64_t draw = 0; draw < draws; ++draw) {
        input.backward(input_gradients[std::size_t(draw)], draw + 1 < draws);
        gradients.push_back(hidden.grad());
        hidden.mutable_grad() = at::Tensor();
        ctx.check_cancelled();
    }
    return gradients;
}

at::Tensor error_of(const Trace& trace, const PreparedLinear& candidate, const Device& device) {
    SiteInputs inputs(trace.input, device);
    return candidate.operation->run(inputs.under(candidate.input)).sub_(trace.output.detach());
}

/// What one linear did in one window, and what each candidate would have done otherwise.
struct Seen {
    LayerId layer{};
    at::Tensor output;
    std::vector<at::Tensor> errors;
};

} // namespace

void predict_damage(
    const std::shared_ptr<const Model>& model, std::span<const std::shared_ptr<const QuantizedModel>> candidates,
    const Device& device, std::span<const Window> windows, const PredictionSpec& spec, JobContext& ctx,
    const std::function<void(LayerId layer, std::size_t candidate, std::vector<double> projections)>& on_projections) {
    GRATICULE_ASSERT(!windows.empty() && windows.front().size() > 1 && spec.draws > 0, "a loss to differentiate");
    translate_torch_errors("predicting damage on " + device.name(), [&] {
        const GradientScope gradients;
        const TorchScope scope(device);
        const Decoder decoder(model, stored_weights(), device);
        std::vector<std::unique_ptr<const Decoder>> quantized;
        for (const auto& candidate : candidates)
            quantized.push_back(std::make_unique<const Decoder>(decoder, quantized_weights(candidate)));

        // Stages of their own: a step back takes many times what one forward takes.
        const std::int64_t steps = std::ssize(windows) * std::ssize(model->blocks());
        ctx.progress.begin("Running the model", steps);
        std::vector<std::vector<at::Tensor>> entering; // hidden states by block and window
        std::vector<at::Tensor> hidden;
        for (const Window& window : windows) hidden.push_back(decoder.embed(std::span(&window, 1)));
        for (const Block& block : model->blocks()) {
            entering.push_back(hidden);
            const BlockOperations operations = decoder.prepare(block.id);
            for (at::Tensor& states : hidden) {
                states = decoder.forward(block.id, operations, states);
                ctx.advance();
            }
        }
        const auto targets = std::ssize(windows.front()) - 1;
        const auto draws = static_cast<std::size_t>(spec.draws);
        std::mt19937_64 numbers(spec.seed);
        std::vector<std::vector<at::Tensor>> gradient; // by window and draw
        ctx.progress.begin("Predicting damage from gradients", steps);
        for (at::Tensor& states : hidden)
            gradient.push_back(
                gradients_at_the_end(decoder, std::exchange(states, {}), targets, spec.draws, numbers, ctx));

        const double scale = 1 / std::sqrt(2 * static_cast<double>(targets));
        for (auto block = model->blocks().rbegin(); block != model->blocks().rend(); ++block) {
            std::map<LayerId, std::vector<Trace>> traces;
            BlockOperations operations = decoder.prepare(block->id);
            for (auto& [layer, linear] : operations.linears)
                linear.operation = std::make_shared<TracedOp>(linear.operation, traces[layer]);
            std::vector<BlockOperations> others;
            for (const auto& side : quantized) others.push_back(side->prepare(block->id));
            std::map<LayerId, std::vector<std::vector<double>>> found; // by candidate; window and draw
            for (const auto& [layer, linear] : operations.linears)
                found[layer].assign(candidates.size(), std::vector<double>(windows.size() * draws));
            for (std::size_t i = 0; i < windows.size(); ++i) {
                at::Tensor input = std::exchange(entering[index_of(block->id)][i], {}).detach().requires_grad_();
                const at::Tensor output = decoder.forward(block->id, operations, input);
                std::vector<Seen> all; // an expert that no token reached has none
                for (auto& [layer, linear] : traces) {
                    for (const Trace& trace : linear) {
                        Seen& seen = all.emplace_back(Seen{layer, trace.output, {}});
                        for (const BlockOperations& other : others)
                            seen.errors.push_back(error_of(trace, other.linears.at(layer), device));
                        ctx.check_cancelled();
                    }
                    linear.clear();
                }
                for (std::size_t draw = 0; draw < draws; ++draw) {
                    output.backward(gradient[i][draw], draw + 1 < draws);
                    gradient[i][draw] = input.grad();
                    input.mutable_grad() = at::Tensor();
                    for (Seen& seen : all) {
                        for (std::size_t c = 0; c < seen.errors.size(); ++c)
                            found[seen.layer][c][i * draws + draw] +=
                                scale * (seen.errors[c] * seen.output.grad()).sum(at::kDouble).item<double>();
                        seen.output.mutable_grad() = at::Tensor();
                    }
                    ctx.check_cancelled();
                }
                ctx.advance();
            }
            for (auto& [layer, of_candidates] : found)
                for (std::size_t c = 0; c < of_candidates.size(); ++c)
                    on_projections(layer, c, std::move(of_candidates[c]));
        }
        decoder.verify_parameters();
    });
}

} // namespace graticule
